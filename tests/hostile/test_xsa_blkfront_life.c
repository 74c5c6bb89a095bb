/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend against libtandem, over a whole life: what it may see of
 * our memory, when it closes, what it writes into xenstore. On one thread
 * (frontsim.h): the backend moves where the library waits.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/base/log.h"
#include "tests/lib/frontsim.h"
#include "tests/lib/rawbackend.h"

#define DISK_BYTES (8u << 20)

static const struct rawbe_key limits[] = {
	{ "max-ring-page-order", "4" },
	{ "multi-queue-max-queues", "4" },
	{ "feature-max-indirect-segments", "64" },
	{ 0 },
};

static const struct rawbe_key props[] = {
	{ "sectors", "16384" },		{ "sector-size", "512" },
	{ "feature-flush-cache", "1" }, { "feature-discard", "1" },
	{ "feature-persistent", "1" },	{ 0 },
};

static struct rawbackend be;
static struct tandem_disk *disk;
static struct tandem_queue *q;
static bool frozen; /* the backend makes no steps */

static void move(void *arg)
{
	(void)arg;
	if (!frozen)
		(void)rawbe_step(&be);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	rawbe_new(&be, NULL, RAWBE_DEVID, DISK_BYTES);
	be.limits = limits;
	be.props = props;
	frozen = false;
	frontsim_begin(move, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tandem_close(disk);
	disk = NULL;
	frontsim_end();
	rawbe_unmap(&be);
	assert_int_equal(memhv_mapped(be.hv), 0);
	rawbe_free(&be);
	return 0;
}

static int try_open(const struct tandem_opts *opts)
{
	char *why = NULL;
	int err = disk_open_plat(rawbe_front(&be), "xvda", opts, &disk, &why);

	if (err)
		assert_true(!disk && why && strlen(why) > 10 && !strchr(why, '\n'));
	else
		q = tandem_queue(disk, 0);
	free(why);
	return err;
}

/* The control thread and the backend, turn by turn. */
static void turns(unsigned n)
{
	while (n--) {
		frontsim_round(disk);
		move(NULL);
	}
}

/* ---------------------------------------------------------------- XSA-403 */

static unsigned visible(const void *what, size_t len)
{
	return memhv_search(be.hv, RAWBE_FRONT, what, len);
}

static void one(enum tandem_op op, uint64_t offset, void *buf, size_t len)
{
	struct tandem_io io = { .op = op, .offset = offset, .len = len, .buf = buf };
	struct tandem_io *done;

	assert_int_equal(tandem_submit(q, &io), 0);
	assert_int_equal(visible(&disk, sizeof(disk)), 0); /* no addresses of ours */
	for (const struct tandem_io *p = &io; p; p = NULL)
		assert_int_equal(visible(&p, sizeof(p)), 0);
	assert_int_equal(tandem_wait(q, &done, 1, 1, 1000000), 1);
	assert_int_equal(io.result, 0);
}

/* Memory around what is written, that was in the same pages. */
static void test_xsa_403_bounces(void **state)
{
	static const char canary[] = "never written to the disk", said[] = "written";
	static const size_t lens[] = { 512, 1024, 4096, 6144, 65536, 300032 };
	const size_t size = 400 << 10;
	char *mem = aligned_alloc(4096, size);

	(void)state;
	assert_int_equal(try_open(NULL), 0);
	for (unsigned i = 0; i < 6; i++)
		for (size_t at = 0; at < 8192; at += 1365) {
			for (size_t k = 0; k + 32 <= size; k += 32)
				memcpy(mem + k, canary, sizeof(canary));
			memset(mem + at, 'x', lens[i]);
			memcpy(mem + at, said, sizeof(said));
			one(TANDEM_WRITE, 0, mem + at, lens[i]);
			assert_true(visible(said, sizeof(said)) > 0);
			assert_int_equal(visible(canary, sizeof(canary)), 0);
			/* a read brings nothing of ours either */
			for (size_t k = 0; k + 32 <= size; k += 32)
				memcpy(mem + k, canary, sizeof(canary));
			one(TANDEM_READ, 0, mem + at, lens[i]);
			assert_int_equal(visible(canary, sizeof(canary)), 0);
		}
	one(TANDEM_FLUSH, 0, NULL, 0);
	one(TANDEM_DISCARD, 0, NULL, 65536);
	assert_int_equal(visible(canary, sizeof(canary)), 0);
	free(mem);
}

/* Granted memory holds what the caller put there, and nothing of the library's
 * or of the heap's: not when new, not after it was free. */
static void test_xsa_403_pool(void **state)
{
	static const char canary[] = "what the heap held before";
	void *heap[64];
	uint8_t *p, *fresh;

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		heap[i] = malloc(4096 * (1 + i % 4));
		for (size_t k = 0; k + 32 <= 4096; k += 32)
			memcpy((char *)heap[i] + k, canary, sizeof(canary));
	}
	for (unsigned i = 0; i < 64; i++)
		free(heap[i]);
	assert_int_equal(try_open(NULL), 0);
	p = tandem_alloc(disk, 16384);
	for (unsigned k = 0; k < 16384; k++)
		assert_int_equal(p[k], 0);
	memset(p, 7, 16384);
	one(TANDEM_WRITE, 0, p + 4096, 512);
	tandem_free(disk, p);
	fresh = tandem_alloc(disk, 4096);
	for (const uint8_t *a = p; a; a = NULL)
		assert_int_equal(visible(&a, sizeof(a)), 0); /* no free list in it */
	assert_int_equal(visible(canary, sizeof(canary)), 0);
	tandem_free(disk, fresh);
	assert_int_equal(visible(canary, sizeof(canary)), 0);
}

/* -------------------------------------------------- XSA-441, XSA-457, XSA-465 */

#define STEPS 7

/* Brings the connection to a step of its life. */
static void to_step(unsigned step)
{
	frozen = true;
	switch (step) {
	case 0: /* connected, idle */
		break;
	case 1: /* killed */
		rawbe_unmap(&be);
		break;
	case 2: /* closed, and we have seen it */
		rawbe_unmap(&be);
		rawbe_state(&be, XenbusStateClosed);
		turns(1);
		break;
	case 3: /* the next one waits */
	case 4: /* we have published */
	case 5: /* he has mapped */
	case 6: /* half of a replay is done */
		rawbe_unmap(&be);
		rawbe_state(&be, XenbusStateClosed);
		turns(1);
		rawbe_state(&be, XenbusStateInitWait);
		turns(step >= 4);
		if (step >= 5)
			assert_int_equal(rawbe_map(&be), 0);
		if (step == 6) {
			rawbe_state(&be, XenbusStateConnected);
			turns(1);
			be.take = 2;
			(void)rawbe_serve(&be);
		}
		break;
	}
	be.take = -1;
	frozen = false;
}

/* At one step the backend's state becomes `state`, events on top; and then? */
static void check_close(unsigned step, unsigned state, bool online)
{
	const struct tandem_opts opts = { .queues = 2 };
	struct tandem_io io[8], *done[8];
	static char buf[8][512];
	int n = 0;

	be.state = XenbusStateInitialising;
	rawbe_write(&be, "online", "1");
	assert_int_equal(try_open(&opts), 0);
	frozen = true;
	for (unsigned i = 0; i < 8; i++) {
		io[i] = (struct tandem_io){
			.op = TANDEM_READ, .len = 512, .buf = buf[i], .result = 99
		};
		assert_int_equal(tandem_submit(q, &io[i]), 0);
	}
	tandem_kick(q);
	to_step(step);
	rawbe_write(&be, "online", online ? "1" : "0");
	rawbe_state(&be, (enum xenbus_state)state);
	for (unsigned i = 0; i < be.nr_queues; i++)
		evtchn_notify(be.q[i].ch);
	frozen = true;
	turns(3);
	/* the next backend is an honest one */
	frozen = false;
	rawbe_unmap(&be);
	rawbe_state(&be, XenbusStateClosed);
	for (unsigned i = 0; i < 50 && n < 8; i++)
		n += tandem_wait(q, done + n, 1, 8 - (unsigned)n, 100000);
	assert_int_equal(n, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_true(io[i].result == 0 || (!online && io[i].result == -ENODEV));
	tandem_close(disk);
	disk = NULL;
}

static void test_xsa_441_every_state_at_every_step(void **state)
{
	(void)state;
	for (unsigned online = 0; online < 2; online++)
		for (unsigned step = 0; step < STEPS; step++)
			for (unsigned st = 0; st <= 9; st++)
				check_close(step, st, online);
}

static bool look_in_free;

void __real_gnttab_arena_free(struct gnttab_arena *a);
void __wrap_gnttab_arena_free(struct gnttab_arena *a);

/* Another thread looks at the first ring while the second one is freed. */
void __wrap_gnttab_arena_free(struct gnttab_arena *a)
{
	struct tandem_io *done;

	__real_gnttab_arena_free(a);
	if (look_in_free && a != disk->channels[0].ring_pages)
		assert_int_equal(tandem_poll(q, &done, 1), 0);
}

static void test_xsa_441_looked_at_while_freed(void **state)
{
	const struct tandem_opts opts = { .queues = 2, .depth = 512 };

	(void)state;
	assert_int_equal(try_open(&opts), 0);
	assert_int_equal(disk->nr_channels, 2);
	rawbe_write(&be, "online", "0");
	rawbe_state(&be, XenbusStateClosing);
	rawbe_unmap(&be); /* nobody holds the pages any more */
	look_in_free = true;
	turns(10);
	look_in_free = false;
	assert_int_equal(tandem_kick(q), -ENODEV);
}

/* The backend fails to map what we publish, and tries again: XSA-457. */
static void test_xsa_457_maps_fail(void **state)
{
	char buf[512];

	(void)state;
	for (unsigned i = 1; i < 20; i++) {
		int err;

		memhv_fail_map(be.hv, i);
		assert_int_equal(try_open(NULL), 0);
		err = tandem_pread(disk, buf, 512, 0);
		assert_true(!err || err == -EIO); /* it may be the I/O's page */
		assert_int_equal(tandem_pread(disk, buf, 512, 0), 0);
		tandem_close(disk);
		disk = NULL;
		memhv_fail_map(be.hv, 0);
	}
}

static size_t heap_bytes(void)
{
	return mallinfo2().uordblks;
}

/* A thousand backends, killed under load: memory stays as it is. */
static void test_xsa_465_reconnects(void **state)
{
	const struct tandem_opts opts = { .queues = 3 };
	struct tandem_io io[64], *done[64];
	struct tandem_info info;
	char *buf = malloc(64 << 12);
	size_t early = 0, late = SIZE_MAX;

	(void)state;
	assert_int_equal(try_open(&opts), 0);
	for (unsigned i = 0; i < 1000; i++) {
		int n = 0;

		frozen = true;
		for (unsigned k = 0; k < 64; k++) {
			io[k] = (struct tandem_io){ .op = k & 1 ? TANDEM_READ
								: TANDEM_WRITE,
						    .len = 4096,
						    .offset = k << 12,
						    .buf = buf + (k << 12) };
			assert_int_equal(tandem_submit(q, &io[k]), 0);
		}
		tandem_kick(q);
		be.take = (int)(i % 64);
		be.answer = (int)(i % 7);
		(void)rawbe_serve(&be);
		be.take = be.answer = -1;
		rawbe_unmap(&be);
		rawbe_state(&be, XenbusStateClosed);
		frozen = false;
		for (unsigned k = 0; k < 100 && n < 64; k++)
			n += tandem_wait(q, done + n, 1, 64 - (unsigned)n, 1000000);
		assert_int_equal(n, 64);
		for (unsigned k = 0; k < 64; k++)
			assert_int_equal(io[k].result, 0);
		/* 7 * 64 rounds apart: everything else is the same */
		if (i == 20 + 7 * 64)
			early = heap_bytes();
		if (i == 20 + 14 * 64)
			late = heap_bytes();
	}
	tandem_get_info(disk, &info);
	assert_int_equal(info.reconnects, 1000);
	print_message("heap after 468 reconnects %zu, after 916 %zu bytes\n", early,
		      late);
	/* one chunk of 32 bytes lost each time would be 14 KiB */
	assert_in_range(late, 0, early + 12288);
	assert_int_equal(be.bad, 0);
	free(buf);
}

/* ------------------------------------------------------------ strange keys */

static const struct {
	const char *key, *value;
	int err;
} strange[] = {
	{ "sectors", NULL, -EPROTO },
	{ "sectors", "", -EPROTO },
	{ "sectors", "0", 0 }, /* an empty drive */
	{ "sectors", "-1", -EPROTO },
	{ "sectors", "18446744073709551616", -EPROTO },
	{ "sectors", "18446744073709551615", -EPROTO },
	{ "sectors", "18014398509481984", -EPROTO }, /* 2^63 bytes */
	{ "sectors", "many", -EPROTO },
	{ "sectors", "16384 ", -EPROTO },
	{ "sectors", "0x4000", -EPROTO },
	{ "sector-size", NULL, 0 },
	{ "sector-size", "0", -EPROTO },
	{ "sector-size", "3", -EPROTO },
	{ "sector-size", "511", -EPROTO },
	{ "sector-size", "8192", -EPROTO },
	{ "sector-size", "2147483648", -EPROTO },
	{ "sector-size", "4294967808", -EPROTO }, /* 2^32 + 512 */
	{ "physical-sector-size", "0", 0 },
	{ "physical-sector-size", "3", 0 },
	{ "physical-sector-size", "none", -EPROTO },
	{ "info", "4294967291", 0 }, /* every bit but read-only */
	{ "info", "cdrom", -EPROTO },
	{ "max-ring-page-order", "99", 0 },
	{ "max-ring-page-order", "4294967295", 0 },
	{ "max-ring-page-order", "4294967296", -EPROTO },
	{ "max-ring-page-order", "-1", -EPROTO },
	{ "max-ring-pages", "0", 0 },
	{ "multi-queue-max-queues", "0", 0 },
	{ "multi-queue-max-queues", "1000000000", 0 },
	{ "multi-queue-max-queues", "1e9", -EPROTO },
	{ "feature-max-indirect-segments", "0", 0 },
	{ "feature-max-indirect-segments", "4294967295", 0 },
	{ "feature-max-indirect-segments", "4294967296", -EPROTO },
	{ "feature-flush-cache", "yes", -EPROTO },
	{ "feature-flush-cache", "2", 0 },
	{ "discard-granularity", "0", 0 },
	{ "discard-granularity", "-4096", -EPROTO },
	{ "state", "9", -ETIMEDOUT },
	{ "state", "four", -ETIMEDOUT },
	{ "state", NULL, -ETIMEDOUT },
	{ "online", NULL, -ENODEV },
	{ "online", "maybe", -ENODEV },
};

static struct rawbe_key said[2];

static void move_strange(void *arg)
{
	(void)arg;
	(void)rawbe_step(&be);
	rawbe_keys(&be, said); /* stronger than what it would say */
}

static void test_strange_keys(void **state)
{
	const struct tandem_opts opts = { .queues = 3, .depth = 256, .connect_ms = 1000 };
	char *buf = calloc(1, 1 << 20);

	(void)state;
	for (unsigned i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		int err;

		frontsim_begin(move_strange, NULL);
		said[0] = (struct rawbe_key){ strange[i].key, strange[i].value };
		rawbe_keys(&be, said);
		err = try_open(&opts);
		if (err != strange[i].err)
			print_error("%s = %s\n", strange[i].key, strange[i].value);
		assert_int_equal(err, strange[i].err);
		if (!err && strcmp(strange[i].key, "sectors"))
			assert_int_equal(tandem_pread(disk, buf, 1 << 20, 0), 0);
		else if (!err)
			assert_int_equal(tandem_pread(disk, buf, 512, 0), -EINVAL);
		tandem_close(disk);
		disk = NULL;
		rawbe_unmap(&be);
		rawbe_write(&be, strange[i].key, NULL);
		rawbe_write(&be, "online", "1");
		rawbe_state(&be, XenbusStateInitialising);
	}
	free(buf);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_xsa_403_bounces),
		TEST(test_xsa_403_pool),
		TEST(test_xsa_441_every_state_at_every_step),
		TEST(test_xsa_441_looked_at_while_freed),
		TEST(test_xsa_457_maps_fail),
		TEST(test_xsa_465_reconnects),
		TEST(test_strange_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
