/* SPDX-License-Identifier: MIT */
/* What libtandem negotiates: keys read, keys written, limits kept. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/handback.h"

static void ring_order(struct handback *hb, unsigned depth, long order, unsigned slots)
{
	const struct tandem_opts opts = { .depth = depth };
	struct tandem_info info;

	hb_up(hb, &opts);
	tandem_get_info(hb->disk, &info);
	assert_int_equal(info.ring_slots, slots);
	assert_int_equal(hb_get(hb, "ring-page-order"), order);
	assert_int_equal(hb_get(hb, "num-ring-pages"), -1);
	assert_int_equal(hb_get(hb, "ring-ref") >= 0, order < 0);
	assert_int_equal(hb_get(hb, "ring-ref0") >= 0, order > 0);
	hb_again(hb);
}

/* The smallest ring that holds the depth, within the backend's limit. */
static void test_ring_order(void **state)
{
	struct handback *hb = *state;

	ring_order(hb, 1, -1, 32);
	ring_order(hb, 32, -1, 32);
	ring_order(hb, 33, 1, 64);
	ring_order(hb, 0, 2, 128);
	ring_order(hb, 100000, 4, 512);
	hb_set(hb, "max-ring-page-order", "1");
	ring_order(hb, 512, 1, 64);
	hb_set(hb, "max-ring-page-order", "31");
	ring_order(hb, 512, 4, 512);
	hb_set(hb, "max-ring-page-order", NULL);
	ring_order(hb, 512, -1, 32);
}

/* A backend that only knows the older keys gets them. */
static void test_ring_pages(void **state)
{
	const struct tandem_opts opts = { .depth = 512 };
	struct handback *hb = *state;

	hb_set(hb, "max-ring-page-order", NULL);
	hb_set(hb, "max-ring-pages", "7"); /* four are a power of two */
	hb_up(hb, &opts);
	assert_int_equal(hb_get(hb, "num-ring-pages"), 4);
	assert_int_equal(hb_get(hb, "ring-page-order"), -1);
	assert_true(hb_get(hb, "ring-ref3") > 0);
	assert_int_equal(hb_get(hb, "ring-ref4"), -1);
}

static void test_queues(void **state)
{
	struct handback *hb = *state;
	struct tandem_opts opts = { .queues = 3 };
	struct tandem_info info;

	hb_up(hb, &opts);
	tandem_get_info(hb->disk, &info);
	assert_int_equal(info.queues, 3);
	assert_int_equal(info.rings, 3);
	assert_int_equal(hb_get(hb, "multi-queue-num-queues"), 3);
	assert_true(hb_get(hb, "queue-2/event-channel") > 0);
	/* no copies on top */
	assert_int_equal(hb_get(hb, "event-channel"), -1);
	assert_int_equal(hb_get(hb, "ring-ref0"), -1);
	assert_non_null(tandem_queue(hb->disk, 2));
	assert_null(tandem_queue(hb->disk, 3));
	hb_again(hb);

	/* one ring is written flat, whatever the number of queues */
	opts.rings = 1;
	hb_up(hb, &opts);
	tandem_get_info(hb->disk, &info);
	assert_int_equal(info.queues, 3);
	assert_int_equal(info.rings, 1);
	assert_int_equal(hb_get(hb, "multi-queue-num-queues"), -1);
	assert_int_equal(hb_get(hb, "queue-0/event-channel"), -1);
	assert_true(hb_get(hb, "event-channel") > 0);
	hb_again(hb);

	opts.rings = 0;
	hb_set(hb, "multi-queue-max-queues", "2");
	hb_up(hb, &opts);
	tandem_get_info(hb->disk, &info);
	assert_int_equal(info.queues, 3);
	assert_int_equal(info.rings, 2);
}

static void protocol(struct handback *hb, const char *abi, const char *key)
{
	const struct tandem_opts opts = { .abi = abi };
	char *value = NULL;
	int err;

	hb_up(hb, &opts);
	err = xenstore_read(hb->be.be, XENSTORE_NO_TX,
			    "/local/domain/2/device/vbd/51712/protocol", &value, NULL);
	assert_int_equal(err, key ? 0 : -ENOENT);
	if (key)
		assert_string_equal(value, key);
	free(value);
	hb_again(hb);
}

static void test_protocol(void **state)
{
	const struct tandem_opts bad = { .abi = "sparc-abi" };
	struct handback *hb = *state;

	protocol(hb, NULL, "x86_64-abi");
	protocol(hb, "native", NULL);
	protocol(hb, "x86_64-abi", "x86_64-abi");
	protocol(hb, "x86_32-abi", "x86_32-abi");
	hb_open(hb, &bad);
	assert_int_equal(hb_opened(hb), -EINVAL);
	assert_non_null(strstr(hb->why, "sparc-abi"));
}

static void test_features(void **state)
{
	struct handback *hb = *state;
	struct tandem_opts opts = { 0 };
	struct tandem_info info;

	hb_set(hb, "feature-barrier", "1");
	hb_set(hb, "discard-secure", "1");
	hb_set(hb, "discard-granularity", "4096");
	hb_set(hb, "discard-alignment", "512");
	hb_set(hb, "physical-sector-size", "4096");
	hb_set(hb, "info", "3");
	hb_up(hb, &opts);
	tandem_get_info(hb->disk, &info);
	assert_true(info.flush && info.barrier && info.discard && info.discard_secure);
	assert_true(info.persistent && info.cdrom && info.removable && !info.readonly);
	assert_int_equal(info.discard_granularity, 4096);
	assert_int_equal(info.discard_alignment, 512);
	assert_int_equal(info.physical_sector_size, 4096);
	assert_int_equal(info.sector_size, 512);
	assert_int_equal(info.size, HB_DISK_BYTES);
	assert_int_equal(info.max_segments, 256);
	assert_int_equal(info.max_transfer, 1 << 20);
	assert_int_equal(hb_get(hb, "feature-persistent"), 1);
	hb_again(hb);

	opts.no_persistent = opts.no_indirect = true;
	hb_set(hb, "feature-discard", "0");
	hb_set(hb, "feature-flush-cache", NULL);
	hb_set(hb, "feature-barrier", NULL);
	hb_up(hb, &opts);
	tandem_get_info(hb->disk, &info);
	assert_false(info.flush || info.barrier || info.discard || info.discard_secure);
	assert_false(info.persistent);
	assert_int_equal(info.max_segments, 11);
	assert_int_equal(hb_get(hb, "feature-persistent"), -1);
}

static void test_readonly(void **state)
{
	const struct tandem_opts ro = { .readonly = true };
	struct handback *hb = *state;
	struct tandem_info info;
	uint8_t buf[512];

	hb_set(hb, "info", "4");
	hb_open(hb, NULL);
	hb_state(hb, XenbusStateInitWait);
	hb_wait_front(hb, XenbusStateInitialised);
	hb_state(hb, XenbusStateConnected);
	assert_int_equal(hb_opened(hb), -EROFS);
	hb_state(hb, XenbusStateInitialising);

	hb_up(hb, &ro);
	tandem_get_info(hb->disk, &info);
	assert_true(info.readonly);
	assert_int_equal(tandem_pwrite(hb->disk, buf, 512, 0), -EROFS);
	assert_int_equal(tandem_discard(hb->disk, 0, 512), -EROFS);
}

/* Values that no backend should write end the opening, with the key's name. */
static void test_nonsense(void **state)
{
	static const struct {
		const char *key, *value;
		bool early; /* read before the rings are published */
	} bad[] = {
		{ "sectors", "", false },
		{ "sectors", "-1", false },
		{ "sectors", "0x10", false },
		{ "sectors", " 8", false },
		{ "sectors", "8 ", false },
		{ "sectors", "1e3", false },
		{ "sectors", "18446744073709551616", false },
		{ "sectors", "36028797018963968", false }, /* 2^64 bytes */
		{ "sectors", NULL, false },
		{ "sector-size", "0", false },
		{ "sector-size", "256", false },
		{ "sector-size", "513", false },
		{ "sector-size", "8192", false },
		{ "sector-size", "4294967808", false },
		{ "info", "read-only", false },
		{ "feature-flush-cache", "yes", false },
		{ "feature-discard", "on", false },
		{ "discard-granularity", "4k", false },
		{ "max-ring-page-order", "two", true },
		{ "max-ring-page-order", "4294967296", true },
		{ "multi-queue-max-queues", "-4", true },
		{ "feature-max-indirect-segments", "99999999999", true },
	};
	struct handback *hb = *state;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char path[256], *old = NULL;

		snprintf(path, sizeof(path), "/local/domain/1/backend/vbd/2/51712/%s",
			 bad[i].key);
		(void)xenstore_read(hb->be.be, XENSTORE_NO_TX, path, &old, NULL);
		hb_set(hb, bad[i].key, bad[i].value);
		hb_open(hb, NULL);
		hb_state(hb, XenbusStateInitWait);
		if (!bad[i].early) {
			hb_wait_front(hb, XenbusStateInitialised);
			hb_state(hb, XenbusStateConnected);
		}
		assert_int_equal(hb_opened(hb), -EPROTO);
		if (!strstr(hb->why, bad[i].key))
			fail_msg("%s=%s: %s", bad[i].key, bad[i].value, hb->why);
		hb_set(hb, bad[i].key, old);
		free(old);
		hb_state(hb, XenbusStateInitialising);
	}
}

/* Numbers that are large but make sense are cut to what we can do. */
static void test_generous(void **state)
{
	struct handback *hb = *state;
	struct tandem_info info;

	hb_set(hb, "max-ring-page-order", "4294967294");
	hb_set(hb, "multi-queue-max-queues", "4294967295");
	hb_set(hb, "feature-max-indirect-segments", "4294967295");
	hb_set(hb, "physical-sector-size", "3");
	hb_up(hb, NULL);
	tandem_get_info(hb->disk, &info);
	assert_int_equal(info.max_segments, BLKIF_MAX_INDIRECT_SEGMENTS);
	assert_int_equal(info.physical_sector_size, 512);
	assert_int_equal(info.rings, 1);
}

/* Who was there before us left his states behind. */
static void test_stale(void **state)
{
	struct handback *hb = *state;

	hb_state(hb, XenbusStateConnected);
	hb_open(hb, NULL);
	hb_wait_front(hb, XenbusStateClosed);
	hb_state(hb, XenbusStateClosed);
	hb_wait_front(hb, XenbusStateInitialising);
	hb_connect(hb);
	assert_int_equal(hb_opened(hb), 0);
}

static void test_no_backend(void **state)
{
	const struct tandem_opts opts = { .connect_ms = 100 };
	struct handback *hb = *state;

	hb_open(hb, &opts);
	assert_int_equal(hb_opened(hb), -ETIMEDOUT);
	assert_non_null(strstr(hb->why, "no backend answers"));
	/* it says itself what is wrong, in clean text or not */
	hb_set(hb, "error", "/no/image: \x01 No such file");
	hb_state(hb, XenbusStateClosed);
	hb_open(hb, &opts);
	assert_int_equal(hb_opened(hb), -EIO);
	assert_non_null(strstr(hb->why, "/no/image: ? No such file"));
	hb_set(hb, "online", "0");
	hb_open(hb, &opts);
	assert_int_equal(hb_opened(hb), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ring_order, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_ring_pages, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_queues, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_protocol, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_features, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_readonly, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_generous, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_stale, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_no_backend, hb_setup, hb_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
