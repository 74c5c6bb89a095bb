/* SPDX-License-Identifier: MIT */
/* A VM without KVM. */
#include "tests/lib/barevm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/kvm/xen_evtchn.h"
#include "hv/kvm/xen_remote.h"

static struct barevm *of(struct vm *vm)
{
	return (struct barevm *)vm;
}

static int translate(struct vcpu *v, uint64_t va, uint64_t *gpa)
{
	(void)v;
	*gpa = va;
	return 0;
}

static int tell(struct vm *vm, evtchn_port_t port, unsigned vcpu)
{
	if (xen_evtchn_pend(vm, port, vm->vcpu[vcpu]))
		of(vm)->told[vcpu]++;
	return 0;
}

static int upcall(struct vcpu *v)
{
	if (v->xen.upcall_vector)
		of(v->vm)->told[v->id]++;
	return 0;
}

static int listen_fd(struct vm *vm, evtchn_port_t port, int fd)
{
	(void)vm;
	(void)port;
	(void)fd;
	return 0;
}

static int context(struct vcpu *v, const struct vcpu_hvm_context *c)
{
	(void)v;
	return c->mode > 1 ? -EINVAL : 0;
}

static int power(struct vcpu *v, bool up)
{
	of(v->vm)->up[v->id] = up;
	return 0;
}

static int is_up(struct vcpu *v)
{
	return of(v->vm)->up[v->id];
}

static int nmi(struct vcpu *v)
{
	(void)v;
	return 0;
}

/* ------------------------------------------------------------- other domains */

static int channel_new(struct barevm *b, domid_t remote, struct xen_channel *ch)
{
	if (remote == b->no_remote)
		return -ENOENT;
	ch->wait = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ch->notify = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->remote_wait >= 0) {
		close(b->remote_wait);
		close(b->remote_notify);
	}
	b->remote_wait = dup(ch->notify);
	b->remote_notify = dup(ch->wait);
	b->remote_opens++;
	return 0;
}

static int remote_alloc(void *arg, domid_t remote, evtchn_port_t port,
			struct xen_channel *ch)
{
	(void)port;
	return channel_new(arg, remote, ch);
}

static int remote_bind(void *arg, domid_t remote, evtchn_port_t remote_port,
		       evtchn_port_t port, struct xen_channel *ch)
{
	(void)port;
	(void)remote_port;
	return channel_new(arg, remote, ch);
}

static void remote_close(void *arg, evtchn_port_t port)
{
	struct barevm *b = arg;

	(void)port;
	b->remote_closes++;
}

static int remote_status(void *arg, evtchn_port_t port)
{
	(void)arg;
	(void)port;
	return EVTCHNSTAT_interdomain;
}

static int memory_get(void *arg, domid_t granter, uint32_t id, struct xen_memory *a)
{
	struct barevm *b = arg;

	if (granter != 3 || id != 5)
		return -ENOENT;
	*a = (struct xen_memory){ .pages = BAREVM_ARENA_PAGES,
				  .entry_pages = 1,
				  .entries = -1 };
	a->data = dup(b->arena);
	b->arena_opens++;
	return 0;
}

static void memory_put(void *arg, domid_t granter, uint32_t id)
{
	struct barevm *b = arg;

	(void)granter;
	(void)id;
	b->arena_closes++;
}

static const struct xen_remote_ops remote_ops = {
	.alloc = remote_alloc,
	.bind = remote_bind,
	.close = remote_close,
	.status = remote_status,
	.memory_get = memory_get,
	.memory_put = memory_put,
};

/* --------------------------------------------------------------------- object */

static struct xen_hw_ops bare_hw;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "barevm: %s: %s\n", what, strerror(errno));
	abort();
}

struct barevm *barevm_open(unsigned vcpus)
{
	struct barevm *b = calloc(1, sizeof(*b));

	must(b, "memory");
	bare_hw = xen_hw_user;
	bare_hw.translate = translate;
	bare_hw.raise = tell;
	bare_hw.upcall = upcall;
	bare_hw.vcpu_context = context;
	bare_hw.vcpu_up = power;
	bare_hw.vcpu_is_up = is_up;
	bare_hw.vcpu_nmi = nmi;
	b->up[0] = true;
	bare_hw.port_listen = listen_fd;
	b->vm.hw = &bare_hw;
	b->vm.fd = b->vm.kvm_fd = b->vm.stop_fd = -1;
	b->remote_wait = b->remote_notify = -1;
	b->no_remote = 99;
	b->vm.nvcpus = vcpus;
	pthread_mutex_init(&b->vm.lock, NULL);
	must(!gmem_init(&b->vm.mem, BAREVM_BYTES, false, NULL, NULL), "gmem");
	must(!xen_domain_init(&b->vm, BAREVM_DOMID), "domain");
	for (unsigned i = 0; i < vcpus; i++) {
		b->vcpu[i].vm = &b->vm;
		b->vcpu[i].id = i;
		b->vcpu[i].fd = -1;
		b->vcpu[i].xen.info_gpa = XEN_GFN_NONE;
		b->vm.vcpu[i] = &b->vcpu[i];
	}
	b->arena = memfd_create("arena", MFD_CLOEXEC);
	must(b->arena >= 0 && !ftruncate(b->arena, BAREVM_ARENA_PAGES * 4096), "arena");
	xen_remote_set(&b->vm, &remote_ops, b);
	return b;
}

void barevm_close(struct barevm *b)
{
	xen_domain_fini(&b->vm);
	gmem_fini(&b->vm.mem);
	pthread_mutex_destroy(&b->vm.lock);
	if (b->remote_wait >= 0) {
		close(b->remote_wait);
		close(b->remote_notify);
	}
	close(b->arena);
	free(b);
}

int64_t barevm_call(struct barevm *b, unsigned vcpu, uint64_t nr, uint64_t a0,
		    uint64_t a1, uint64_t a2)
{
	return hypercall(&b->vcpu[vcpu], nr, (const uint64_t[]){ a0, a1, a2, 0, 0, 0 }, 0,
			 true);
}

int64_t barevm_op(struct barevm *b, uint64_t nr, uint64_t cmd, void *arg, size_t size)
{
	void *at = gmem_ptr(&b->vm.mem, BAREVM_ARGS, size);
	int64_t ret;

	must(at, "arguments");
	memcpy(at, arg, size);
	ret = barevm_call(b, 0, nr, cmd, BAREVM_ARGS, 1);
	memcpy(arg, at, size);
	return ret;
}

struct shared_info *barevm_shared_info(struct barevm *b)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_shared_info,
					.gpfn = BAREVM_INFO >> XEN_PAGE_SHIFT };

	must(!barevm_op(b, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a, sizeof(a)),
	     "shared info");
	return xen_shared_info(&b->vm);
}
