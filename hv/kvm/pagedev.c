/* SPDX-License-Identifier: MIT */
/* The console and xenstore pages: bytes between rings and descriptors. */
#include "hv/kvm/pagedev.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/kvm/bytering.h"
#include "hv/kvm/pvh.h"
#include "hv/kvm/xen_evtchn.h"
#include "ringproto/xs_wire.h"

struct pagedev {
	struct vm *vm;
	struct evloop *loop;
	const char *what;
	struct bytering to_guest, from_guest;
	int in, out; /* -1: closed */
	int event_fd;
	evtchn_port_t port;
	struct evsource *event_src, *in_src, *out_src;
};

/* Is a write of a few bytes to fd sure not to wait? Files always are. */
static bool writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLOUT | POLLERR | POLLHUP);
}

static void guest_tell(struct pagedev *d)
{
	pthread_mutex_lock(&d->vm->lock);
	xen_evtchn_raise(d->vm, d->port);
	pthread_mutex_unlock(&d->vm->lock);
}

static void ended(struct pagedev *d, int *fd, struct evsource **src)
{
	if (*src)
		evloop_del(*src);
	*src = NULL;
	*fd = -1;
	log_dbg("%s: its %s has ended", d->vm->name, d->what);
}

/* Output: all that fits now. True: the descriptor must be waited for. */
static bool flush_out(struct pagedev *d)
{
	bool moved = false, wait = false;
	const char *at;
	size_t n;

	while ((n = bytering_peek(&d->from_guest, &at)) > 0) {
		ssize_t done = (ssize_t)n;

		if (d->out >= 0) {
			wait = !writable(d->out);
			if (wait)
				break;
			done = write(d->out, at, n);
			if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
				wait = errno == EAGAIN;
				break;
			}
			if (done < 0) { /* nobody listens: it is thrown away */
				ended(d, &d->out, &d->out_src);
				done = (ssize_t)n;
			}
		}
		bytering_move(d->from_guest.cons, (size_t)done);
		moved = true;
	}
	if (moved)
		guest_tell(d);
	return wait;
}

/* Input: all that is there and has room. True: there is room for more. */
static bool fill_in(struct pagedev *d)
{
	bool moved = false, more = true;
	struct pollfd p = { .fd = d->in, .events = POLLIN };
	char *at;

	while (d->in >= 0) {
		size_t n = bytering_room(&d->to_guest, &at);
		ssize_t got;

		more = n > 0;
		if (!n || poll(&p, 1, 0) <= 0)
			break;
		got = read(d->in, at, n);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got <= 0) {
			ended(d, &d->in, &d->in_src);
			break;
		}
		bytering_move(d->to_guest.prod, (size_t)got);
		moved = true;
	}
	if (moved)
		guest_tell(d);
	return more;
}

static void on_ready(void *arg, uint32_t events);

/*
 * Watched only while something is waited for: a descriptor that was hung up would
 * otherwise wake this thread for ever. -EPERM: a file, which is always ready.
 */
static int want(struct pagedev *d, int fd, struct evsource **src, uint32_t events)
{
	int err = 0;

	if (events && !*src && fd >= 0)
		err = evloop_add(d->loop, fd, events, on_ready, d, src);
	if (!events && *src) {
		evloop_del(*src);
		*src = NULL;
	}
	return err == -EPERM ? 0 : err;
}

static int shovel(struct pagedev *d)
{
	bool full = flush_out(d), more = fill_in(d);
	int err = want(d, d->out, &d->out_src, full ? EPOLLOUT : 0);

	return err ? err : want(d, d->in, &d->in_src, more ? EPOLLIN : 0);
}

static void shovel_again(struct pagedev *d)
{
	int err = shovel(d);

	if (err)
		log_err("%s: its %s: %s", d->vm->name, d->what, strerror(-err));
}

static void on_event(void *arg, uint32_t events)
{
	struct pagedev *d = arg;
	uint64_t n;

	(void)events;
	/* cannot fail in a way that matters: the rings are looked at anyhow */
	(void)!read(d->event_fd, &n, sizeof(n));
	shovel_again(d);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	shovel_again(arg);
}

static int start(struct pagedev *d, domid_t remote)
{
	int err;

	d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->event_fd < 0)
		return -errno;
	pthread_mutex_lock(&d->vm->lock);
	err = xen_evtchn_device(d->vm, remote, d->event_fd, &d->port);
	pthread_mutex_unlock(&d->vm->lock);
	if (!err)
		err = evloop_add(d->loop, d->event_fd, EPOLLIN, on_event, d,
				 &d->event_src);
	return err ? err : want(d, d->in, &d->in_src, EPOLLIN);
}

static struct pagedev *dev_new(struct vm *vm, struct evloop *loop, const char *what)
{
	struct pagedev *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->vm = vm;
	d->loop = loop;
	d->what = what;
	d->in = d->out = d->event_fd = -1;
	return d;
}

int console_open(struct pagedev **dev, struct vm *vm, struct evloop *loop, int in,
		 int out)
{
	/* the special region: its pages stay where they are */
	struct xencons_interface *page =
		gmem_ptr(&vm->mem, PVH_CONSOLE_GPA, sizeof(*page));
	struct pagedev *d = page ? dev_new(vm, loop, "console") : NULL;
	int err;

	if (!d)
		return -ENOMEM;
	d->to_guest = (struct bytering){ page->in, sizeof(page->in), &page->in_prod,
					 &page->in_cons };
	d->from_guest = (struct bytering){ page->out, sizeof(page->out), &page->out_prod,
					   &page->out_cons };
	d->out = out;
	/* a duplicate, as epoll knows a descriptor once */
	d->in = in >= 0 ? dup(in) : -1;
	err = start(d, 0);
	if (err) {
		pagedev_close(d);
		return err;
	}
	vm->xen.param[HVM_PARAM_CONSOLE_PFN] = PVH_CONSOLE_GPA >> XEN_PAGE_SHIFT;
	vm->xen.param[HVM_PARAM_CONSOLE_EVTCHN] = d->port;
	*dev = d;
	return 0;
}

int store_open(struct pagedev **dev, struct vm *vm, struct evloop *loop, int sock)
{
	struct xenstore_domain_interface *page =
		gmem_ptr(&vm->mem, PVH_STORE_GPA, sizeof(*page));
	struct pagedev *d = page ? dev_new(vm, loop, "xenstore") : NULL;
	int err;

	if (!d)
		return -ENOMEM;
	d->to_guest = (struct bytering){ page->rsp, sizeof(page->rsp), &page->rsp_prod,
					 &page->rsp_cons };
	d->from_guest = (struct bytering){ page->req, sizeof(page->req), &page->req_prod,
					   &page->req_cons };
	d->out = sock;
	d->in = dup(sock);
	err = start(d, 0);
	if (err) {
		pagedev_close(d);
		return err;
	}
	vm->xen.param[HVM_PARAM_STORE_PFN] = PVH_STORE_GPA >> XEN_PAGE_SHIFT;
	vm->xen.param[HVM_PARAM_STORE_EVTCHN] = d->port;
	*dev = d;
	return 0;
}

int store_renew(struct pagedev *d, int sock)
{
	const struct bytering *rings[] = { &d->to_guest, &d->from_guest };
	/* cannot fail: nothing is watched by that */
	int err = want(d, d->in, &d->in_src, 0);

	if (!err)
		err = want(d, d->out, &d->out_src, 0);
	if (d->in >= 0)
		close(d->in);
	d->out = sock;
	d->in = dup(sock);
	for (unsigned i = 0; i < 2; i++) {
		__atomic_store_n(rings[i]->prod, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(rings[i]->cons, 0, __ATOMIC_SEQ_CST);
	}
	return err ? err : want(d, d->in, &d->in_src, EPOLLIN);
}

void pagedev_drain(struct pagedev *d)
{
	(void)flush_out(d);
}

void pagedev_close(struct pagedev *d)
{
	if (d->event_src)
		evloop_del(d->event_src);
	if (d->in_src)
		evloop_del(d->in_src);
	if (d->out_src)
		evloop_del(d->out_src);
	if (d->event_fd >= 0)
		close(d->event_fd);
	if (d->in >= 0)
		close(d->in);
	free(d);
}
