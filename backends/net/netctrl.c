/* SPDX-License-Identifier: MIT */
/* The control ring: its life, and its turns on the event loop. */
#include "backends/net/netctrl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/net/netctrl_int.h"

/* Nothing is served any more. The client may free it: the caller's last act. */
static void netctrl_break(struct netctrl *c, int err)
{
	evloop_del(c->ch_source);
	evloop_del(c->again_source);
	c->ch_source = c->again_source = NULL;
	c->client->broken(c->arg, err);
}

static void netctrl_serve_next(struct netctrl *c)
{
	struct xen_netif_ctrl_request req;
	struct xen_netif_ctrl_response rsp = { 0 };

	ring_copy_request(&c->ring, &req, 0, sizeof(req));
	ring_back_consume(&c->ring);
	rsp.id = req.id;
	rsp.type = req.type;
	netctrl_serve(c, &req, &rsp);
	memcpy(ring_back_next(&c->ring, NETIF_CTRL_SLOT_SIZE), &rsp, sizeof(rsp));
}

static void netctrl_turn(struct netctrl *c)
{
	int n = ring_back_avail(&c->ring);

	c->hash_changed = c->grefs_changed = false;
	for (unsigned i = 0; (int)i < n && i < NETCTRL_TURN && !c->grefs_changed; i++)
		netctrl_serve_next(c);
	if (c->hash_changed)
		c->client->hash_changed(c->arg, &c->hash);
	if (ring_back_push(&c->ring))
		evtchn_notify(c->ch);
	n = ring_back_arm(&c->ring);
	if (n < 0) {
		netctrl_break(c, n);
		return;
	}
	c->again = n > 0;
	if (c->again) /* cannot fail: the count is 0 */
		(void)eventfd_write(c->again_fd, 1);
}

static void netctrl_event(void *arg, uint32_t events)
{
	struct netctrl *c = arg;

	(void)events;
	if (evtchn_ack(c->ch) == -EPIPE)
		netctrl_break(c, -EPIPE);
	else if (!c->again) /* else this round of the loop has its turn already */
		netctrl_turn(c);
}

static void netctrl_again(void *arg, uint32_t events)
{
	struct netctrl *c = arg;
	eventfd_t n;

	(void)events;
	(void)eventfd_read(c->again_fd, &n);
	netctrl_turn(c);
}

/* --------------------------------------------------------------------- life */

static int netctrl_connect(struct netctrl *c, struct plat *p, domid_t frontend,
			   evtchn_port_t port)
{
	int err = gnttab_mapper_new(p, frontend, &c->mapper);

	if (!err)
		err = gnttab_map_ring(c->mapper, &c->ring_ref, 1, &c->ring_page);
	if (!err)
		err = ring_back_init(&c->ring, c->ring_page, RING_PAGE_SIZE,
				     NETIF_CTRL_SLOT_SIZE);
	if (!err)
		err = evtchn_bind_interdomain(p, frontend, port, &c->ch);
	if (!err)
		err = evloop_add(c->loop, c->ch->fd, EPOLLIN, netctrl_event, c,
				 &c->ch_source);
	if (!err)
		err = evloop_add(c->loop, c->again_fd, EPOLLIN, netctrl_again, c,
				 &c->again_source);
	return err;
}

int netctrl_new(struct plat *p, struct evloop *loop, domid_t frontend,
		grant_ref_t ring_ref, evtchn_port_t port, uint32_t nr_queues,
		const struct netctrl_client *client, void *arg, struct netctrl **ctrl)
{
	struct netctrl *c;
	int err;

	if (!nr_queues)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->client = client;
	c->arg = arg;
	c->nr_queues = nr_queues;
	c->ring_ref = ring_ref;
	nethash_init(&c->hash);
	c->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = c->again_fd < 0 ? -errno : netctrl_connect(c, p, frontend, port);
	if (err)
		netctrl_free(c);
	else
		*ctrl = c;
	return err;
}

void netctrl_free(struct netctrl *c)
{
	if (!c)
		return;
	evloop_del(c->again_source);
	evloop_del(c->ch_source);
	if (c->again_fd >= 0)
		close(c->again_fd);
	evtchn_close(c->ch);
	netctrl_drop_grefs(c);
	if (c->ring_page)
		gnttab_unmap_ring(c->mapper, &c->ring_ref, 1, c->ring_page);
	gnttab_mapper_free(c->mapper);
	free(c);
}
