/* SPDX-License-Identifier: MIT */
/*
 * A VM's console as the process that keeps it serves it: a log file, and viewers on
 * `vm/DOMID.console` in the state directory. All viewers see the same, from the last 16
 * KiB on, and each may type. One that does not read misses something and delays
 * nobody. A guest that writes without end is slowed to a rate: it waits, nobody else.
 */
#ifndef TANDEM_TOOLS_VM_CONSOLE_H
#define TANDEM_TOOLS_VM_CONSOLE_H

#include "hv/base/evloop.h"
#include "ringproto/grant.h"

#define VM_CONSOLE_SOCKET ".con" /* behind VMCTL_DIR/DOMID */

struct vm_console;

int vm_console_open(struct vm_console **con, struct evloop *loop, const char *name);
/* A new VM: viewers stay. *vm_end is its end of the console, the caller's. -errno */
int vm_console_start(struct vm_console *c, domid_t domid, int *vm_end);
/* It has ended: what it wrote last is taken. */
void vm_console_stop(struct vm_console *c);
void vm_console_close(struct vm_console *c);

#endif
