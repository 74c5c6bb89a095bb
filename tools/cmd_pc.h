/* SPDX-License-Identifier: MIT */
/* What the verbs on PCs share: cmd_pc.c, cmd_pc_media.c, cmd_life.c. */
#ifndef TANDEM_TOOLS_CMD_PC_H
#define TANDEM_TOOLS_CMD_PC_H

#include "tools/cmd_vm.h"
#include "tools/vmctl.h"

/* A PC by name or id, and a connection to it. 0, or 2 after saying why not. */
int cli_find_pc(struct cli *c, const char *name, struct cli_domain *dom, int *fd);
/* One operation of it, with descriptors. *reply may be NULL. -errno; -EOPNOTSUPP: no PC
 */
int pc_call(int fd, struct vmctl_call *call, const int *fds, int nfds,
	    struct vmctl_reply *reply);
/* Presses its power button. 0, or 2 after saying why not. */
int cli_power_button(struct cli *c, const struct cli_domain *dom, int fd);
/* The verbs cdrom-insert and cdrom-eject. */
int cli_cdrom_insert(struct cli *c);
int cli_cdrom_eject(struct cli *c);

#endif
