/* SPDX-License-Identifier: MIT */
/*
 * Event channels of process domains: a pipe each way (hv/core/evtchn.h). The
 * code needs no more than "write 8 bytes, read some", so that an eventfd does
 * as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hv/plat/proc_int.h"

/* More than our peer's pipe holds, unless it enlarged it: one ack is enough. */
#define ACK_BYTES 4096

struct proc_evtchn {
	struct evtchn ch;
	struct plat_proc *pp;
	int notify;
	int keep; /* a reader of what we write to: no SIGPIPE while it is open */
	LIST_ENTRY(proc_evtchn) link;
};

static struct proc_evtchn *chan_of(struct evtchn *ch)
{
	return (struct proc_evtchn *)ch;
}

static int chan_new(struct plat_proc *pp, struct hvcall *call, struct evtchn **ch)
{
	struct proc_evtchn *c = calloc(1, sizeof(*c));
	int fds[HVCALL_MAX_FDS], err;
	struct hvreply reply;

	if (!c)
		return -ENOMEM;
	err = proc_call_fds(pp, call, &reply, fds, 3);
	if (err) {
		free(c);
		return err;
	}
	c->pp = pp;
	c->ch.port = reply.id;
	c->ch.fd = fds[0];
	c->notify = fds[1];
	c->keep = fds[2];
	pthread_mutex_lock(&pp->lock);
	LIST_INSERT_HEAD(&pp->evtchns, c, link);
	pthread_mutex_unlock(&pp->lock);
	*ch = &c->ch;
	return 0;
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
	const uint64_t one = 1;

	/* cannot fail but by being full, and then an event is pending */
	(void)!write(chan_of(ch)->notify, &one, sizeof(one));
}

int proc_evtchn_ack(struct evtchn *ch)
{
	char buf[ACK_BYTES];
	ssize_t n = read(ch->fd, buf, sizeof(buf));

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	return -EPIPE;
}

static void chan_free(struct proc_evtchn *c)
{
	struct hvcall call = { .op = HVCALL_EVTCHN_CLOSE, .id = c->ch.port };
	struct hvreply reply;

	/* cannot fail but with the hypervisor gone, and the port with it */
	(void)proc_call(c->pp, &call, &reply, NULL, NULL);
	close(c->ch.fd);
	close(c->notify);
	close(c->keep);
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
}
