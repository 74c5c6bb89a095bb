/* SPDX-License-Identifier: MIT */
/* Event channels: ports, and what is behind them. */
#include "hv/core/evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv/base/evsignal.h"

#define PORT_FDS 2u /* charged for each port: never less than what it costs */

struct channel {
	bool eventfds;
	int fd[2]; /* end i waits on fd[i]; pipes: opened for both directions */
	struct port *end[2];
};

static int pipe_reopen(int fd, int flags)
{
	char path[32];
	int n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	return n < 0 ? -ENOMEM : n;
}

/* One descriptor for both directions of a new pipe. */
static int pipe_new(void)
{
	int p[2], fd;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -ENOMEM;
	/* cannot fail in a way that matters: it would only be larger */
	(void)fcntl(p[0], F_SETPIPE_SZ, 4096);
	fd = pipe_reopen(p[0], O_RDWR);
	close(p[0]);
	close(p[1]);
	return fd;
}

static int channel_fd(bool eventfds)
{
	return eventfds ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : pipe_new();
}

static struct channel *channel_new(struct registry *reg, bool eventfds)
{
	struct channel *ch;

	if (eventfds && !reg->signal)
		reg->signal = evsignal_new();
	ch = eventfds && !reg->signal ? NULL : calloc(1, sizeof(*ch));
	if (!ch)
		return NULL;
	ch->eventfds = eventfds;
	ch->fd[0] = channel_fd(eventfds);
	ch->fd[1] = ch->fd[0] < 0 ? -1 : channel_fd(eventfds);
	if (ch->fd[1] >= 0)
		return ch;
	if (ch->fd[0] >= 0)
		close(ch->fd[0]);
	free(ch);
	return NULL;
}

static void channel_free(struct channel *ch)
{
	close(ch->fd[0]);
	close(ch->fd[1]);
	free(ch);
}

/* Leaves an event pending for the end that waits on fd[side]. */
static void channel_raise(const struct registry *reg, const struct channel *ch, int side)
{
	const uint64_t event = 1;

	if (ch->eventfds)
		evsignal_send(reg->signal, ch->fd[side]);
	else
		/* cannot fail but by being full, and then an event is pending */
		(void)!write(ch->fd[side], &event, sizeof(event));
}

static struct port *port_of(const struct domain *dom, uint32_t nr)
{
	return nr < EVTCHN_2L_NR_CHANNELS ? dom->ports[nr] : NULL;
}

/* The number that a new port gets: *nr, if that is not 0. */
static int port_number(const struct domain *dom, uint32_t *nr)
{
	if (*nr >= EVTCHN_2L_NR_CHANNELS)
		return -EINVAL;
	if (*nr)
		return dom->ports[*nr] ? -EEXIST : 0;
	for (*nr = 1; *nr < EVTCHN_2L_NR_CHANNELS; ++*nr)
		if (!dom->ports[*nr])
			return 0;
	return -ENOMEM;
}

/* A port without a channel. remote NULL: a local one. */
static int port_new(struct client *c, const struct domain *remote, uint32_t nr,
		    struct port **port)
{
	int err = port_number(c->dom, &nr);
	struct port *p;

	if (err)
		return err;
	if (remote && domain_charge_fds(c->dom, PORT_FDS))
		return -ENOMEM;
	p = calloc(1, sizeof(*p));
	if (!p) {
		if (remote)
			domain_uncharge_fds(c->dom, PORT_FDS);
		return -ENOMEM;
	}
	p->dom = c->dom;
	p->owner = c;
	p->nr = nr;
	if (remote) {
		p->remote = remote->id;
		p->remote_serial = remote->serial;
	}
	c->dom->ports[nr] = p;
	LIST_INSERT_HEAD(&c->ports, p, link);
	*port = p;
	return 0;
}

static void port_attach(struct port *p, struct channel *ch, int side)
{
	p->ch = ch;
	p->side = side;
	ch->end[side] = p;
}

static void port_free(struct port *p)
{
	struct channel *ch = p->ch;

	if (ch) {
		ch->end[p->side] = NULL;
		if (!ch->end[!p->side])
			channel_free(ch);
	}
	p->dom->ports[p->nr] = NULL;
	LIST_REMOVE(p, link);
	if (!p->local)
		domain_uncharge_fds(p->dom, PORT_FDS);
	free(p);
}

int port_alloc_unbound(struct client *c, domid_t remote, evtchn_port_t want,
		       struct port **port)
{
	struct domain *to = domain_by_id(c->dom->reg, remote);
	struct channel *ch;
	int err;

	if (!to)
		return -ENOENT;
	err = port_new(c, to, want, port);
	if (err)
		return err;
	ch = channel_new(c->dom->reg, c->dom->vm || to->vm);
	if (!ch) {
		port_free(*port);
		return -ENOMEM;
	}
	port_attach(*port, ch, 0);
	return 0;
}

int port_bind_interdomain(struct client *c, domid_t remote, evtchn_port_t remote_port,
			  evtchn_port_t want, struct port **port)
{
	struct domain *to = domain_by_id(c->dom->reg, remote);
	struct port *r = to ? port_of(to, remote_port) : NULL;
	int side, err;

	if (!r || r->local || r->remote != c->dom->id ||
	    r->remote_serial != c->dom->serial)
		return -EINVAL;
	side = !r->side;
	if (r->ch->end[side])
		return -EINVAL;
	err = port_new(c, to, want, port);
	if (err)
		return err;
	port_attach(*port, r->ch, side);
	channel_raise(c->dom->reg, r->ch, side);
	return 0;
}

int port_alloc_local(struct client *c, uint32_t kind, evtchn_port_t want,
		     struct port **port)
{
	int err;

	if (kind != EVTCHNSTAT_virq && kind != EVTCHNSTAT_ipi)
		return -EINVAL;
	err = port_new(c, NULL, want, port);
	if (!err)
		(*port)->local = (int)kind;
	return err;
}

int port_close(struct client *c, evtchn_port_t nr)
{
	struct port *p = port_of(c->dom, nr);

	if (!p || p->owner != c)
		return -EINVAL;
	port_free(p);
	return 0;
}

int port_status(const struct client *c, evtchn_port_t nr, domid_t *remote)
{
	const struct port *p = port_of(c->dom, nr);

	if (!nr || nr >= EVTCHN_2L_NR_CHANNELS)
		return -EINVAL;
	*remote = p ? p->remote : 0;
	if (!p)
		return EVTCHNSTAT_closed;
	if (p->local)
		return p->local;
	return p->ch->end[!p->side] ? EVTCHNSTAT_interdomain : EVTCHNSTAT_unbound;
}

bool port_is_eventfd(const struct port *p)
{
	return p->ch && p->ch->eventfds;
}

int port_fds(const struct port *p, int fds[EVTCHN_NR_FDS])
{
	int in = p->ch->fd[p->side], out = p->ch->fd[!p->side], n = EVTCHN_NR_FDS;
	bool all = true;

	if (p->ch->eventfds) {
		n = EVTCHN_KEEP;
		fds[EVTCHN_WAIT] = fcntl(in, F_DUPFD_CLOEXEC, 0);
		fds[EVTCHN_NOTIFY] = fcntl(out, F_DUPFD_CLOEXEC, 0);
	} else {
		fds[EVTCHN_WAIT] = pipe_reopen(in, O_RDONLY);
		fds[EVTCHN_NOTIFY] = pipe_reopen(out, O_WRONLY);
		fds[EVTCHN_KEEP] = pipe_reopen(out, O_RDONLY);
	}
	for (int i = 0; i < n; i++)
		all = all && fds[i] >= 0;
	for (int i = 0; !all && i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return all ? n : -ENOMEM;
}

void evtchn_client_end(struct client *c)
{
	while (!LIST_EMPTY(&c->ports))
		port_free(LIST_FIRST(&c->ports));
}
