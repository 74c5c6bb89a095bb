/* SPDX-License-Identifier: MIT */
/*
 * The process that keeps a VM: `tandem create` leaves it behind, one a domain, as xl
 * does. It starts tandem-vm, which is confined and can do nothing of this itself,
 * serves the console and the log of its messages, and does at the guest's end what
 * the configuration says: destroy, restart (a new domain with the same disks and
 * vifs), preserve, dump. It ends when its domain does, and when tandem-hvd does.
 */
#ifndef TANDEM_TOOLS_VM_KEEPER_H
#define TANDEM_TOOLS_VM_KEEPER_H

#include "tools/cli.h"
#include "tools/create_vm.h"

struct vm_plan {
	const char *name;
	char *const *argv; /* tandem-vm's command line, ends with NULL; after build() */
	struct vm_keys *keys; /* a PC's media are kept in it */
	bool paused;	      /* at first */
	/* Makes the domain, its keys and devices. 0, or 2 after it has said why and has
	 * taken all back. */
	int (*build)(struct cli *c, void *arg, struct cli_domain *dom);
	/* NULL, or: the guest is loaded, and about to run. 0, or 2 after the reason. */
	int (*loaded)(struct cli *c, void *arg, const struct cli_domain *dom);
	void *arg;
};

/*
 * Starts it, and returns when the VM is there: 0, or 2 after the reason was said. The
 * cli must not be connected yet: connections are the keeper's own.
 */
int vm_keep(struct cli *c, const struct vm_plan *plan);

#endif
