/* SPDX-License-Identifier: MIT */
/* What the parts of a VM's keeper share: vm_keeper.c, vm_keeper_life.c. */
#ifndef TANDEM_TOOLS_VM_KEEPER_INT_H
#define TANDEM_TOOLS_VM_KEEPER_INT_H

#include "hv/base/evloop.h"
#include "tools/bounded_log.h"
#include "tools/spawn.h"
#include "tools/vm_console.h"
#include "tools/vm_keeper.h"
#include "tools/vmctl_client.h"

struct keeper {
	struct cli *c;
	const struct vm_plan *plan;
	struct evloop *loop;
	int signals, messages[2]; /* a pipe: tandem-vm's stderr */
	struct bounded_log log;
	struct vm_console *console;
	/* of the VM that is there */
	bool running;
	struct cli_domain dom;
	struct spawned vm;
	int control; /* -1: none */
	struct evsource *control_src;
	int64_t started_ms;
};

/* Makes the domain and starts its VM. 0, or 2: it has said why, and nothing is left. */
int keeper_start(struct keeper *k, bool paused);
/* Ends the VM and the domain. 0, or -ENOENT: somebody has destroyed it already. */
int keeper_stop(struct keeper *k);
/* Writes the stopped guest's memory to a file. Errors are said. */
void keeper_dump(struct keeper *k);

/* For keeper_start(): the guest has stopped or its process has ended. */
void keeper_on_control(void *arg, uint32_t events);
/* It has not come up: its own last line says why. 2 */
int keeper_fail_by_message(struct keeper *k, int err);

#endif
