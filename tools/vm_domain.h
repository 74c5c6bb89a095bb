/* SPDX-License-Identifier: MIT */
/* tandem-vm as a domain of tandem-hvd: its memory, channels and xenstore. */
#ifndef TANDEM_TOOLS_VM_DOMAIN_H
#define TANDEM_TOOLS_VM_DOMAIN_H

#include "hv/kvm/vm.h"
#include "hv/proc/hvclient.h"

struct vm_domain {
	int hv; /* -1: started by hand, nobody's domain */
	domid_t domid;
	char name[HVCALL_NAME_MAX];
};

/* Who this process is, by $TANDEM_HV_FD. Errors are said. */
int vm_domain_open(struct vm_domain *d);

/* Gives the machine's memory to the hypervisor, and its channels to the machine. */
int vm_domain_join(struct vm_domain *d, struct vm *vm);

#endif
