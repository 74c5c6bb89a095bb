/* SPDX-License-Identifier: MIT */
/* Events as a level of an interrupt line. */
#include "hv/kvm/xen_line.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hv/base/evsignal.h"
#include "hv/base/log.h"
#include "hv/kvm/xen_evtchn_int.h"

#define NR_LINES   24u /* of the IOAPIC */
#define TYPE_SHIFT 56
#define EVENTS_MAX 16

struct xen_line {
	struct vm *vm;
	int irq_fd, acked_fd, listen_fd; /* what we signal, what KVM does, epoll */
	struct evsource *acked_src, *listen_src;
	bool by_pin;	/* the platform device's */
	unsigned gsi;	/* else, this; 0: none */
	unsigned route; /* where that pin goes; 0: nowhere */
	bool on;	/* the guest has asked for it */
	unsigned wired; /* where KVM has irq_fd; 0: nowhere */
	bool asserted;
};

bool xen_line_is_on(const struct vm *vm)
{
	return vm->xen.line && vm->xen.line->on;
}

/* Is something pending for vcpu 0, which is told by no vector? */
static bool is_pending(struct vm *vm)
{
	const struct vcpu *v = vm->vcpu[0];
	const struct vcpu_info *info;

	if (v->xen.upcall_vector || v->xen.info_gpa == XEN_GFN_NONE)
		return false;
	info = gmem_ptr_ro(&vm->mem, v->xen.info_gpa, sizeof(*info));
	return info && atomic_load(&info->evtchn_upcall_pending);
}

void xen_line_update(struct vm *vm)
{
	struct xen_line *l = vm->xen.line;
	const uint64_t one = 1;

	if (!l || !l->wired || l->asserted || !is_pending(vm))
		return;
	/* cannot fail: KVM takes each at once */
	(void)!write(l->irq_fd, &one, sizeof(one));
	l->asserted = true;
}

/* --------------------------------------------------------------------- KVM's side */

static int wire(struct xen_line *l, unsigned gsi, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = (uint32_t)l->irq_fd,
			       .gsi = gsi,
			       .flags = flags | KVM_IRQFD_FLAG_RESAMPLE,
			       .resamplefd = (uint32_t)l->acked_fd };

	return ioctl(l->vm->fd, KVM_IRQFD, &f) < 0 ? -errno : 0;
}

/* Puts the line where it is to be; unwired it is not asserted. */
static int rewire(struct xen_line *l)
{
	const unsigned gsi = !l->on ? 0 : l->by_pin ? l->route : l->gsi;
	int err = 0;

	if (gsi == l->wired)
		return 0;
	if (l->wired)
		/* cannot fail: it was wired */
		(void)wire(l, l->wired, KVM_IRQFD_FLAG_DEASSIGN);
	l->wired = 0;
	l->asserted = false;
	if (gsi)
		err = wire(l, gsi, 0);
	if (!err)
		l->wired = gsi;
	xen_line_update(l->vm);
	return err;
}

static void on_acked(void *arg, uint32_t events)
{
	struct xen_line *l = arg;

	(void)events;
	if (eventfd_take(l->acked_fd))
		return;
	pthread_mutex_lock(&l->vm->lock);
	l->asserted = false;
	xen_line_update(l->vm);
	pthread_mutex_unlock(&l->vm->lock);
}

/* ------------------------------------------------------------- other domains' events */

int xen_line_listen(struct vm *vm, evtchn_port_t port, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = port };

	if (!vm->xen.line)
		return -EOPNOTSUPP;
	return epoll_ctl(vm->xen.line->listen_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

void xen_line_deaf(struct vm *vm, int fd)
{
	if (vm->xen.line)
		/* cannot fail: it was added */
		(void)epoll_ctl(vm->xen.line->listen_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* A port may have been closed since, or be another by now: it hears nothing wrong. */
static void port_heard(struct vm *vm, evtchn_port_t port)
{
	const struct xen_port *p = xen_port_get(vm, port);

	if (p && p->wait_fd >= 0 && !eventfd_take(p->wait_fd))
		xen_evtchn_raise(vm, port);
}

static void on_heard(void *arg, uint32_t events)
{
	struct xen_line *l = arg;
	struct epoll_event e[EVENTS_MAX];
	int n = epoll_wait(l->listen_fd, e, EVENTS_MAX, 0);

	(void)events;
	pthread_mutex_lock(&l->vm->lock);
	for (int i = 0; i < n; i++)
		port_heard(l->vm, e[i].data.u32);
	pthread_mutex_unlock(&l->vm->lock);
}

/* ------------------------------------------------------------------ on, and off again */

/* KVM sends some events to the guest itself: from the guest's own ports, and from
 * descriptors. */
static bool kvm_delivers(const struct vm *vm, const struct xen_port *p)
{
	return p->notify_fd < 0 &&
	       (p->state == EVTCHNSTAT_ipi || xen_port_is_loop(vm, p));
}

/* Takes all ports from who delivers now, and gives them to who does from now on. */
static int deliver_by(struct xen_line *l, bool on)
{
	struct vm *vm = l->vm;
	int err = 0, first = 0;

	if (l->on == on)
		return 0;
	for (evtchn_port_t i = 1; i < vm->xen.nr_ports; i++) {
		const struct xen_port *p = xen_port_get(vm, i);

		if (p && p->wait_fd >= 0)
			vm->hw->port_deaf(vm, i, p->wait_fd);
		else if (p && kvm_delivers(vm, p))
			vm->hw->port_unbind(vm, i);
	}
	l->on = on;
	for (evtchn_port_t i = 1; i < vm->xen.nr_ports; i++) {
		const struct xen_port *p = xen_port_get(vm, i);

		if (p && p->wait_fd >= 0)
			err = vm->hw->port_listen(vm, i, p->wait_fd);
		else if (p && kvm_delivers(vm, p))
			err = vm->hw->port_bind(vm, i, p, false);
		first = first ? first : err;
	}
	return first;
}

int xen_line_set(struct vm *vm, uint64_t callback)
{
	const uint64_t type = callback >> TYPE_SHIFT;
	const unsigned gsi = (unsigned)(callback & UINT32_MAX);
	struct xen_line *l = vm->xen.line;
	bool on = false;
	int err;

	/* who has vectors of its vcpus names a line all the same, to say that it
	 * knows Xen */
	if (callback && type <= HVM_PARAM_CALLBACK_TYPE_PCI_INTX)
		on = !vm->vcpu[0]->xen.upcall_vector;
	if (on && (!l || (type == HVM_PARAM_CALLBACK_TYPE_GSI && gsi >= NR_LINES)))
		return -EOPNOTSUPP;
	if (!l)
		return 0;
	l->by_pin = type == HVM_PARAM_CALLBACK_TYPE_PCI_INTX;
	l->gsi = gsi;
	err = deliver_by(l, on);
	return err ? err : rewire(l);
}

void xen_line_route(struct vm *vm, unsigned gsi)
{
	struct xen_line *l = vm->xen.line;

	if (!l)
		return;
	pthread_mutex_lock(&vm->lock);
	l->route = gsi;
	if (rewire(l))
		log_limited(&vm->log_budget, LOG_WARN, "%s: no interrupt line %u",
			    vm->name, gsi);
	pthread_mutex_unlock(&vm->lock);
}

/* ----------------------------------------------------------------------------- object */

int xen_line_open(struct vm *vm, struct evloop *loop)
{
	struct xen_line *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->vm = vm;
	l->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->acked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->listen_fd = epoll_create1(EPOLL_CLOEXEC);
	vm->xen.line = l;
	if (l->irq_fd < 0 || l->acked_fd < 0 || l->listen_fd < 0) {
		err = -errno;
		xen_line_close(vm);
		return err;
	}
	err = evloop_add(loop, l->acked_fd, EPOLLIN, on_acked, l, &l->acked_src);
	if (!err)
		err = evloop_add(loop, l->listen_fd, EPOLLIN, on_heard, l,
				 &l->listen_src);
	if (err)
		xen_line_close(vm);
	return err;
}

void xen_line_close(struct vm *vm)
{
	struct xen_line *l = vm->xen.line;
	const int fds[] = { l ? l->irq_fd : -1, l ? l->acked_fd : -1,
			    l ? l->listen_fd : -1 };

	if (!l)
		return;
	vm->xen.line = NULL;
	if (l->acked_src)
		evloop_del(l->acked_src);
	if (l->listen_src)
		evloop_del(l->listen_src);
	for (unsigned i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(l);
}
