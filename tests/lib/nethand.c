/* SPDX-License-Identifier: MIT */
/* A network backend by hand: its life. nethand_io.c: its rings. */
#include "tests/lib/nethand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/cleanup.h"

#define WAIT_STEPS 100000 /* of 100 us */
#define BE_DIR	   "/local/domain/1/backend/vif/2/0"
#define FE_DIR	   "/local/domain/2/device/vif/0"

/* --------------------------------------------------------------------- keys */

static void set(struct nethand *nh, const char *dir, const char *key, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	if (value)
		assert_int_equal(xenstore_write(nh->dom0, XENSTORE_NO_TX, path, value),
				 0);
	else
		(void)xenstore_rm(nh->dom0, XENSTORE_NO_TX, path);
}

void nh_set(struct nethand *nh, const char *key, const char *value)
{
	set(nh, BE_DIR, key, value);
}

void nh_setn(struct nethand *nh, const char *key, unsigned long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", value);
	nh_set(nh, key, text);
}

void nh_fe_set(struct nethand *nh, const char *key, const char *value)
{
	set(nh, FE_DIR, key, value);
}

void nh_state(struct nethand *nh, enum xenbus_state state)
{
	nh_setn(nh, "state", state);
}

long nh_get(struct nethand *nh, const char *key)
{
	cleanup_free char *value = NULL;
	char path[256];

	snprintf(path, sizeof(path), FE_DIR "/%s", key);
	if (xenstore_read(nh->dom0, XENSTORE_NO_TX, path, &value, NULL))
		return -1;
	return strtol(value, NULL, 10);
}

void nh_wait_front(struct nethand *nh, enum xenbus_state state)
{
	for (int i = 0; i < WAIT_STEPS && nh_get(nh, "state") != (long)state; i++)
		usleep(100);
	assert_int_equal(nh_get(nh, "state"), state);
}

/* ----------------------------------------------------------- start and stop */

void nh_start(struct nethand *nh)
{
	static const char *const offers[] = {
		"feature-rx-copy",
		"feature-sg",
		"feature-gso-tcpv4",
		"feature-gso-tcpv6",
		"feature-ipv6-csum-offload",
		"feature-split-event-channels",
		"online",
	};

	memset(nh, 0, sizeof(*nh));
	nh->hv = memhv_new();
	assert_non_null(nh->hv);
	assert_int_equal(memplat_open(nh->hv, 0, &nh->dom0), 0);
	assert_int_equal(memplat_open(nh->hv, NH_BE, &nh->be), 0);
	assert_int_equal(gnttab_mapper_new(nh->be, NH_FE, &nh->mapper), 0);
	nh_fe_set(nh, "backend", BE_DIR);
	nh_fe_set(nh, "backend-id", "1");
	nh_fe_set(nh, "state", "1");
	nh_fe_set(nh, "mac", "00:16:3e:01:02:03");
	for (unsigned i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
		nh_set(nh, offers[i], "1");
	nh_set(nh, "multi-queue-max-queues", "8");
	nh_state(nh, XenbusStateInitialising);
}

void nh_stop(struct nethand *nh)
{
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	tandem_net_close(nh->net);
	free(nh->why);
	assert_int_equal(memhv_mapped(nh->hv), 0);
	gnttab_mapper_free(nh->mapper);
	plat_close(nh->be);
	plat_close(nh->dom0);
	memhv_free(nh->hv);
}

int nh_setup(void **state)
{
	struct nethand *nh = calloc(1, sizeof(*nh));

	nh_start(nh);
	*state = nh;
	return 0;
}

int nh_teardown(void **state)
{
	nh_stop(*state);
	free(*state);
	return 0;
}

static void *nh_opener(void *arg)
{
	struct nethand *nh = arg;
	struct plat *plat;

	nh->err = memplat_open(nh->hv, NH_FE, &plat);
	if (!nh->err)
		nh->err = net_open_plat(plat, "0", &nh->opts, &nh->net, &nh->why);
	return NULL;
}

void nh_open(struct nethand *nh, const struct tandem_net_opts *opts)
{
	nh->opts = opts ? *opts : (struct tandem_net_opts){ 0 };
	free(nh->why);
	nh->why = NULL;
	assert_int_equal(pthread_create(&nh->opener, NULL, nh_opener, nh), 0);
}

int nh_opened(struct nethand *nh)
{
	pthread_join(nh->opener, NULL);
	return nh->err;
}

/* -------------------------------------------------------------------- rings */

static void *map_ring(struct nethand *nh, struct ring_back *r, const char *dir,
		      const char *key, size_t slot, grant_ref_t *ref)
{
	char path[64];
	void *page;

	snprintf(path, sizeof(path), "%s%s", dir, key);
	*ref = (grant_ref_t)nh_get(nh, path);
	assert_int_equal(gnttab_map_ring(nh->mapper, ref, 1, &page), 0);
	assert_int_equal(ring_back_init(r, page, 4096, slot), 0);
	return page;
}

static struct evtchn *bind(struct nethand *nh, const char *dir, const char *key)
{
	struct evtchn *ch;
	char path[64];
	long port;

	snprintf(path, sizeof(path), "%s%s", dir, key);
	port = nh_get(nh, path);
	if (port < 0)
		return NULL;
	assert_int_equal(evtchn_bind_interdomain(nh->be, NH_FE, (evtchn_port_t)port, &ch),
			 0);
	return ch;
}

void nh_map(struct nethand *nh)
{
	long queues = nh_get(nh, "multi-queue-num-queues");
	char dir[32] = "";

	nh->nr_queues = queues > 0 ? (unsigned)queues : 1;
	assert_in_range(nh->nr_queues, 1, NH_MAX_QUEUES);
	for (unsigned i = 0; i < nh->nr_queues; i++) {
		struct nh_queue *q = &nh->q[i];

		if (queues > 0)
			snprintf(dir, sizeof(dir), "queue-%u/", i);
		q->tx_page = map_ring(nh, &q->tx, dir, "tx-ring-ref", NETIF_TX_SLOT_SIZE,
				      &q->tx_ref);
		q->rx_page = map_ring(nh, &q->rx, dir, "rx-ring-ref", NETIF_RX_SLOT_SIZE,
				      &q->rx_ref);
		q->tx_ch = bind(nh, dir, "event-channel-tx");
		q->rx_ch = bind(nh, dir, "event-channel-rx");
		if (!q->tx_ch)
			q->tx_ch = q->rx_ch = bind(nh, dir, "event-channel");
		assert_non_null(q->tx_ch);
	}
	if (nh_get(nh, "ctrl-ring-ref") < 0)
		return;
	nh->ctrl_page = map_ring(nh, &nh->ctrl, "", "ctrl-ring-ref", NETIF_CTRL_SLOT_SIZE,
				 &nh->ctrl_ref);
	nh->ctrl_ch = bind(nh, "", "event-channel-ctrl");
}

void nh_drop(struct nethand *nh)
{
	for (unsigned i = 0; i < nh->nr_queues; i++) {
		struct nh_queue *q = &nh->q[i];

		gnttab_unmap_ring(nh->mapper, &q->tx_ref, 1, q->tx_page);
		gnttab_unmap_ring(nh->mapper, &q->rx_ref, 1, q->rx_page);
		if (q->rx_ch != q->tx_ch)
			evtchn_close(q->rx_ch);
		evtchn_close(q->tx_ch);
	}
	nh->nr_queues = 0;
	if (nh->ctrl_page) {
		gnttab_unmap_ring(nh->mapper, &nh->ctrl_ref, 1, nh->ctrl_page);
		evtchn_close(nh->ctrl_ch);
	}
	nh->ctrl_page = NULL;
}

void nh_connect(struct nethand *nh)
{
	nh_state(nh, XenbusStateInitWait);
	nh_wait_front(nh, XenbusStateConnected);
	nh_map(nh);
	nh_state(nh, XenbusStateConnected);
}

void nh_up(struct nethand *nh, const struct tandem_net_opts *opts)
{
	nh_open(nh, opts);
	nh_connect(nh);
	if (nh_opened(nh))
		print_error("%s\n", nh->why);
	assert_int_equal(nh->err, 0);
}

void nh_over(struct nethand *nh)
{
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	tandem_net_close(nh->net);
	nh->net = NULL;
	nh_state(nh, XenbusStateInitialising);
}

void nh_again(struct nethand *nh)
{
	struct tandem_net_info info;

	tandem_net_get_info(nh->net, &info);
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	nh_wait_front(nh, XenbusStateInitialising);
	nh_connect(nh);
	nh_wait_reconnects(nh, info.reconnects + 1);
}

void nh_wait_reconnects(struct nethand *nh, unsigned n)
{
	struct tandem_net_info info;

	for (int i = 0; i < WAIT_STEPS; i++) {
		tandem_net_get_info(nh->net, &info);
		if (info.reconnects == n)
			return;
		usleep(100);
	}
	fail_msg("%u reconnects, not %u", info.reconnects, n);
}
