/* SPDX-License-Identifier: MIT */
/* The switch: packets between ports of one worker, past the inbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/worker.h"
#include "tests/lib/switchrig.h"

#define LEN 300u

/* What the ports' client was handed. */
static struct {
	bool refuses;
	unsigned n;
	uint32_t len;
	uint8_t data[RIG_ROOM];
} took;

static bool take(struct netdrv_client *c, const struct netbuf *b)
{
	const struct iovec to[] = { { took.data, 100 }, { took.data + 100, RIG_ROOM } };

	(void)c;
	if (took.refuses)
		return false;
	took.n++;
	took.len = b->len;
	netbuf_scatter(b, 0, to);
	return true;
}

/* Two ports whose guest takes packets. */
static struct switchrig *two(const struct switch_port_params *second)
{
	struct switchrig *r = switchrig_new(NULL);

	memset(&took, 0, sizeof(took));
	r->client.take = take;
	r->on_worker = true;
	assert_int_equal(switchrig_port(r, NULL), 0);
	assert_int_equal(switchrig_port(r, second), 1);
	return r;
}

static void assert_bytes(const uint8_t *data, uint32_t from, uint32_t len)
{
	for (uint32_t k = from; k < len; k++)
		assert_int_equal(data[k], (uint8_t)(7 + len - k));
}

static void test_at_once(void **state)
{
	struct switchrig *r = two(NULL);

	(void)state;
	for (uint32_t len = 14; len < LEN; len++) {
		switchrig_send(r, 0, 0, 7, 0, len);
		assert_int_equal(took.len, len);
		assert_bytes(took.data, 14, len);
	}
	assert_int_equal(took.n, LEN - 14);
	assert_int_equal(switchrig_drain(r, 1), 0);
	assert_int_equal(switchrig_stat(r, 1, "out"), LEN - 14);
	switchrig_free(r);
}

/* Nothing overtakes what waits in the inbox. */
static void test_order(void **state)
{
	struct switchrig *r = two(NULL);

	(void)state;
	took.refuses = true;
	switchrig_send(r, 0, 0, 7, 0, 60);
	took.refuses = false;
	switchrig_send(r, 0, 0, 7, 0, 61);
	assert_int_equal(took.n, 0);
	assert_true(switchrig_take(r, 1));
	assert_int_equal(r->len, 60);
	switchrig_send(r, 0, 0, 7, 0, 62);
	assert_int_equal(took.n, 0);
	assert_true(switchrig_take(r, 1));
	assert_int_equal(r->len, 61);
	assert_true(switchrig_take(r, 1));
	assert_int_equal(r->len, 62);
	switchrig_send(r, 0, 0, 7, 0, 63);
	assert_int_equal(took.n, 1);
	assert_int_equal(took.len, 63);
	switchrig_free(r);
}

/* A tag that comes or goes: the header has another length. */
static void test_tags(void **state)
{
	struct switch_port_params trunk = { .trunk_all = true };
	struct switchrig *r = switchrig_new(NULL);
	struct switch_port_params five = { .vlan = 5 };

	(void)state;
	memset(&took, 0, sizeof(took));
	r->client.take = take;
	r->on_worker = true;
	switchrig_port(r, &five);
	switchrig_port(r, &trunk);
	switchrig_send(r, 0, 0, 7, 0, LEN);
	assert_int_equal(took.len, LEN + 4);
	assert_memory_equal(took.data + 12, "\x81\0\0\5", 4);
	assert_bytes(took.data + 4, 14, LEN);
	switchrig_send(r, 1, 0, 7, 5, LEN);
	assert_int_equal(took.len, LEN - 4);
	assert_int_equal(took.n, 2);
	switchrig_free(r);
}

/* What the guest cannot receive as it is takes the inbox's way. */
static void test_not_as_it_is(void **state)
{
	const struct netif_meta blank = { .csum_blank = true };
	struct switchrig *r = two(NULL);
	uint8_t frame[LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9 };

	(void)state;
	switchrig_send_raw(r, 0, frame, LEN, &blank);
	assert_int_equal(took.n, 0);
	switchrig_drain(r, 1);
	switchrig_send_raw(r, 0, frame, LEN, NULL);
	assert_int_equal(took.n, 1);
	switchrig_free(r);
}

/* A port that another worker serves. */
struct other {
	struct switch_port *port;
	struct worker *worker;
	struct netdrv_client client;
	struct switch_queue *q;
	int err;
};

static void ready(struct netdrv_client *c)
{
	(void)c;
}

static void start_other(void *arg)
{
	struct other *o = arg;

	o->err = switch_queue_start(o->port, 0, o->worker, &o->client, &o->q);
}

static void stop_other(void *arg)
{
	switch_queue_stop(((struct other *)arg)->q);
}

/* Its client is never called by us. */
static void test_another_worker(void **state)
{
	const struct switch_port_params plain = { 0 };
	struct other o = { .client = { ready, take } };
	struct switchrig *r = switchrig_new(NULL);
	uint8_t hdr[NETBUF_HDR];
	struct netbuf b;
	char *why;

	(void)state;
	memset(&took, 0, sizeof(took));
	r->on_worker = true;
	switchrig_port(r, NULL);
	assert_int_equal(worker_new(&o.worker, 1, -1), 0);
	assert_int_equal(worker_run(o.worker), 0);
	assert_int_equal(switch_port_add(r->sw, &plain, &o.port, &why), 0);
	worker_call(o.worker, start_other, &o);
	assert_int_equal(o.err, 0);
	switchrig_send(r, 0, 0, 7, 0, LEN);
	assert_int_equal(took.n, 0);
	assert_true(switch_next(o.q, &b, hdr));
	assert_int_equal(b.len, LEN);
	switch_done(o.q, 1, LEN);
	worker_call(o.worker, stop_other, &o);
	switch_port_remove(o.port);
	worker_free(o.worker);
	switchrig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_not_as_it_is),
		cmocka_unit_test(test_another_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
