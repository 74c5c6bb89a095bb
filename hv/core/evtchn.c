/* SPDX-License-Identifier: MIT */
/* Event channels: ports, and the pipes behind them. */
#include "hv/core/evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PORT_FDS 2u /* charged for each port: never less than what it costs */

struct channel {
	int pipe[2]; /* opened for both directions; end i reads pipe[i] */
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

static struct channel *channel_new(void)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->pipe[0] = pipe_new();
	ch->pipe[1] = ch->pipe[0] < 0 ? -1 : pipe_new();
	if (ch->pipe[1] >= 0)
		return ch;
	if (ch->pipe[0] >= 0)
		close(ch->pipe[0]);
	free(ch);
	return NULL;
}

static void channel_free(struct channel *ch)
{
	close(ch->pipe[0]);
	close(ch->pipe[1]);
	free(ch);
}

static struct port *port_of(const struct domain *dom, uint32_t nr)
{
	return nr < EVTCHN_2L_NR_CHANNELS ? dom->ports[nr] : NULL;
}

/* A port without a channel, with the lowest free number. */
static struct port *port_new(struct client *c, const struct domain *remote)
{
	struct port *p;
	uint32_t nr = 1;

	while (nr < EVTCHN_2L_NR_CHANNELS && c->dom->ports[nr])
		nr++;
	if (nr == EVTCHN_2L_NR_CHANNELS || domain_charge_fds(c->dom, PORT_FDS))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		domain_uncharge_fds(c->dom, PORT_FDS);
		return NULL;
	}
	p->dom = c->dom;
	p->owner = c;
	p->nr = nr;
	p->remote = remote->id;
	p->remote_serial = remote->serial;
	c->dom->ports[nr] = p;
	LIST_INSERT_HEAD(&c->ports, p, link);
	return p;
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
	domain_uncharge_fds(p->dom, PORT_FDS);
	free(p);
}

int port_alloc_unbound(struct client *c, domid_t remote, struct port **port)
{
	struct domain *to = domain_by_id(c->dom->reg, remote);
	struct channel *ch;
	struct port *p;

	if (!to)
		return -ENOENT;
	p = port_new(c, to);
	if (!p)
		return -ENOMEM;
	ch = channel_new();
	if (!ch) {
		port_free(p);
		return -ENOMEM;
	}
	port_attach(p, ch, 0);
	*port = p;
	return 0;
}

int port_bind_interdomain(struct client *c, domid_t remote, evtchn_port_t remote_port,
			  struct port **port)
{
	const uint64_t event = 1;
	struct domain *to = domain_by_id(c->dom->reg, remote);
	struct port *r = to ? port_of(to, remote_port) : NULL, *p;
	int side;

	if (!r || r->remote != c->dom->id || r->remote_serial != c->dom->serial)
		return -EINVAL;
	side = !r->side;
	if (r->ch->end[side])
		return -EINVAL;
	p = port_new(c, to);
	if (!p)
		return -ENOMEM;
	port_attach(p, r->ch, side);
	/* cannot fail but by being full, and then an event is pending */
	(void)!write(p->ch->pipe[side], &event, sizeof(event));
	*port = p;
	return 0;
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
	return p->ch->end[!p->side] ? EVTCHNSTAT_interdomain : EVTCHNSTAT_unbound;
}

int port_fds(const struct port *p, int fds[EVTCHN_NR_FDS])
{
	int in = p->ch->pipe[p->side], out = p->ch->pipe[!p->side];

	fds[EVTCHN_WAIT] = pipe_reopen(in, O_RDONLY);
	fds[EVTCHN_NOTIFY] = pipe_reopen(out, O_WRONLY);
	fds[EVTCHN_KEEP] = pipe_reopen(out, O_RDONLY);
	if (fds[EVTCHN_WAIT] >= 0 && fds[EVTCHN_NOTIFY] >= 0 && fds[EVTCHN_KEEP] >= 0)
		return 0;
	for (int i = 0; i < EVTCHN_NR_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return -ENOMEM;
}

void evtchn_client_end(struct client *c)
{
	while (!LIST_EMPTY(&c->ports))
		port_free(LIST_FIRST(&c->ports));
}
