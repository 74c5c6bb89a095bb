/* SPDX-License-Identifier: MIT */
/*
 * The switch's ports: as a driver, as uplinks, for guests that can do less, and
 * coming and going while others send.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/worker.h"
#include "tests/lib/frames.h"
#include "tests/lib/switchrig.h"

#define SENDERS	 3
#define COMINGS	 500
#define WAIT_US	 1000
#define WAITS	 20000
#define BACKLOG	 5000u
#define GSO_SIZE 1000u

/* ------------------------------------------------------------- the driver */

/* Why a port with these does not open; the caller frees it. */
static char *refused(const char *target, const char *options, int err)
{
	struct netdrv_params p = { .driver = "switch",
				   .target = target,
				   .options = options };
	struct netdrv *dev;
	char *why = NULL;

	assert_int_equal(netdrv_find("switch")->open(&p, &dev, &why), err);
	assert_non_null(why);
	assert_null(strchr(why, '\n'));
	return why;
}

static void test_bad_targets(void **state)
{
	char *why = refused("br7", NULL, -ENOENT);

	(void)state;
	assert_string_equal(why, "switch 'br7': there is none of that name; there is "
				 "none at all");
	free(why);
	why = NULL;
	assert_int_equal(switch_create("br0", NULL, &why), 0);
	assert_int_equal(switch_create("br1", NULL, &why), 0);
	assert_int_equal(switch_create("br1", NULL, &why), -EEXIST);
	free(why);
	assert_int_equal(switch_create("br 2", NULL, &why), -EINVAL);
	free(why);
	why = refused("br7", NULL, -ENOENT);
	assert_string_equal(why, "switch 'br7': there is none of that name; there are: "
				 "br0, br1");
	free(why);
	free(refused(NULL, NULL, -EINVAL));
	assert_int_equal(switch_destroy("br0"), 0);
	assert_int_equal(switch_destroy("br0"), -ENOENT);
	assert_int_equal(switch_destroy("br1"), 0);
}

static void test_bad_options(void **state)
{
	static const char *const bad[] = {
		"vlan=0",      "vlan=4095",  "vlan=",	     "vlan=5x",
		"trunk=",      "trunk=1;",   "trunk=;1",     "trunk=1:2",
		"trunk=0",     "isolated=2", "macs=0",	     "macs=100000000",
		"color=red",   "vlan",	     "trunk=1;4095", "vlan=99999999999999999999",
		"trunk=all;1", "vlan=5,x=",
	};
	struct switchrig *r = switchrig_new(NULL);
	char *why;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		free(refused("rig", bad[i], -EINVAL));
	why = refused("rig", "vlan=5,isolated=often", -EINVAL);
	assert_non_null(strstr(why, "'isolated=often' is not understood"));
	free(why);
	why = refused("rig", "vlan=5,trunk=4;5", -EINVAL);
	assert_non_null(strstr(why, "VLAN 5 cannot be tagged and untagged"));
	free(why);
	assert_int_equal(switchrig_stat(r, -1, "ports"), 0);
	switchrig_free(r);
}

struct drv_call {
	struct netdrv *dev;
	struct worker *w;
	struct netdrv_client *client;
	struct netdrv_queue *q;
	struct netbuf *pkt;
	int err;
};

static void drv_start(void *arg)
{
	struct drv_call *c = arg;

	c->err = c->dev->ops->queue_start(c->dev, 0, c->w, c->client, &c->q);
}

static void drv_stop(void *arg)
{
	struct drv_call *c = arg;

	c->dev->ops->queue_stop(c->q);
}

static void drv_send(void *arg)
{
	struct drv_call *c = arg;

	c->err = c->dev->ops->send(c->q, &c->pkt, 1);
}

/* The options reach the switch, and packets go both ways. */
static void test_as_a_driver(void **state)
{
	struct netdrv_params p = { .target = "rig", .options = "trunk=4;5,isolated=1" };
	struct switchrig *r = switchrig_new(NULL);
	struct switch_port_params five = { .vlan = 5 };
	struct drv_call c = { .w = r->worker, .client = &r->client };
	uint8_t frame[64] = { 255, 255, 255, 255, 255,	255, 2, 0,
			      0,   0,	0,   9,	  0x81, 0,   0, 5 };
	uint8_t room[NETBUF_HDR];
	struct netbuf b = { .len = 64, .iovcnt = 1, .iov = { { frame, 64 } } };
	struct netbuf in = { .iovcnt = 1, .iov = { { room, sizeof(room) } } };
	char *why = NULL;

	(void)state;
	switchrig_port(r, &five);
	assert_int_equal(netdrv_find("switch")->open(&p, &c.dev, &why), 0);
	assert_int_equal(c.dev->info.mtu, 1500);
	assert_true(c.dev->info.send.tso6);
	worker_call(r->worker, drv_start, &c);
	assert_int_equal(c.err, 0);
	c.pkt = &b;
	worker_call(r->worker, drv_send, &c);
	assert_int_equal(c.err, 1);
	assert_true(switchrig_take(r, 0));
	assert_int_equal(r->len, 60);
	assert_int_equal(c.dev->ops->recv(c.q, &in), 0);
	assert_int_equal(c.dev->ops->arm(c.q, true), 0);
	switchrig_send(r, 0, 0, 7, 0, 60);
	assert_int_equal(c.dev->ops->recv(c.q, &in), 1);
	assert_int_equal(in.len, 64);
	switchrig_send(r, 0, 0, 7, 0, 300);
	assert_int_equal(c.dev->ops->arm(c.q, true), 1);
	assert_int_equal(c.dev->ops->arm(c.q, false), 0);
	assert_int_equal(c.dev->ops->recv(c.q, &in), -EMSGSIZE);
	assert_int_equal(c.q->drops, 1);
	worker_call(r->worker, drv_stop, &c);
	c.dev->ops->close(c.dev);
	switchrig_free(r);
}

/* --------------------------------------------------------------- offloads */

/* A large segment for a port with `caps`; returns how many packets came. */
static unsigned offload_case(bool v6, const struct netdrv_caps *caps)
{
	static uint8_t buf[FRAMES_MAX];
	struct frame_spec spec = {
		.v6 = v6, .proto = 6, .payload = 10 * GSO_SIZE + 7, .blank = true
	};
	struct netif_meta meta = { .csum_blank = true,
				   .data_validated = true,
				   .gso_type = v6 ? XEN_NETIF_GSO_TYPE_TCPV6
						  : XEN_NETIF_GSO_TYPE_TCPV4,
				   .gso_size = GSO_SIZE };
	struct switchrig *r = switchrig_new(NULL);
	struct frame f = frame_make(buf, &spec);
	size_t payload = 0;
	unsigned n = 0;

	switchrig_port(r, NULL);
	switchrig_port(r, NULL);
	switch_port_caps(r->port[1], caps);
	switchrig_send_raw(r, 0, buf, f.len, &meta);
	for (; switchrig_take(r, 1); n++) {
		if (r->meta.gso_type) {
			assert_memory_equal(r->data, buf, f.len);
			assert_true(r->meta.csum_blank);
			continue;
		}
		assert_false(r->meta.csum_blank);
		assert_true(frame_sums_right(r->data, r->len));
		assert_memory_equal(r->data + f.data, buf + f.data + payload,
				    r->len - f.data);
		payload += r->len - f.data;
	}
	assert_int_equal(payload, n == 1 ? 0 : spec.payload);
	assert_int_equal(switchrig_stat(r, 1, "out"), n);
	assert_int_equal(switchrig_stat(r, 1, "cut"), n > 1);
	switchrig_free(r);
	return n;
}

static void test_large_segments(void **state)
{
	const struct netdrv_caps none = { 0 }, all = { true, true, true, true };
	const struct netdrv_caps v4 = { .csum = true, .tso4 = true };

	(void)state;
	assert_int_equal(offload_case(false, &none), 11);
	assert_int_equal(offload_case(true, &none), 11);
	assert_int_equal(offload_case(false, &v4), 1);
	assert_int_equal(offload_case(true, &v4), 11);
	assert_int_equal(offload_case(false, &all), 1);
	assert_int_equal(offload_case(true, &all), 1);
}

/* Of one that cannot be cut nothing is made; those behind it come. */
static void test_blank_checksums(void **state)
{
	uint8_t buf[FRAMES_MAX];
	struct frame_spec spec = { .proto = 17, .payload = 400, .blank = true };
	struct netif_meta meta = { .csum_blank = true };
	struct switchrig *r = switchrig_new(NULL);
	struct frame f = frame_make(buf, &spec);

	(void)state;
	switchrig_port(r, NULL);
	switchrig_port(r, NULL);
	meta.gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
	meta.gso_size = 100;
	switchrig_send_raw(r, 0, buf, f.len, &meta); /* it is UDP */
	meta.gso_type = 0;
	switchrig_send_raw(r, 0, buf, f.len, &meta);
	assert_true(switchrig_take(r, 1));
	assert_int_equal(r->len, f.len);
	assert_false(r->meta.csum_blank);
	assert_true(frame_sums_right(r->data, r->len));
	assert_false(switchrig_take(r, 1));
	assert_int_equal(switchrig_stat(r, 1, "drop_offload"), 1);
	assert_int_equal(switchrig_stat(r, 1, "summed"), 1);
	switchrig_free(r);
}

/* ---------------------------------------------------------------- uplinks */

/* The outside, as a driver: one queue, with room or without. */
struct outside {
	struct netdrv dev; /* first */
	struct netdrv_queue q;
	struct netdrv_client *client;
	_Atomic unsigned room, sent, wrong;
	_Atomic bool has_one, stopped;
};

static int outside_start(struct netdrv *dev, uint32_t index, struct worker *w,
			 struct netdrv_client *client, struct netdrv_queue **q)
{
	struct outside *o = (struct outside *)dev;

	o->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	*q = &o->q;
	return index ? -EINVAL : 0;
}

static void outside_stop(struct netdrv_queue *q)
{
	((struct outside *)q->dev)->stopped = true;
}

/* The senders' addresses count from 1. */
static int outside_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct outside *o = (struct outside *)q->dev;
	unsigned i;

	for (i = 0; i < n && o->room; i++) {
		uint8_t src[6];

		switchrig_mac(src, o->sent + 1);
		if (pkts[i]->len != 60 || netbuf_iov_bytes(pkts[i]) != 60 ||
		    memcmp((uint8_t *)pkts[i]->iov[0].iov_base + 6, src, 6))
			o->wrong++;
		o->room--;
		o->sent++;
	}
	return (int)i;
}

static int outside_recv(struct netdrv_queue *q, struct netbuf *b)
{
	static const uint8_t frame[60] = {
		255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 9, 9
	};
	struct outside *o = (struct outside *)q->dev;

	if (!atomic_exchange(&o->has_one, false))
		return 0;
	b->meta = (struct netif_meta){ 0 };
	b->len = sizeof(frame);
	netbuf_fill(b, frame, sizeof(frame));
	return 1;
}

static const struct netdrv_ops outside_ops = {
	.name = "outside",
	.queue_start = outside_start,
	.queue_stop = outside_stop,
	.send = outside_send,
	.recv = outside_recv,
};

static void outside_wake(void *arg)
{
	struct outside *o = arg;

	o->q.client->ready(o->q.client);
}

static void wait_for(_Atomic unsigned *n, unsigned want)
{
	for (int i = 0; i < WAITS && *n < want; i++)
		usleep(WAIT_US);
	assert_int_equal(*n, want);
}

/* What finds no room waits in the inbox, and goes in order when there is some. */
static void test_uplink(void **state)
{
	struct outside o = { .dev = { &outside_ops, { .mtu = 1500 } } };
	struct switchrig *r = switchrig_new(NULL);
	struct switch_uplink *up;
	char *why = NULL;

	(void)state;
	switchrig_port(r, NULL);
	assert_int_equal(switch_add_uplink("none", &o.dev, "out", r->worker, &up, &why),
			 -ENOENT);
	free(why);
	assert_int_equal(switch_add_uplink("rig", &o.dev, "out", r->worker, &up, &why),
			 0);
	for (unsigned i = 0; i < BACKLOG; i++)
		switchrig_send(r, 0, 0, i + 1, 0, 60);
	assert_true(switchrig_stat(r, 0, "drop_full") > 0);
	assert_int_equal(o.sent, 0);
	o.room = 100;
	worker_call(r->worker, outside_wake, &o);
	wait_for(&o.sent, 100);
	o.room = BACKLOG;
	worker_call(r->worker, outside_wake, &o);
	wait_for(&o.sent, BACKLOG - (unsigned)switchrig_stat(r, 0, "drop_full"));
	assert_int_equal(o.wrong, 0);
	o.has_one = true;
	worker_call(r->worker, outside_wake, &o);
	for (int i = 0; i < WAITS && !switchrig_take(r, 0); i++)
		usleep(WAIT_US);
	assert_int_equal(r->len, 60);
	switch_remove_uplink(up);
	assert_true(o.stopped);
	assert_int_equal(switchrig_stat(r, -1, "ports"), 1);
	switchrig_free(r);
}

/* ---------------------------------------------------------------- threads */

struct sender {
	pthread_t thread;
	struct switchrig *r;
	unsigned port;
	_Atomic bool *stop;
};

/* Addresses of its own and of others, known and unknown, as fast as it can. */
static void *sender_run(void *arg)
{
	struct sender *s = arg;
	uint8_t frame[60] = { 0 }, room[NETBUF_HDR];
	struct netbuf b = { .len = 60, .iovcnt = 1, .iov = { { frame, 60 } } }, *p = &b;
	struct netbuf in = { .iovcnt = 1, .iov = { { room, sizeof(room) } } };
	struct switch_queue *q = s->r->q[s->port][0];
	uint64_t now = s->r->now;

	for (uint32_t i = 0; !*s->stop; i++) {
		switchrig_mac(frame, i % 16 ? 1 + i % 97 : 0);
		switchrig_mac(frame + 6, 1 + i * 7 % 101);
		switch_forward(q, &p, 1, now += RIG_MS);
		while (switch_take(q, &in) == 1)
			;
	}
	return NULL;
}

/* Ports come and go while others send to them, and addresses move about. */
static void test_ports_come_and_go(void **state)
{
	struct switch_params params = { .ageing = 1 };
	struct switchrig *r = switchrig_new(&params);
	struct switch_port_params few = { .macs = 16 };
	struct sender s[SENDERS];
	_Atomic bool stop = false;
	unsigned port;

	(void)state;
	for (unsigned i = 0; i < SENDERS; i++)
		s[i] = (struct sender){ .r = r,
					.port = switchrig_port(r, &few),
					.stop = &stop };
	for (unsigned i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&s[i].thread, NULL, sender_run, &s[i]),
				 0);
	for (uint32_t i = 0; i < COMINGS; i++) {
		port = switchrig_port(r, &few);
		switchrig_send(r, port, 0, 1 + i % 97, 0, 60);
		switchrig_drain(r, port);
		assert_true(switchrig_stat(r, -1, "macs") <= 16 * (SENDERS + 1));
		switchrig_unport(r, port);
	}
	stop = true;
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(s[i].thread, NULL);
	assert_true(switchrig_stat(r, -1, "moved") > 0);
	switchrig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_targets),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_as_a_driver),
		cmocka_unit_test(test_large_segments),
		cmocka_unit_test(test_blank_checksums),
		cmocka_unit_test(test_uplink),
		cmocka_unit_test(test_ports_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
