/* SPDX-License-Identifier: MIT */
/*
 * Event channels: a pipe each way, or an eventfd if a VM is at the other end
 * (hv/core/evtchn.h). Our descriptors of pipes are our own; an eventfd's flags
 * are the peer's as well, so it is read and signalled by evsignal.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hv/base/evsignal.h"
#include "hv/plat/proc_int.h"
#include "hv/proc/hvclient.h"

/* More than our peer's pipe holds, unless it enlarged it: one ack is enough. */
#define ACK_BYTES 4096

struct proc_evtchn {
	struct evtchn ch;
	struct plat_proc *pp;
	struct hvclient_port port; /* keep: no SIGPIPE for us while it is open */
	LIST_ENTRY(proc_evtchn) link;
};

static struct proc_evtchn *chan_of(struct evtchn *ch)
{
	return (struct proc_evtchn *)ch;
}

/* What all eventfds of a plat are signalled by. */
static int signal_get(struct plat_proc *pp)
{
	int err = 0;

	pthread_mutex_lock(&pp->lock);
	if (!pp->signal)
		pp->signal = evsignal_new();
	if (!pp->signal)
		err = -ENOMEM;
	pthread_mutex_unlock(&pp->lock);
	return err;
}

static void port_close(struct plat_proc *pp, const struct hvclient_port *p)
{
	struct hvcall call = { .op = HVCALL_EVTCHN_CLOSE, .id = p->port };
	struct hvreply reply;

	/* cannot fail but with the hypervisor gone, and the port with it */
	(void)proc_call(pp, &call, &reply, NULL, NULL);
	close(p->wait);
	close(p->notify);
	if (p->keep >= 0)
		close(p->keep);
}

static int chan_new(struct plat_proc *pp, struct hvcall *call, struct evtchn **ch)
{
	struct proc_evtchn *c = calloc(1, sizeof(*c));
	int fds[HVCALL_MAX_FDS], nfds, err;
	struct hvreply reply;

	if (!c)
		return -ENOMEM;
	err = proc_call(pp, call, &reply, fds, &nfds);
	if (!err)
		err = hvclient_port_parse(&reply, fds, nfds, &c->port);
	if (err)
		goto free_chan;
	err = c->port.eventfd ? signal_get(pp) : 0;
	if (err)
		goto close_port;
	c->pp = pp;
	c->ch.port = c->port.port;
	c->ch.fd = c->port.wait;
	pthread_mutex_lock(&pp->lock);
	LIST_INSERT_HEAD(&pp->evtchns, c, link);
	pthread_mutex_unlock(&pp->lock);
	*ch = &c->ch;
	return 0;
close_port:
	port_close(pp, &c->port);
free_chan:
	free(c);
	return err;
}

int proc_evtchn_alloc(struct plat *p, domid_t remote, struct evtchn **ch)
{
	struct hvcall call = { .op = HVCALL_EVTCHN_ALLOC_UNBOUND, .domid = remote };

	return chan_new(proc_of(p), &call, ch);
}

int proc_evtchn_bind(struct plat *p, domid_t remote, evtchn_port_t port,
		     struct evtchn **ch)
{
	struct hvcall call = {
		.op = HVCALL_EVTCHN_BIND_INTERDOMAIN,
		.domid = remote,
		.id = port,
	};

	return chan_new(proc_of(p), &call, ch);
}

void proc_evtchn_notify(struct evtchn *ch)
{
	const struct proc_evtchn *c = chan_of(ch);
	const uint64_t one = 1;

	if (c->port.eventfd)
		evsignal_send(c->pp->signal, c->port.notify);
	else
		/* cannot fail but by being full, and then an event is pending */
		(void)!write(c->port.notify, &one, sizeof(one));
}

int proc_evtchn_ack(struct evtchn *ch)
{
	char buf[ACK_BYTES];
	ssize_t n;

	if (chan_of(ch)->port.eventfd) {
		/* cannot fail but by being empty; it has no end */
		(void)eventfd_take(ch->fd);
		return 0;
	}
	n = read(ch->fd, buf, sizeof(buf));
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	return -EPIPE;
}

static void chan_free(struct proc_evtchn *c)
{
	port_close(c->pp, &c->port);
	free(c);
}

void proc_evtchn_close(struct evtchn *ch)
{
	struct proc_evtchn *c = chan_of(ch);

	pthread_mutex_lock(&c->pp->lock);
	LIST_REMOVE(c, link);
	pthread_mutex_unlock(&c->pp->lock);
	chan_free(c);
}

void proc_evtchns_end(struct plat_proc *pp)
{
	while (!LIST_EMPTY(&pp->evtchns)) {
		struct proc_evtchn *c = LIST_FIRST(&pp->evtchns);

		LIST_REMOVE(c, link);
		chan_free(c);
	}
	evsignal_free(pp->signal);
	pp->signal = NULL;
}
