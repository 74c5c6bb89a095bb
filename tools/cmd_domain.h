/* SPDX-License-Identifier: MIT */
/* What cmd_domain.c and cmd_create.c share. */
#ifndef TANDEM_TOOLS_CMD_DOMAIN_H
#define TANDEM_TOOLS_CMD_DOMAIN_H

#include "tools/cli.h"
#include "tools/spawn.h"

/* Where the program of a domain is written down: "PID START". dom0's alone. */
#define DOMAIN_RECORDS "/tandem"
#define DOMAIN_RECORD  DOMAIN_RECORDS "/%u"

/* 1 to 63 letters, digits, _ . -; not digits alone, which would be an id. */
bool domain_name_ok(const char *s);
int domain_record(struct cli *c, domid_t domid, const struct spawned *s);
/* 0, or -ENOENT: none was started with the domain. */
int domain_program(struct cli *c, domid_t domid, struct spawned *s);
/* Ends the domain, its disks and its program. -errno: nothing was ended. */
int domain_destroy(struct cli *c, const struct cli_domain *dom);
/* The verbs create and list. */
int cli_create(struct cli *c);
int cli_list(struct cli *c);

#endif
