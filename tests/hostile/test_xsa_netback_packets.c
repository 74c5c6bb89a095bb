/* SPDX-License-Identifier: MIT */
/*
 * Packets that no honest frontend sends, and pages that cannot be had, against
 * netback: published advisories, by number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/vifpair.h"

static struct vifpair vp;
static uint8_t buf[65536];

static int setup(void **state)
{
	(void)state;
	vifpair_start(&vp, NULL, "test", "tape", NULL, RV_SPLIT | RV_GSO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vifpair_stop(&vp);
	return 0;
}

/* A chain of slots of such sizes, the first slot's size being `total`; the
 * status of all, 99 if it was closed for it. */
static int send_chain(const uint16_t *size, unsigned n, uint16_t total)
{
	struct netif_tx_response rsp = { 0 };
	int status = 99;

	for (unsigned i = 0; i < n; i++)
		rawvif_tx(&vp.bad, &(struct netif_tx_request){
					   .gref = vp.bad.tx_data->refs[i],
					   .flags = i + 1 < n ? NETTXF_more_data : 0,
					   .id = (uint16_t)(1000 + i),
					   .size = i ? size[i] : total });
	rawvif_push(&vp.bad);
	for (unsigned i = 0; i < n; i++) {
		while (ring_front_arm(&vp.bad.tx) == 0)
			if (rawback_be_num(&vp.rb, VP_BAD, "state") == XenbusStateClosed)
				return 99;
		ring_copy_response(&vp.bad.tx, &rsp, sizeof(rsp));
		assert_int_equal(rsp.id, 1000 + i);
		assert_true(!i || status == rsp.status);
		status = rsp.status;
	}
	return status;
}

/* Zero-length and short packets, a zero-length slot in every place of a chain. */
static void test_xsa_374_448_zero_lengths(void **state)
{
	uint16_t size[NETIF_PKT_SLOTS] = { 0 };

	(void)state;
	for (unsigned len = 0; len < NETIF_ETH_HLEN; len++)
		assert_int_equal(send_chain(size, 1, (uint16_t)len), NETIF_RSP_ERROR);
	for (unsigned n = 2; n <= NETIF_PKT_SLOTS; n++)
		for (unsigned zero = 0; zero <= n; zero++) {
			uint16_t total = 0;

			for (unsigned i = 0; i < n; i++) {
				size[i] = i == zero ? 0 : 100;
				total = (uint16_t)(total + size[i]);
			}
			assert_int_equal(send_chain(size, n, total), NETIF_RSP_OKAY);
		}
	/* all of them, and slots that say more than the packet has */
	memset(size, 0, sizeof(size));
	assert_int_equal(send_chain(size, NETIF_PKT_SLOTS, 0), NETIF_RSP_ERROR);
	assert_int_equal(send_chain(size, NETIF_PKT_SLOTS, 14), NETIF_RSP_OKAY);
	size[1] = 100;
	assert_int_equal(send_chain(size, 2, 60), NETIF_RSP_ERROR);
	vifpair_neighbour(&vp, 10);
}

/* Both ways, then it is closed in the middle. */
static void test_xsa_374_448_bad_then_teardown(void **state)
{
	static const uint8_t frame[64] = { 2 };

	(void)state;
	for (int i = 0; i < 50; i++) {
		for (uint32_t len = 0; len < 15; len++)
			(void)testport_feed(testport_find("tape"), 0, NULL, frame, len);
		for (int k = 0; k < 30; k++)
			rawvif_tx(&vp.bad, &(struct netif_tx_request){
						   .gref = (grant_ref_t)k, .size = 0 });
		rawvif_push(&vp.bad);
		rawback_fe_write(&vp.rb, VP_BAD, "state", i & 1 ? "5" : "6");
		rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
		vifpair_closed(&vp);
		vifpair_neighbour(&vp, 2);
		vifpair_reconnect(&vp);
	}
}

/* Headers split over slots, at every byte: the port sees the same frame. */
static void test_xsa_423_split_headers(void **state)
{
	struct testport *tp = testport_find("tape");
	uint8_t frame[160];

	(void)state;
	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7 & ~1u);
	for (unsigned at = 1; at < sizeof(frame); at++) {
		uint16_t size[3] = { (uint16_t)at, 1,
				     (uint16_t)(sizeof(frame) - at - 1) };
		uint8_t *pages = vp.bad.tx_data->pages;
		unsigned n = size[2] ? 3 : 2;

		memcpy(pages, frame, at);
		pages[NETIF_PAGE_SIZE] = frame[at];
		memcpy(pages + 2 * NETIF_PAGE_SIZE, frame + at + 1, size[2]);
		if (at + 1 == sizeof(frame))
			n = 2;
		testport_clear(tp);
		assert_int_equal(send_chain(size, n, sizeof(frame)), NETIF_RSP_OKAY);
		assert_true(testport_wait(tp, 1));
		assert_int_equal(tp->sent[0].len, sizeof(frame));
		assert_memory_equal(tp->sent[0].bytes, frame, sizeof(frame));
	}
	vifpair_neighbour(&vp, 10);
}

/* Tiny packets over as many slots as there may be, and more. */
static void test_xsa_432_tiny_over_many_slots(void **state)
{
	uint16_t size[24] = { 0 };

	(void)state;
	for (unsigned len = 1; len <= 64; len++)
		for (unsigned n = NETIF_PKT_SLOTS - 1; n < NETIF_FATAL_SLOTS; n++) {
			for (unsigned i = 1; i < n; i++)
				size[i] = i <= len ? 1 : 0;
			assert_int_equal(send_chain(size, n, (uint16_t)len),
					 len < NETIF_ETH_HLEN || n > NETIF_PKT_SLOTS
						 ? NETIF_RSP_ERROR
						 : NETIF_RSP_OKAY);
		}
	for (unsigned n = NETIF_FATAL_SLOTS; n < 24; n++) {
		assert_int_equal(send_chain(size, n, 64), 99);
		vifpair_neighbour(&vp, 2);
		vifpair_reconnect(&vp);
	}
}

/* Every value of each byte of a request and of an extra. */
static void test_all_bytes_of_a_request(void **state)
{
	uint8_t slot[2 * NETIF_TX_SLOT_SIZE];

	(void)state;
	for (unsigned at = 0; at < sizeof(slot); at++)
		for (unsigned v = 0; v < 256; v += at == 6 ? 1 : 5) {
			struct netif_tx_request req = {
				.gref = vp.bad.tx_data->refs[0],
				.flags = at < NETIF_TX_SLOT_SIZE ? 0 : NETTXF_extra_info,
				.size = 60,
			};
			struct netif_extra_info x = {
				.type = XEN_NETIF_EXTRA_TYPE_GSO,
				.u.gso = { .size = 1448,
					   .type = XEN_NETIF_GSO_TYPE_TCPV4 },
			};
			unsigned want = 1 + !!req.flags;

			memset(slot, 0, sizeof(slot));
			memcpy(slot, &req, sizeof(req));
			memcpy(slot + sizeof(req), &x, sizeof(x));
			slot[at] = (uint8_t)v;
			memcpy(ring_front_next(&vp.bad.tx), slot, sizeof(req));
			if (want > 1)
				memcpy(ring_front_next(&vp.bad.tx), slot + sizeof(req),
				       sizeof(req));
			rawvif_push(&vp.bad);
			while (ring_front_arm(&vp.bad.tx) < (int)want &&
			       rawback_be_num(&vp.rb, VP_BAD, "state") !=
				       XenbusStateClosed)
				;
			vp.bad.tx.rsp_cons += want;
			if (rawback_be_num(&vp.rb, VP_BAD, "state") == XenbusStateClosed)
				vifpair_reconnect(&vp);
		}
	vifpair_neighbour(&vp, 10);
}

/* Every n-th map fails: that packet fails, and nothing else. */
static void test_xsa_361_362_365_367_failed_maps(void **state)
{
	static const uint8_t frame[3000] = { 2 };
	unsigned tx_errors = 0, received = 0;
	struct netif_pkt p;

	(void)state;
	for (unsigned n = 1; n < 40; n += 1 + n / 3) {
		memhv_fail_every(vp.rb.hv, n);
		for (int i = 0; i < 60; i++) {
			int status = rawvif_send(&vp.bad, 0, 5000, 1000, 1);

			assert_in_range(status + 1, 0, 1);
			tx_errors += status == NETIF_RSP_ERROR;
			assert_true(testport_feed(testport_find("tape"), 0, NULL, frame,
						  sizeof(frame)));
		}
		for (int i = 0; i < 200; i++) {
			int len = rawvif_recv(&vp.bad, &p, buf, 0);

			assert_true(len == sizeof(frame) || len == -EINVAL ||
				    len == -ETIMEDOUT);
			received += len == sizeof(frame);
		}
		memhv_fail_every(vp.rb.hv, 0);
		vifpair_neighbour(&vp, 2);
	}
	assert_true(tx_errors > 0 && received > 0);
	assert_int_equal(rawvif_send(&vp.bad, 0, 5000, 1000, 1), NETIF_RSP_OKAY);
}

/* A grant that is revoked while its packet is under way, and given again. */
static void test_xsa_367_revoked_grants(void **state)
{
	unsigned errors = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint32_t page = (uint32_t)i % 4;

		if (i & 1)
			(void)gnttab_end_access(vp.bad.tx_data, page);
		else
			(void)gnttab_grant(vp.bad.tx_data, page);
		errors += rawvif_send(&vp.bad, 0, 8000, 2000, 1) == NETIF_RSP_ERROR;
	}
	assert_true(errors > 0);
	vifpair_neighbour(&vp, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_xsa_374_448_zero_lengths), T(test_xsa_374_448_bad_then_teardown),
		T(test_xsa_423_split_headers),	  T(test_xsa_432_tiny_over_many_slots),
		T(test_all_bytes_of_a_request),	  T(test_xsa_361_362_365_367_failed_maps),
		T(test_xsa_367_revoked_grants),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
