/* SPDX-License-Identifier: MIT */
/* A VM's directory in xenstore, as Xen's toolstack makes it and its guests expect. */
#ifndef TANDEM_TOOLS_VM_XS_H
#define TANDEM_TOOLS_VM_XS_H

#include "tools/cli.h"
#include "tools/vmctl.h"

/* All but what a VM's keys say (create_vm.h) and what is known later. 0 or 2. */
int vm_xs_make(struct cli *c, domid_t domid, const char *name, const char *uuid);
/* Where its console's and its xenstore's rings are. 0 or 2. */
int vm_xs_rings(struct cli *c, domid_t domid, const struct vmctl_reply *rings);
/* Where viewers find its screen; port 0: none, as of a unix socket. 0 or 2. */
int vm_xs_vnc(struct cli *c, domid_t domid, const char *address, uint64_t port);
/* Its uuid: before the domain goes. "": it has none. */
void vm_xs_uuid(struct cli *c, domid_t domid, char *uuid);
/* What stands beside its directory: after the domain has gone. */
void vm_xs_forget(struct cli *c, const char *uuid);

#endif
