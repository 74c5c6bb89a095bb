/* SPDX-License-Identifier: MIT */
/* A queue of netback, round by round: what one round may do, and what not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/net/netvlan.h"
#include "tests/lib/frames.h"
#include "tests/lib/netqsim.h"

#define MORE 20000 /* requests that a guest adds while it is served */

static struct memhv *hv;
static struct plat *be;
static struct netqsim sim;

static void start(const struct netqsim_config *c)
{
	netqsim_start(&sim, hv, be, 2, c);
}

static int setup(void **state)
{
	(void)state;
	hv = memhv_new();
	(void)fuzz_worker();
	return memplat_open(hv, 1, &be);
}

static int teardown(void **state)
{
	(void)state;
	netqsim_check(&sim);
	netqsim_stop(&sim);
	assert_int_equal(memhv_mapped(hv), 0);
	plat_close(be);
	memhv_free(hv);
	return 0;
}

/* ------------------------------------------------------------ bounded rounds */

static unsigned more, maps;

int __real_gnttab_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			   int prot, void **addrs);
int __wrap_gnttab_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			   int prot, void **addrs);

/* A guest that is as quick as the backend: while a page is looked for it shows
 * another request. */
int __wrap_gnttab_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			   int prot, void **addrs)
{
	maps++;
	if (more) {
		struct ring_shared *s =
			prot == GNTTAB_WRITE ? sim.rx.r.shared : sim.tx.r.shared;

		more--;
		atomic_fetch_add(&s->req_prod, 1);
	}
	return __real_gnttab_map_refs(m, refs, n, prot, addrs);
}

/* RX requests without a page behind them, without end. */
static void test_rx_round_is_bounded(void **state)
{
	static const struct netif_meta m;

	(void)state;
	start(&(struct netqsim_config){ .sg = true, .mtu = 9000 });
	for (uint32_t i = 0; i < NETIF_RING_SLOTS; i++)
		memset(ring_slot(&sim.rx.r, i), 0xff, NETIF_RX_SLOT_SIZE);
	atomic_store(&sim.rx.r.shared->req_prod, NETIF_RING_SLOTS / 2);
	assert_true(netqsim_feed(&sim, &m, 1500));
	maps = 0;
	more = MORE;
	assert_true(fuzz_worker_round() > 0);
	assert_in_range(maps, 1, NETIF_RING_SLOTS);
	assert_false(sim.broken);
	more = 0;
	while (fuzz_worker_round())
		assert_in_range(maps, 1, MORE);
	assert_true(sim.q->starving);
}

/* However much is replayed, half of a round is the port's. */
static void test_rx_round_is_shared(void **state)
{
	static const struct netif_meta m;
	uint8_t frame[60] = { 2 };
	struct netbuf b = { .len = 60, .iovcnt = 1, .iov = { { frame, 60 } } };
	struct netinbox *box;
	struct worker_op *poll;
	uint32_t packets;
	size_t bytes;

	(void)state;
	start(&(struct netqsim_config){ .sg = true, .mtu = 1500 });
	assert_int_equal(netinbox_new(&box, NETINBOX_BYTES_MIN, 256), 0);
	assert_int_equal(netq_set_replay(sim.q, box), 0);
	for (unsigned i = 0; i < 200; i++)
		netqsim_post(&sim, i % NETQSIM_PAGES);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(netinbox_put(box, &b), 0);
	while (netqsim_feed(&sim, &m, 60))
		;
	assert_true(fuzz_worker_round() > 0);
	assert_int_equal(sim.wait_tail - sim.wait_head, NETQSIM_WAIT - NETDRV_BATCH / 2);
	netinbox_depth(box, &packets, &bytes);
	assert_int_equal(packets, 200 - NETDRV_BATCH / 2);
	/* the port has no more after this round: then all of a round is the inbox's */
	assert_true(fuzz_worker_round() > 0);
	assert_true(fuzz_worker_round() > 0);
	netinbox_depth(box, &packets, &bytes);
	assert_int_equal(packets, 200 - 2 * NETDRV_BATCH);
	assert_int_equal(netq_set_replay(sim.q, NULL), 0);
	netinbox_depth(box, &packets, &bytes);
	assert_int_equal(packets, 0);
	/* the inbox's poll, which was cancelled last, ends */
	poll = (struct worker_op *)(uintptr_t)worker_sqe(fuzz_worker_get(), NULL)->addr;
	poll->fn(poll, -ECANCELED, 0);
	netinbox_free(box);
}

/* The same with pages that are good one time of two: never room for a packet. */
static void test_rx_round_without_room(void **state)
{
	static const struct netif_meta m;

	(void)state;
	start(&(struct netqsim_config){ .sg = true, .mtu = 9000 });
	for (uint32_t i = 0; i < NETIF_RING_SLOTS; i++) {
		struct netif_rx_request req = { .id = (uint16_t)i,
						.gref = i & 1 ? sim.data->refs[0] : 0 };

		memcpy(ring_slot(&sim.rx.r, i), &req, sizeof(req));
	}
	atomic_store(&sim.rx.r.shared->req_prod, NETIF_RING_SLOTS / 2);
	assert_true(netqsim_feed(&sim, &m, 1500));
	maps = 0;
	more = MORE;
	assert_true(fuzz_worker_round() > 0);
	assert_in_range(maps, 1, NETIF_RING_SLOTS);
	more = 0;
}

/* TX requests without end. */
static void test_tx_round_is_bounded(void **state)
{
	(void)state;
	start(&(struct netqsim_config){ .sg = true });
	for (uint32_t i = 0; i < NETIF_RING_SLOTS; i++) {
		struct netif_tx_request req = { .gref = sim.data->refs[0], .size = 60 };

		memcpy(ring_slot(&sim.tx.r, i), &req, sizeof(req));
	}
	atomic_store(&sim.tx.r.shared->req_prod, 100);
	maps = 0;
	more = MORE;
	assert_true(fuzz_worker_round() > 0);
	assert_in_range(maps, 1, NETDRV_BATCH);
	more = 0;
}

/* The smallest segments of the largest packets, for a port without TSO: a ring
 * full of them is 20,000 frames. */
static void test_tx_cutting_is_bounded(void **state)
{
	const struct frame_spec spec = { .proto = 6, .payload = 4000, .blank = true };
	struct netif_pkt p = { .meta = { .csum_blank = true,
					 .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
					 .gso_size = 48 },
			       .size = 15 * NETIF_PAGE_SIZE,
			       .nr_slots = 15 };
	static uint8_t frame[FRAMES_MAX];
	uint64_t before = 0;

	(void)state;
	start(&(struct netqsim_config){ .sg = true,
					.send = { .csum = true, .csum6 = true } });
	frame_make(frame, &spec);
	frame[16] = (uint8_t)((p.size - 14) >> 8); /* IPv4's length: all of it */
	frame[17] = (uint8_t)(p.size - 14);
	memcpy(sim.data->pages, frame, NETIF_PAGE_SIZE);
	for (unsigned i = 0; i < 15; i++)
		p.slot[i] = (struct netif_slot){ .gref = sim.data->refs[i],
						 .size = NETIF_PAGE_SIZE };
	for (int i = 0; i < 16; i++)
		netif_tx_put(&sim.tx, &p);
	(void)ring_front_push(&sim.tx);
	while (fuzz_worker_round()) {
		assert_in_range(sim.sent - before, 0, 2000);
		before = sim.sent;
	}
	assert_in_range(sim.sent, 16 * p.size / 50, 16 * p.size / 48);
	assert_int_equal(ring_front_avail(&sim.tx), 256);
}

/* --------------------------------------------------------------------- RX */

/* The round that uses up the guest's room shows what it put there: the guest
 * would wait for it before it gives more. */
static void test_rx_last_room_is_shown(void **state)
{
	static const struct netif_meta m;

	(void)state;
	start(&(struct netqsim_config){ .sg = false });
	for (int i = 0; i < 5; i++) {
		netqsim_post(&sim, 0);
		assert_true(netqsim_feed(&sim, &m, 60));
		assert_true(netqsim_feed(&sim, &m, 60));
		(void)fuzz_worker_round();
		netqsim_post(&sim, 0);
		(void)fuzz_worker_round();
		assert_int_equal(ring_front_avail(&sim.rx), 2 * (i + 1));
	}
}

/* A hash that another guest gave its packet, which this one did not ask for:
 * there is no request for it to be told in. */
static void test_rx_hash_of_another_guest(void **state)
{
	const struct netif_meta m = { .hash_alg = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ,
				      .hash_type = 1,
				      .hash = 0x12345678 };
	struct netif_pkt p;
	int avail;

	(void)state;
	start(&(struct netqsim_config){ .sg = false });
	netqsim_post(&sim, 0);
	assert_true(netqsim_feed(&sim, &m, 60));
	(void)fuzz_worker_round();
	avail = ring_front_avail(&sim.rx);
	assert_int_equal(avail, 1);
	assert_int_equal(netif_rx_take(&sim.rx, &avail, &p), 0);
	assert_int_equal(p.size, 60);
	assert_int_equal(p.meta.hash_alg, 0);
}

/* Nor is there one for a large segment that the guest cannot take. */
static void test_rx_large_for_a_small_guest(void **state)
{
	const struct netif_meta m = { .csum_blank = true,
				      .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
				      .gso_size = 500 };

	(void)state;
	start(&(struct netqsim_config){ .sg = false });
	netqsim_post(&sim, 0);
	assert_true(netqsim_feed(&sim, &m, 1000));
	(void)fuzz_worker_round();
	netqsim_check(&sim);
	assert_int_equal(ring_front_avail(&sim.rx), 0);
	assert_int_equal(atomic_load(&sim.q->count[NETQ_RX_ERRORS]), 1);
}

static void hash_on(void)
{
	struct nethash h;

	nethash_init(&h);
	assert_int_equal(nethash_set_algorithm(&h,
					       XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ),
			 XEN_NETIF_CTRL_STATUS_SUCCESS);
	assert_int_equal(nethash_set_flags(&h, XEN_NETIF_CTRL_HASH_TYPE_IPV4),
			 XEN_NETIF_CTRL_STATUS_SUCCESS);
	netq_set_hash(sim.q, &h);
}

/* The room for a hash is not one for a large segment's extra, too. */
static void test_rx_large_where_hashes_are_asked_for(void **state)
{
	const struct frame_spec spec = { .proto = 6, .payload = 1000 };
	const struct netif_meta m = { .csum_blank = true,
				      .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
				      .gso_size = 500 };
	static uint8_t frame[FRAMES_MAX];

	(void)state;
	start(&(struct netqsim_config){ .sg = false });
	hash_on();
	frame_make(frame, &spec);
	netqsim_post(&sim, 0);
	netqsim_post(&sim, 1);
	assert_true(netqsim_feed(&sim, &m, 1054));
	memcpy(sim.wait[0].head, frame, sizeof(sim.wait[0].head));
	(void)fuzz_worker_round();
	netqsim_check(&sim);
	assert_int_equal(ring_front_avail(&sim.rx), 0);
	assert_int_equal(atomic_load(&sim.q->count[NETQ_RX_ERRORS]), 1);
}

/* A hash is this backend's own word, or there is none. */
static void test_rx_hash_is_never_anothers(void **state)
{
	const struct netif_meta m = { .hash_alg = 77,
				      .hash_type = 3,
				      .hash = 0xabad1dea };
	struct netif_pkt p;
	int avail;

	(void)state;
	start(&(struct netqsim_config){ .sg = false });
	hash_on();
	netqsim_post(&sim, 0);
	netqsim_post(&sim, 1);
	assert_true(netqsim_feed(&sim, &m, 60)); /* nothing that is hashed here */
	(void)fuzz_worker_round();
	avail = ring_front_avail(&sim.rx);
	assert_int_equal(avail, 1);
	assert_int_equal(netif_rx_take(&sim.rx, &avail, &p), 0);
	assert_int_equal(p.meta.hash_alg, 0);
}

/* --------------------------------------------------------------------- VLANs */

/* A port takes only the first ones: what a guest may not send is counted as long as
 * it stands among them, and the others' bytes are the guest's own. */
static void test_vlan_without_room(void **state)
{
	static const uint8_t own_tag[4] = { 0x81, 0, 0, 10 };
	struct netif_tx_response rsp;

	(void)state;
	start(&(struct netqsim_config){ .vlan = 10 });
	for (unsigned i = 0; i < 10; i++) {
		netqsim_send(&sim, i, (uint8_t)(2 * i));
		if (i % 4 == 1) /* 1, 5, 9 */
			memcpy(sim.data->pages + i * NETIF_PAGE_SIZE + 12, own_tag, 4);
	}
	sim.room = 3; /* 0, 2, 3 */
	(void)fuzz_worker_round();
	assert_int_equal(sim.sent, 3);
	assert_int_equal(sim.sent_bytes, 3 * 64);
	assert_int_equal(netvlan_drops(sim.dev).tx, 1);
	assert_int_equal(atomic_load(&sim.q->count[NETQ_TX_PACKETS]), 4);
	assert_int_equal(atomic_load(&sim.q->count[NETQ_TX_BYTES]), 4 * 60);
	assert_int_equal(atomic_load(&sim.q->count[NETQ_TX_NO_ROOM]), 6);
	for (unsigned i = 0; i < 10; i++) {
		ring_copy_response(&sim.tx, &rsp, sizeof(rsp));
		assert_int_equal(rsp.status, i < 4 ? NETIF_RSP_OKAY : NETIF_RSP_DROPPED);
	}
}

/* Others' packets take no request of the guest's, and no more than a round. */
static void test_vlan_of_others(void **state)
{
	static const struct netif_meta m;
	static const uint8_t tag[4] = { 0x81, 0, 0xe0, 10 };
	struct netif_pkt p;
	int avail;

	(void)state;
	start(&(struct netqsim_config){ .vlan = 10 });
	netqsim_post(&sim, 0);
	while (netqsim_feed(&sim, &m, 64))
		;
	assert_true(fuzz_worker_round() >= (int)NETQSIM_WAIT);
	assert_int_equal(netvlan_drops(sim.dev).rx, NETQSIM_WAIT);
	assert_int_equal(ring_front_avail(&sim.rx), 0);
	assert_true(netqsim_feed(&sim, &m, 64));
	memcpy(sim.wait[(sim.wait_tail - 1) % NETQSIM_WAIT].head + 12, tag, 4);
	(void)fuzz_worker_round();
	avail = ring_front_avail(&sim.rx);
	assert_int_equal(avail, 1);
	assert_int_equal(netif_rx_take(&sim.rx, &avail, &p), 0);
	assert_int_equal(p.size, 60);
	assert_int_equal(netvlan_drops(sim.dev).rx, NETQSIM_WAIT);
	assert_int_equal(atomic_load(&sim.q->count[NETQ_RX_BYTES]), 60);
	assert_int_equal(atomic_load(&sim.q->count[NETQ_RX_PORT_LOST]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_rx_round_is_bounded),
		T(test_rx_round_is_shared),
		T(test_rx_round_without_room),
		T(test_tx_round_is_bounded),
		T(test_tx_cutting_is_bounded),
		T(test_rx_last_room_is_shown),
		T(test_rx_hash_of_another_guest),
		T(test_rx_large_for_a_small_guest),
		T(test_rx_large_where_hashes_are_asked_for),
		T(test_rx_hash_is_never_anothers),
		T(test_vlan_without_room),
		T(test_vlan_of_others),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
