/* SPDX-License-Identifier: MIT */
/* Values of a configuration's keys, as the types that they should have. */
#ifndef TANDEM_TOOLS_CREATE_KEY_H
#define TANDEM_TOOLS_CREATE_KEY_H

#include "tools/cli.h"
#include "tools/xlcfg.h"

/* 0, or 2 after saying which key wants what. */
int key_number(struct cli *c, const char *key, const struct xlcfg_value *v, uint64_t min,
	       uint64_t max, uint64_t *n);
int key_flag(struct cli *c, const char *key, const struct xlcfg_value *v, bool *flag);
/* *s is the configuration's. */
int key_string(struct cli *c, const char *key, const struct xlcfg_value *v,
	       const char **s);

#endif
