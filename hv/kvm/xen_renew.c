/* SPDX-License-Identifier: MIT */
/* A guest that wakes up as in a new domain, in its old one. */
#include <sys/mman.h>
#include <unistd.h>

#include <errno.h>
#include <fcntl.h>

#include "hv/kvm/xen_evtchn_int.h"
#include "hv/kvm/xen_timer.h"

/* All but the ends of its console and its xenstore, which a new domain has too. */
static void ports_close(struct vm *vm)
{
	for (evtchn_port_t p = 1; p < vm->xen.nr_ports; p++)
		if (vm->xen.port[p].state != EVTCHNSTAT_closed &&
		    (vm->xen.port[p].notify_fd < 0 || vm->xen.port[p].wait_fd >= 0))
			/* cannot fail: it is open */
			(void)xen_port_close(vm, p);
}

static int table_clear(struct vm *vm)
{
	struct xen_domain *x = &vm->xen;
	const off_t size = (off_t)XEN_GNTTAB_FRAMES * XEN_PAGE_SIZE;

	for (unsigned i = 0; i < XEN_GNTTAB_FRAMES; i++)
		if (x->gnttab_gfn[i] != XEN_GFN_NONE) {
			/* cannot fail: it was placed there */
			(void)gmem_remove(&vm->mem, x->gnttab_gfn[i]);
			x->gnttab_gfn[i] = XEN_GFN_NONE;
		}
	x->gnttab_frames = 1;
	return fallocate(x->gnttab_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 size) < 0
		       ? -errno
		       : 0;
}

static int vcpus_clear(struct vm *vm)
{
	int err = 0;

	for (unsigned i = 0; i < vm->nvcpus && !err; i++) {
		struct vcpu *v = vm->vcpu[i];

		v->xen.info_registered = false;
		/* a KVM that does not do these has nothing to forget */
		(void)vm->hw->time_info(v, XEN_GFN_NONE);
		(void)vm->hw->runstate_area(v, XEN_GFN_NONE);
		err = xen_vcpu_info_set(v, XEN_GFN_NONE);
	}
	return err;
}

int xen_domain_renew(struct vm *vm)
{
	int err;

	pthread_mutex_lock(&vm->lock);
	ports_close(vm);
	xen_timers_stop(vm);
	err = vcpus_clear(vm);
	if (!err)
		err = vm->hw->shared_info(vm, XEN_GFN_NONE);
	xen_shared_info_unplace(vm, vm->xen.shared_gfn);
	vm->xen.shared_gfn = XEN_GFN_NONE;
	vm->xen.woken = true;
	if (!err)
		err = table_clear(vm);
	pthread_mutex_unlock(&vm->lock);
	return err;
}
