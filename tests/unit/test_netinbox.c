/* SPDX-License-Identifier: MIT */
/*
 * The inbox: order, bounds and what is counted, several producers at once, and
 * no wake-up that gets lost.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/net/netinbox.h"
#include "backends/worker.h"

#define ROOM	  (NETINBOX_LEN_MAX + 1)
#define PRODUCERS 4
#define EACH	  20000
#define ROUNDS	  100000
#define LOST_S	  60 /* no news for so long is a lost wake-up, not a slow machine */

struct rig {
	struct worker *worker;
	struct netinbox *box;
	struct worker_client wc;
	struct netdrv_client nc;
	bool takes; /* the worker does; else the test */
	int err;
	/* What the worker took. */
	_Atomic uint64_t taken, wakes;
	uint32_t next[PRODUCERS];
	bool wrong;
	uint8_t hdr[NETBUF_HDR], rest[ROOM];
};

/* One packet in three pieces, each byte of which follows from its number. */
struct packet {
	struct netbuf b;
	uint8_t data[ROOM];
};

static uint8_t byte_of(uint32_t who, uint32_t nr, uint32_t i)
{
	return (uint8_t)(who * 31 + nr * 7 + i);
}

static void packet_make(struct packet *p, uint32_t who, uint32_t nr, uint32_t len)
{
	uint32_t a = len < 100 ? len : 100, b = (len - a) / 3;

	for (uint32_t i = 0; i < len; i++)
		p->data[i] = byte_of(who, nr, i);
	p->b = (struct netbuf){ .meta = { .csum_blank = true,
					  .gso_type = (uint8_t)who,
					  .gso_size = 1448,
					  .hash = nr },
				.len = len,
				.iovcnt = 3 };
	p->b.iov[0] = (struct iovec){ p->data, a };
	p->b.iov[1] = (struct iovec){ p->data + a, b };
	p->b.iov[2] = (struct iovec){ p->data + a + b, len - a - b };
}

static struct netbuf rig_room(struct rig *r)
{
	struct netbuf b = { .iovcnt = 2 };

	b.iov[0] = (struct iovec){ r->hdr, sizeof(r->hdr) };
	b.iov[1] = (struct iovec){ r->rest, sizeof(r->rest) };
	return b;
}

static bool packet_same(const struct rig *r, const struct netbuf *b)
{
	for (uint32_t i = 0; i < b->len; i++) {
		uint8_t is = i < NETBUF_HDR ? r->hdr[i] : r->rest[i - NETBUF_HDR];

		if (is != byte_of(b->meta.gso_type, b->meta.hash, i))
			return false;
	}
	return b->meta.csum_blank && b->meta.gso_size == 1448;
}

/* --------------------------------------------------- the worker as the taker */

static int rig_run(struct worker_client *wc)
{
	struct rig *r = (struct rig *)((char *)wc - offsetof(struct rig, wc));
	struct netbuf b = rig_room(r);
	int n = 0;

	while (r->takes && n < 64 && netinbox_take(r->box, &b) == 1) {
		uint32_t who = b.meta.gso_type;

		if (who >= PRODUCERS || b.meta.hash != r->next[who]++ ||
		    !packet_same(r, &b))
			r->wrong = true;
		n++;
		atomic_fetch_add(&r->taken, 1);
	}
	return n;
}

static int rig_arm(struct worker_client *wc)
{
	struct rig *r = (struct rig *)((char *)wc - offsetof(struct rig, wc));

	return r->takes ? netinbox_arm(r->box) : 0;
}

static void rig_flush(struct worker_client *wc)
{
	(void)wc;
}

static void rig_ready(struct netdrv_client *nc)
{
	struct rig *r = (struct rig *)((char *)nc - offsetof(struct rig, nc));

	atomic_fetch_add(&r->wakes, 1);
	worker_client_wake(r->worker, &r->wc);
}

static void rig_start(void *arg)
{
	struct rig *r = arg;

	r->err = netinbox_start(r->box, r->worker, &r->nc);
	if (!r->err)
		worker_client_add(r->worker, &r->wc);
}

static void rig_stop(void *arg)
{
	struct rig *r = arg;

	worker_client_remove(r->worker, &r->wc);
	netinbox_stop(r->box);
}

static struct rig *rig_new(size_t bytes, uint32_t packets, bool takes)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->takes = takes;
	r->wc = (struct worker_client){ .run = rig_run,
					.arm = rig_arm,
					.flush = rig_flush };
	r->nc.ready = rig_ready;
	assert_int_equal(netinbox_new(&r->box, bytes, packets), 0);
	assert_int_equal(worker_new(&r->worker, 0, -1), 0);
	assert_int_equal(worker_run(r->worker), 0);
	worker_call(r->worker, rig_start, r);
	assert_int_equal(r->err, 0);
	return r;
}

static void rig_free(struct rig *r)
{
	worker_call(r->worker, rig_stop, r);
	worker_free(r->worker);
	assert_false(r->wrong);
	netinbox_free(r->box);
	free(r);
}

/* -------------------------------------------------------------------- tests */

/* Through the ends of both rings many times, in sizes of all kinds. */
static void test_what_goes_in_comes_out(void **state)
{
	struct rig *r = rig_new(NETINBOX_BYTES_MIN, 64, false);
	struct packet *p = malloc(sizeof(*p));
	struct netbuf b = rig_room(r);
	uint32_t in = 0, out = 0, len[64];

	(void)state;
	srandom(3);
	while (out < 5000) {
		for (long n = random() % 40; n; n--) {
			uint32_t max = random() % 5 ? 1514 : NETINBOX_LEN_MAX;
			uint32_t size = 1 + (uint32_t)random() % max;

			packet_make(p, 1, in, size);
			if (netinbox_put(r->box, &p->b))
				break;
			len[in++ % 64] = size;
		}
		for (long n = random() % 40; n && netinbox_take(r->box, &b) == 1; n--) {
			assert_int_equal(b.meta.hash, out);
			assert_int_equal(b.len, len[out++ % 64]);
			assert_true(packet_same(r, &b));
		}
	}
	free(p);
	rig_free(r);
}

/* A taker that never takes costs its cap and no more. */
static void test_the_caps_hold(void **state)
{
	struct rig *r = rig_new(NETINBOX_BYTES_MIN, 128, false);
	struct packet *p = malloc(sizeof(*p));
	struct netbuf b = rig_room(r);
	uint32_t packets;
	size_t bytes;

	(void)state;
	packet_make(p, 0, 0, 60);
	for (int i = 0; i < 128; i++)
		assert_int_equal(netinbox_put(r->box, &p->b), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(netinbox_put(r->box, &p->b), -ENOBUFS);
	assert_int_equal(netinbox_dropped(r->box, NETINBOX_DROP_PACKETS), 1000);
	netinbox_depth(r->box, &packets, &bytes);
	assert_int_equal(packets, 128);
	assert_int_equal(bytes, 128 * 64);
	for (int i = 0; i < 128; i++)
		assert_int_equal(netinbox_take(r->box, &b), 1);
	packet_make(p, 0, 0, 65535);
	for (int i = 0; i < 20; i++)
		(void)netinbox_put(r->box, &p->b);
	netinbox_depth(r->box, &packets, &bytes);
	assert_in_range(packets, 3, 4);
	assert_true(bytes <= NETINBOX_BYTES_MIN);
	assert_int_equal(netinbox_dropped(r->box, NETINBOX_DROP_BYTES), 20 - packets);
	assert_int_equal(netinbox_dropped_all(r->box), 1000 + 20 - packets);
	free(p);
	rig_free(r);
}

/* What is of no size that fits is dropped, and what follows is not touched. */
static void test_sizes_that_do_not_fit(void **state)
{
	struct rig *r = rig_new(NETINBOX_BYTES_MIN, 64, false);
	struct packet *p = malloc(sizeof(*p));
	struct netbuf b = rig_room(r);

	(void)state;
	packet_make(p, 0, 0, NETINBOX_LEN_MAX + 1);
	assert_int_equal(netinbox_put(r->box, &p->b), -EMSGSIZE);
	packet_make(p, 0, 0, 0);
	assert_int_equal(netinbox_put(r->box, &p->b), -EMSGSIZE);
	packet_make(p, 0, 0, 1000);
	assert_int_equal(netinbox_put(r->box, &p->b), 0);
	packet_make(p, 0, 1, 999);
	assert_int_equal(netinbox_put(r->box, &p->b), 0);
	b.iov[1].iov_len = 999 - NETBUF_HDR;
	assert_int_equal(netinbox_take(r->box, &b), -EMSGSIZE);
	assert_int_equal(netinbox_take(r->box, &b), 1);
	assert_int_equal(b.len, 999);
	assert_int_equal(netinbox_take(r->box, &b), 0);
	assert_int_equal(netinbox_dropped(r->box, NETINBOX_DROP_SIZE), 3);
	free(p);
	rig_free(r);
}

/* Without copying: several in view, some of them done with. */
static void test_views(void **state)
{
	struct rig *r = rig_new(NETINBOX_BYTES_MIN, 64, false);
	struct packet *p = malloc(sizeof(*p));
	struct netbuf v;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		packet_make(p, 0, i, i < 5 ? 100 : 200);
		assert_int_equal(netinbox_put(r->box, &p->b), 0);
	}
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(netinbox_peek(r->box, i, &v));
		assert_int_equal(v.meta.hash, i);
		assert_int_equal(v.iovcnt, i < 5 ? 1 : 2);
		assert_int_equal(v.iov[0].iov_len, i < 5 ? 100 : NETBUF_HDR);
		assert_int_equal(netbuf_iov_bytes(&v), v.len);
	}
	assert_false(netinbox_peek(r->box, 10, &v));
	netinbox_skip(r->box, 7);
	assert_true(netinbox_peek(r->box, 0, &v));
	assert_int_equal(v.meta.hash, 7);
	free(p);
	rig_free(r);
}

static void restart(void *arg)
{
	rig_stop(arg);
	rig_start(arg);
}

static void test_closed(void **state)
{
	struct rig *r = rig_new(NETINBOX_BYTES_MIN, 64, false);
	struct packet *p = malloc(sizeof(*p));
	struct netbuf b = rig_room(r);

	(void)state;
	packet_make(p, 0, 0, 60);
	assert_int_equal(netinbox_put(r->box, &p->b), 0);
	worker_call(r->worker, restart, r); /* what was left is gone */
	assert_int_equal(netinbox_take(r->box, &b), 0);
	assert_int_equal(netinbox_put(r->box, &p->b), 0);
	worker_call(r->worker, rig_stop, r);
	assert_int_equal(netinbox_put(r->box, &p->b), -ESHUTDOWN);
	assert_int_equal(netinbox_dropped(r->box, NETINBOX_DROP_CLOSED), 1);
	worker_call(r->worker, rig_start, r);
	free(p);
	rig_free(r);
}

/* Waits until the worker took so many. */
static void wait_taken(struct rig *r, uint64_t n)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; atomic_load(&r->taken) < n; i++) {
		sched_yield();
		if (i % 4096)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - from.tv_sec > LOST_S)
			fail_msg("%llu of %llu packets came",
				 (unsigned long long)atomic_load(&r->taken),
				 (unsigned long long)n);
	}
}

/* The taker sleeps after each packet, and each wakes it. */
static void test_no_wake_up_is_lost(void **state)
{
	struct rig *r = rig_new(NETINBOX_BYTES_MIN, 64, true);
	struct packet *p = malloc(sizeof(*p));

	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		packet_make(p, 0, i, 60);
		assert_int_equal(netinbox_put(r->box, &p->b), 0);
		if (i % 7 == 0) /* sometimes it meets the taker on its way to sleep */
			continue;
		wait_taken(r, i + 1);
	}
	wait_taken(r, ROUNDS);
	assert_true(atomic_load(&r->wakes) > 0);
	free(p);
	rig_free(r);
}

struct producer {
	pthread_t thread;
	struct rig *r;
	uint32_t who;
};

static void *producer_run(void *arg)
{
	struct producer *me = arg;
	struct packet *p = malloc(sizeof(*p));

	for (uint32_t i = 0; i < EACH; i++) {
		packet_make(p, me->who, i, i % 1000 ? 60 + i % 200 : 60000);
		while (netinbox_put(me->r->box, &p->b) == -ENOBUFS)
			sched_yield();
	}
	free(p);
	return NULL;
}

/* Each one's packets come whole, once and in its order. */
static void test_several_producers(void **state)
{
	struct rig *r = rig_new(NETINBOX_BYTES_MIN, 256, true);
	struct producer p[PRODUCERS];

	(void)state;
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		p[i].r = r;
		p[i].who = i;
		assert_int_equal(pthread_create(&p[i].thread, NULL, producer_run, &p[i]),
				 0);
	}
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(p[i].thread, NULL);
	wait_taken(r, (uint64_t)PRODUCERS * EACH);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_in_comes_out),
		cmocka_unit_test(test_the_caps_hold),
		cmocka_unit_test(test_sizes_that_do_not_fit),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_no_wake_up_is_lost),
		cmocka_unit_test(test_several_producers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
