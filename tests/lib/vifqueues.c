/* SPDX-License-Identifier: MIT */
/* A vif of several queues, its users, its control ring. */
#include "tests/lib/vifqueues.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GREFS_A_PAGE (NETIF_PAGE_SIZE / sizeof(struct xen_netif_gref))

/* --------------------------------------------------------------------- life */

static void ctrl_publish(struct rawback *rb, struct vifctrl *c)
{
	memset(c, 0, sizeof(*c));
	c->rb = rb;
	assert_int_equal(gnttab_arena_new(rb->fe, RF_BE, 1, false, &c->ring), 0);
	assert_int_equal(gnttab_arena_new(rb->fe, RF_BE, 8, false, &c->pages), 0);
	assert_int_equal(evtchn_alloc_unbound(rb->fe, RF_BE, &c->ch), 0);
	ring_front_init(&c->f, c->ring->pages, RING_PAGE_SIZE, NETIF_CTRL_SLOT_SIZE);
	rawback_fe_num(rb, 0, "ctrl-ring-ref", c->ring->refs[0]);
	rawback_fe_num(rb, 0, "event-channel-ctrl", c->ch->port);
}

void vifqueues_connect(struct rawback *rb, struct rawvif *f, unsigned flags,
		       struct vifctrl *ctrl)
{
	char prefix[16];

	for (unsigned i = 0; i < VIFQUEUES; i++) {
		snprintf(prefix, sizeof(prefix), "queue-%u/", i);
		rawvif_publish(&f[i], rb, 0, prefix, flags | (i & 1 ? RV_SPLIT : 0));
	}
	if (ctrl)
		ctrl_publish(rb, ctrl);
	rawback_fe_num(rb, 0, "multi-queue-num-queues", VIFQUEUES);
	assert_true(rawback_wait_state(rb, 0, XenbusStateInitWait));
	rawback_fe_num(rb, 0, "state", XenbusStateConnected);
	assert_true(rawback_wait_state(rb, 0, XenbusStateConnected));
}

void vifqueues_free(struct rawvif *f, struct vifctrl *ctrl)
{
	for (unsigned i = 0; i < VIFQUEUES; i++)
		rawvif_free(&f[i]);
	if (!ctrl)
		return;
	evtchn_close(ctrl->ch);
	gnttab_arena_free(ctrl->ring);
	gnttab_arena_free(ctrl->pages);
}

void vifqueues_disconnect(struct rawback *rb, struct rawvif *f, struct vifctrl *ctrl)
{
	rawback_fe_num(rb, 0, "state", XenbusStateClosed);
	assert_true(rawback_wait_state(rb, 0, XenbusStateClosed));
	vifqueues_free(f, ctrl);
	rawback_fe_num(rb, 0, "state", XenbusStateInitialising);
}

/* -------------------------------------------------------------------- users */

struct user {
	pthread_t thread;
	struct rawvif *f;
	unsigned n, wrong;
	_Atomic bool done;
	uint8_t buf[65536];
};

static void *use(void *arg)
{
	struct user *u = arg;
	struct netif_pkt p;

	for (unsigned i = 0; i < u->n; i++) {
		unsigned len = 60 + i * 37 % 20000;

		if (rawvif_send(u->f, 0, len, 4096, i * 4u) != NETIF_RSP_OKAY ||
		    rawvif_recv(u->f, &p, u->buf, 10000) != (int)len) {
			u->wrong++;
			continue;
		}
		for (unsigned s = 0; s < len; s += 4096)
			u->wrong += memcmp(u->buf + s, u->f->tx_data->pages + s,
					   len - s < 4096 ? len - s : 4096) != 0;
	}
	atomic_store(&u->done, true);
	return NULL;
}

void vifqueues_use(struct rawvif *f, unsigned n, void (*meanwhile)(void))
{
	static struct user u[VIFQUEUES];

	for (unsigned i = 0; i < VIFQUEUES; i++) {
		u[i].f = &f[i];
		u[i].n = n;
		u[i].wrong = 0;
		u[i].done = false;
		assert_int_equal(pthread_create(&u[i].thread, NULL, use, &u[i]), 0);
	}
	for (unsigned i = 0; meanwhile && i < VIFQUEUES; i++)
		while (!atomic_load(&u[i].done))
			meanwhile();
	for (unsigned i = 0; i < VIFQUEUES; i++) {
		pthread_join(u[i].thread, NULL);
		assert_int_equal(u[i].wrong, 0);
	}
}

/* ------------------------------------------------------------- control ring */

uint32_t vifctrl_call(struct vifctrl *c, uint16_t type, uint32_t d0, uint32_t d1,
		      uint32_t d2, uint32_t *data)
{
	struct xen_netif_ctrl_request req = { .type = type, .data = { d0, d1, d2 } };
	struct xen_netif_ctrl_response rsp;
	struct pollfd p = { .fd = c->ch->fd, .events = POLLIN };

	req.id = (uint16_t)c->f.req_prod_pvt;
	memcpy(ring_front_next(&c->f), &req, sizeof(req));
	if (ring_front_push(&c->f))
		evtchn_notify(c->ch);
	for (int i = 0; ring_front_arm(&c->f) == 0; i++) {
		assert_in_range(i, 0, 500);
		if (poll(&p, 1, 10) > 0)
			(void)evtchn_ack(c->ch);
	}
	ring_copy_response(&c->f, &rsp, sizeof(rsp));
	assert_int_equal(rsp.id, req.id);
	assert_int_equal(rsp.type, type);
	if (data)
		*data = rsp.data;
	return rsp.status;
}

uint32_t vifctrl_grefs(struct vifctrl *c, uint16_t type, const struct rawvif *f,
		       uint32_t queue)
{
	struct xen_netif_gref *list = (void *)c->pages->pages;

	for (uint32_t i = 0; i < GREFS_A_PAGE; i++)
		list[i] = (struct xen_netif_gref){
			.ref = i < NETIF_RING_SLOTS
				       ? f->tx_data->refs[i]
				       : f->rx_data->refs[i - NETIF_RING_SLOTS],
		};
	return vifctrl_call(c, type, queue, c->pages->refs[0], GREFS_A_PAGE, NULL);
}
