/* SPDX-License-Identifier: MIT */
/*
 * A VM's memory as its arena 0: RAM, and the version-1 grant table that the guest
 * writes itself. Who may have it: the domains that serve the VM's devices
 * (registry.vm_serves), and these see all of the RAM, as a vhost-user backend
 * does; what each entry grants is then between the guest and an honest backend.
 * So a backend that a guest does not trust belongs into a VM, whose hypervisor
 * process maps single pages on its behalf.
 *
 * Frames below low_pages are RAM's first pages; the others stand from
 * GNTVM_HIGH_FRAME on.
 */
#ifndef TANDEM_HV_CORE_GNTVM_H
#define TANDEM_HV_CORE_GNTVM_H

#include "hv/core/gnttab.h"

#define GNTVM_HIGH_FRAME 0x100000u /* 4 GiB */
#define GNTVM_TABLE_MAX	 2048u	   /* pages: as many entries as an arena may have */

/*
 * The client's VM gets its memory. The descriptors become the VM's if this
 * returns 0. `table` has whole pages; its size says how many.
 * -EPERM not a VM; -EBUSY it has memory, or a peer has that of an earlier client;
 * -EINVAL sizes, seals or kind of file; -ENOMEM.
 */
int gntvm_register(struct client *c, int ram, uint32_t ram_pages, uint32_t low_pages,
		   int table);

#endif
