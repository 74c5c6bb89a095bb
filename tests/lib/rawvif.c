/* SPDX-License-Identifier: MIT */
/* A network frontend by hand, and netback on a thread. */
#include "tests/lib/rawvif.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/cleanup.h"

#define RX_ALL NETIF_RING_SLOTS

/* ---------------------------------------------------------------- backend */

static int open_files(void *arg, struct netdrv_params *p, char **why)
{
	(void)arg;
	return netdrv_find(p->driver)->open_files(p, why);
}

void rawvif_back(struct rawback *rb, const struct netback_config *cfg)
{
	struct netback_config *c = malloc(sizeof(*c));

	assert_non_null(c);
	rawback_open(rb, "vif");
	*c = cfg ? *cfg : netback_config_default;
	c->open_files = open_files;
	rb->cfg = c;
	assert_int_equal(netback_new(rb->be, rb->loop, c, rawback_lost, rb, &rb->backend),
			 0);
	rawback_run(rb);
}

void rawvif_attach(struct rawback *rb, unsigned devid, const char *driver,
		   const char *target, const char *options, const char *const *keys)
{
	const char *all[32];
	unsigned n = 0;

	all[n++] = "mac";
	all[n++] = RV_MAC;
	all[n++] = "port-driver";
	all[n++] = driver;
	if (target) {
		all[n++] = "port-target";
		all[n++] = target;
	}
	if (options) {
		all[n++] = "port-options";
		all[n++] = options;
	}
	for (; keys && *keys && n < 30; keys++)
		all[n++] = *keys;
	all[n] = NULL;
	rawback_make(rb, devid, all);
}

/* --------------------------------------------------------------- frontend */

static void rawvif_key(struct rawvif *f, const char *prefix, const char *key,
		       unsigned value)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", prefix, key);
	rawback_fe_num(f->rb, f->devid, name, value);
}

static void rawvif_channels(struct rawvif *f, const char *prefix, bool split)
{
	assert_int_equal(evtchn_alloc_unbound(f->rb->fe, RF_BE, &f->tx_ch), 0);
	f->rx_ch = f->tx_ch;
	if (!split) {
		rawvif_key(f, prefix, "event-channel", f->tx_ch->port);
		return;
	}
	assert_int_equal(evtchn_alloc_unbound(f->rb->fe, RF_BE, &f->rx_ch), 0);
	rawvif_key(f, prefix, "event-channel-tx", f->tx_ch->port);
	rawvif_key(f, prefix, "event-channel-rx", f->rx_ch->port);
}

void rawvif_publish(struct rawvif *f, struct rawback *rb, unsigned devid,
		    const char *prefix, unsigned flags)
{
	memset(f, 0, sizeof(*f));
	f->rb = rb;
	f->devid = devid;
	assert_int_equal(gnttab_arena_new(rb->fe, RF_BE, 2, false, &f->rings), 0);
	assert_int_equal(gnttab_arena_new(rb->fe, RF_BE, RX_ALL, false, &f->tx_data), 0);
	assert_int_equal(gnttab_arena_new(rb->fe, RF_BE, RX_ALL, false, &f->rx_data), 0);
	ring_front_init(&f->tx, f->rings->pages, RING_PAGE_SIZE, NETIF_TX_SLOT_SIZE);
	ring_front_init(&f->rx, f->rings->pages + RING_PAGE_SIZE, RING_PAGE_SIZE,
			NETIF_RX_SLOT_SIZE);
	rawvif_key(f, prefix, "tx-ring-ref", f->rings->refs[0]);
	rawvif_key(f, prefix, "rx-ring-ref", f->rings->refs[1]);
	rawvif_channels(f, prefix, flags & RV_SPLIT);
	rawvif_key(f, "", "request-rx-copy", 1);
	rawvif_key(f, "", "feature-sg", !!(flags & RV_GSO));
	rawvif_key(f, "", "feature-gso-tcpv4", !!(flags & RV_GSO));
	rawvif_key(f, "", "feature-gso-tcpv6", !!(flags & RV_GSO));
	rawvif_key(f, "", "feature-ipv6-csum-offload", !(flags & RV_NO_CSUM));
	rawvif_key(f, "", "feature-no-csum-offload", !!(flags & RV_NO_CSUM));
	rawvif_key(f, "", "request-multicast-control", !!(flags & RV_MCAST));
	if (!(flags & RV_EMPTY))
		rawvif_post(f, RX_ALL);
}

bool rawvif_connect(struct rawvif *f, struct rawback *rb, unsigned devid, unsigned flags)
{
	rawvif_publish(f, rb, devid, "", flags);
	if (!rawback_wait_state(rb, devid, XenbusStateInitWait))
		return false;
	rawvif_key(f, "", "state", XenbusStateConnected);
	return rawback_wait_state(rb, devid, XenbusStateConnected);
}

void rawvif_free(struct rawvif *f)
{
	if (f->rx_ch != f->tx_ch)
		evtchn_close(f->rx_ch);
	evtchn_close(f->tx_ch);
	gnttab_arena_free(f->rings);
	gnttab_arena_free(f->tx_data);
	gnttab_arena_free(f->rx_data);
}

void rawvif_close(struct rawvif *f)
{
	rawvif_key(f, "", "state", XenbusStateClosed);
	(void)rawback_wait_state(f->rb, f->devid, XenbusStateClosed);
	rawvif_free(f);
}

/* -------------------------------------------------------------------- ways */

static void wait_event(struct evtchn *ch)
{
	struct pollfd p = { .fd = ch->fd, .events = POLLIN };

	if (poll(&p, 1, 10) > 0)
		(void)evtchn_ack(ch);
}

void rawvif_tx(struct rawvif *f, const struct netif_tx_request *req)
{
	memcpy(ring_front_next(&f->tx), req, sizeof(*req));
}

void rawvif_extra(struct rawvif *f, const struct netif_extra_info *x)
{
	memcpy(ring_front_next(&f->tx), x, sizeof(*x));
}

void rawvif_push(struct rawvif *f)
{
	if (ring_front_push(&f->tx))
		evtchn_notify(f->tx_ch);
}

bool rawvif_tx_response(struct rawvif *f, struct netif_tx_response *rsp)
{
	for (int i = 0; i < 500; i++) {
		if (ring_front_arm(&f->tx) > 0) {
			ring_copy_response(&f->tx, rsp, sizeof(*rsp));
			return true;
		}
		wait_event(f->tx_ch);
	}
	return false;
}

int rawvif_send(struct rawvif *f, unsigned page, unsigned len, unsigned slot,
		uint32_t seed)
{
	unsigned slots = 0, done = 0, n;
	struct netif_tx_response rsp;

	do {
		uint8_t *p = f->tx_data->pages + (size_t)(page + slots) * NETIF_PAGE_SIZE;

		n = len - done < slot ? len - done : slot;
		for (unsigned i = 0; i < n; i++)
			p[i] = (uint8_t)((seed + done + i) * 2654435761u >> 24);
		rawvif_tx(f, &(struct netif_tx_request){
				     .gref = f->tx_data->refs[page + slots],
				     .flags = done + n < len ? NETTXF_more_data : 0,
				     .id = (uint16_t)(page + slots),
				     .size = (uint16_t)(done ? n : len) });
		done += n;
		slots++;
	} while (done < len);
	rawvif_push(f);
	for (unsigned i = 0; i < slots; i++)
		if (!rawvif_tx_response(f, &rsp))
			return 99;
	return rsp.status;
}

void rawvif_post(struct rawvif *f, unsigned n)
{
	for (; f->posted < n && ring_front_free(&f->rx); f->posted++) {
		uint16_t id = f->rx.req_prod_pvt & (NETIF_RING_SLOTS - 1);
		struct netif_rx_request req = { .id = id, .gref = f->rx_data->refs[id] };

		memcpy(ring_front_next(&f->rx), &req, sizeof(req));
	}
	if (ring_front_push(&f->rx) && f->rx_ch)
		evtchn_notify(f->rx_ch);
}

int rawvif_recv(struct rawvif *f, struct netif_pkt *p, uint8_t *buf, unsigned ms)
{
	unsigned at = 0, before = f->posted;
	int n, avail, err;

	for (unsigned i = 0; (n = ring_front_arm(&f->rx)) == 0; i++) {
		if (i >= ms / 10)
			return -ETIMEDOUT;
		wait_event(f->rx_ch);
	}
	if (n < 0)
		return n;
	avail = n;
	err = netif_rx_take(&f->rx, &avail, p);
	for (unsigned i = 0; !err && i < p->nr_slots; i++) {
		memcpy(buf + at,
		       f->rx_data->pages + (size_t)p->slot[i].id * NETIF_PAGE_SIZE +
			       p->slot[i].offset,
		       p->slot[i].size);
		at += p->slot[i].size;
	}
	f->posted -= (unsigned)(n - avail);
	rawvif_post(f, before);
	return err ? err : (int)at;
}

long rawvif_stat(struct rawback *rb, unsigned devid, const char *name)
{
	char path[128], want[64];
	long value = -1;

	snprintf(path, sizeof(path), "/local/domain/%u/backend/vif/%u/%u/stats", RF_BE,
		 RF_FE, devid);
	snprintf(want, sizeof(want), "\"%s\":", name);
	(void)xenstore_rm(rb->dom0, XENSTORE_NO_TX, path);
	rawback_be_write(rb, devid, "stats-request", "1");
	for (int i = 0; i < 5000 && value < 0; i++) {
		cleanup_free char *s = NULL;
		char *at;

		if (!xenstore_read(rb->dom0, XENSTORE_NO_TX, path, &s, NULL)) {
			at = strstr(s, want);
			return at ? strtol(at + strlen(want), NULL, 10) : -1;
		}
		usleep(1000);
	}
	return value;
}
