/* SPDX-License-Identifier: MIT */
/* What the verbs on disks and on domains need of each other. */
#ifndef TANDEM_TOOLS_CMD_BLOCK_H
#define TANDEM_TOOLS_CMD_BLOCK_H

#include "tools/cli.h"
#include "tools/cmd_dev.h"
#include "tools/disk_spec.h"
#include "tools/disk_xs.h"

/* 0, or 2 after saying what is wrong; *spec is the caller's to clear then not. */
int cli_parse_disk(struct cli *c, int n, const char *const *strings,
		   struct disk_spec *spec);
/* Makes the device and waits for its backend; takes it back if that fails. */
int cli_attach(struct cli *c, const struct cli_domain *dom, const struct disk_spec *spec);
/* The verb block-list, cmd_block_list.c. */
int cli_block_list(struct cli *c);

#endif
