/* SPDX-License-Identifier: MIT */
/* A guest's Xen objects at their beginning and end. */
#include "hv/kvm/xen_domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/base/evsignal.h"
#include "hv/kvm/xen_grant.h"

/* The grant table has a memfd of its own, which others may be given. */
static int gnttab_make(void)
{
	int fd = memfd_create("tandem-gnttab", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)XEN_GNTTAB_FRAMES * XEN_PAGE_SIZE) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int xen_domain_init(struct vm *vm, domid_t domid)
{
	struct xen_domain *x = &vm->xen;

	x->domid = domid;
	x->shared_gfn = XEN_GFN_NONE;
	x->gnttab_frames = 1;
	x->nr_ports = 1; /* port 0 is never valid */
	x->pages = x->max_pages = vm->mem.ram_bytes / XEN_PAGE_SIZE;
	for (unsigned i = 0; i < XEN_GNTTAB_FRAMES; i++)
		x->gnttab_gfn[i] = XEN_GFN_NONE;
	x->gnttab_fd = gnttab_make();
	if (x->gnttab_fd < 0)
		return x->gnttab_fd;
	x->signal = evsignal_new();
	if (!x->signal)
		return -errno;
	x->port = calloc(XEN_NR_PORTS, sizeof(*x->port));
	return x->port ? 0 : -ENOMEM;
}

void xen_domain_fini(struct vm *vm)
{
	xen_grants_fini(vm);
	for (unsigned i = 0; vm->xen.port && i < vm->xen.nr_ports; i++) {
		if (vm->xen.port[i].state != EVTCHNSTAT_closed &&
		    vm->xen.port[i].wait_fd >= 0) {
			close(vm->xen.port[i].wait_fd);
			close(vm->xen.port[i].notify_fd);
		}
	}
	free(vm->xen.port);
	evsignal_free(vm->xen.signal);
	if (vm->xen.gnttab_fd >= 0)
		close(vm->xen.gnttab_fd);
}
