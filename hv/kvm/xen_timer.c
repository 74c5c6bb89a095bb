/* SPDX-License-Identifier: MIT */
/* Watchdogs and periodic timers. */
#include "hv/kvm/xen_timer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/kvm/xen_evtchn.h"

#define PERIOD_MIN 1000000ull /* as in Xen */
#define SECOND	   1000000000ull

struct timer {
	struct vm *vm;
	struct vcpu *vcpu; /* NULL: a watchdog */
	int fd;
	struct evsource *src;
	bool used;
};

struct xen_timers {
	unsigned n; /* the watchdogs come first, then one a vcpu */
	struct timer timer[];
};

static void on_timer(void *arg, uint32_t events)
{
	struct timer *t = arg;
	uint64_t n;

	(void)events;
	pthread_mutex_lock(&t->vm->lock);
	/* what was set anew meanwhile has nothing to read */
	if (read(t->fd, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
		if (t->vcpu)
			xen_evtchn_raise(t->vm, t->vcpu->xen.virq[VIRQ_TIMER]);
		else
			vm_stop(t->vm, SHUTDOWN_watchdog);
	}
	pthread_mutex_unlock(&t->vm->lock);
}

static int timer_open(struct timer *t, struct vm *vm, struct vcpu *v, struct evloop *loop)
{
	t->vm = vm;
	t->vcpu = v;
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (t->fd < 0)
		return -errno;
	return evloop_add(loop, t->fd, EPOLLIN, on_timer, t, &t->src);
}

int xen_timers_open(struct vm *vm, struct evloop *loop)
{
	unsigned n = XEN_WATCHDOGS + vm->nvcpus;
	struct xen_timers *t = calloc(1, sizeof(*t) + n * sizeof(t->timer[0]));
	int err = 0;

	if (!t)
		return -ENOMEM;
	vm->xen.timers = t;
	for (; t->n < n && !err; t->n++)
		err = timer_open(&t->timer[t->n], vm,
				 t->n < XEN_WATCHDOGS ? NULL
						      : vm->vcpu[t->n - XEN_WATCHDOGS],
				 loop);
	if (err)
		xen_timers_close(vm);
	return err;
}

void xen_timers_close(struct vm *vm)
{
	struct xen_timers *t = vm->xen.timers;

	for (unsigned i = 0; t && i < t->n; i++) {
		if (t->timer[i].src)
			evloop_del(t->timer[i].src);
		if (t->timer[i].fd >= 0)
			close(t->timer[i].fd);
	}
	free(t);
	vm->xen.timers = NULL;
}

static int timer_set(struct timer *t, uint64_t ns, bool again)
{
	struct itimerspec its = { .it_value = { (time_t)(ns / SECOND),
						(long)(ns % SECOND) } };

	if (again)
		its.it_interval = its.it_value;
	t->used = ns > 0;
	return timerfd_settime(t->fd, 0, &its, NULL) < 0 ? -errno : 0;
}

/* id 0: a new one, whose id is returned; seconds 0: it ends. */
int64_t xen_watchdog(struct vm *vm, uint32_t id, uint32_t seconds)
{
	struct xen_timers *t = vm->xen.timers;
	unsigned i = 0;
	int err;

	if (!t)
		return -ENOSYS;
	if (id > XEN_WATCHDOGS)
		return -EINVAL;
	if (id) {
		if (!t->timer[id - 1].used)
			return -EINVAL;
		return timer_set(&t->timer[id - 1], seconds * SECOND, false);
	}
	if (!seconds)
		return -EINVAL;
	while (i < XEN_WATCHDOGS && t->timer[i].used)
		i++;
	if (i == XEN_WATCHDOGS)
		return -ENOSPC;
	err = timer_set(&t->timer[i], seconds * SECOND, false);
	return err ? err : (int64_t)i + 1;
}

int64_t xen_periodic(struct vcpu *v, uint64_t ns)
{
	struct xen_timers *t = v->vm->xen.timers;

	if (!t)
		return ns ? -ENOSYS : 0;
	if (ns && (ns < PERIOD_MIN || ns > INT64_MAX))
		return -EINVAL;
	return timer_set(&t->timer[XEN_WATCHDOGS + v->id], ns, true);
}

void xen_timers_stop(struct vm *vm)
{
	struct xen_timers *t = vm->xen.timers;

	for (unsigned i = 0; t && i < t->n; i++)
		/* cannot fail: it is a timer */
		(void)timer_set(&t->timer[i], 0, false);
}
