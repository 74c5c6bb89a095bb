/* SPDX-License-Identifier: MIT */
/*
 * The block protocol's slots, byte by byte as the three ABIs lay them out, and
 * every value of each u8 field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ringproto/blkif.h"
#include "ringproto/xenbus.h"

static const enum blkif_abi abis[] = { BLKIF_ABI_NATIVE, BLKIF_ABI_X86_64,
				       BLKIF_ABI_X86_32 };

struct rings {
	uint8_t page[RING_PAGE_SIZE] __attribute__((aligned(64)));
	struct ring_front f;
	struct ring_back b;
	enum blkif_abi abi;
};

static void rings_init(struct rings *r, enum blkif_abi abi)
{
	r->abi = abi;
	ring_front_init(&r->f, r->page, sizeof(r->page), blkif_slot_size(abi));
	assert_int_equal(ring_back_init(&r->b, r->page, sizeof(r->page),
					blkif_slot_size(abi)),
			 0);
}

/* Puts `n` bytes into the next slot as they are and reads them as a request. */
static void decode(struct rings *r, const void *bytes, size_t n, struct blkif_req *req)
{
	memcpy(ring_front_next(&r->f), bytes, n);
	ring_front_push(&r->f);
	assert_int_equal(ring_back_avail(&r->b), 1);
	blkif_copy_request(&r->b, r->abi, req);
	/* answer, so that the ring never fills */
	blkif_put_response(&r->b, r->abi, req->id, req->operation, BLKIF_RSP_OKAY);
	ring_back_push(&r->b);
	assert_int_equal(ring_front_avail(&r->f), 1);
	r->f.rsp_cons++;
}

/* The slots of a READ, a DISCARD and an INDIRECT, written out by hand. */
/* clang-format off */
static const uint8_t read_64[] = {
	0, 2, 0x34, 0x12, 0, 0, 0, 0,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08,
	0xa1, 0xa2, 0xa3, 0xa4, 1, 7, 0, 0,
	0xb1, 0xb2, 0xb3, 0xb4, 0, 3, 0, 0,
};
static const uint8_t read_32[] = {
	0, 2, 0x34, 0x12,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08,
	0xa1, 0xa2, 0xa3, 0xa4, 1, 7, 0, 0,
	0xb1, 0xb2, 0xb3, 0xb4, 0, 3, 0, 0,
};
static const uint8_t discard_64[] = {
	5, 1, 0x34, 0x12, 0, 0, 0, 0,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08,
	1, 2, 3, 4, 5, 6, 7, 8,
};
static const uint8_t discard_32[] = {
	5, 1, 0x34, 0x12,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08,
	1, 2, 3, 4, 5, 6, 7, 8,
};
static const uint8_t indirect_64[] = {
	6, 1, 0x02, 0x01, 0, 0, 0, 0,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08,
	0x34, 0x12, 0, 0,
	1, 0, 0, 1, 2, 0, 0, 2, 3, 0, 0, 3, 4, 0, 0, 4,
	5, 0, 0, 5, 6, 0, 0, 6, 7, 0, 0, 7, 8, 0, 0, 8,
};
static const uint8_t indirect_32[] = {
	6, 1, 0x02, 0x01,
	0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08,
	0x34, 0x12, 0, 0,
	1, 0, 0, 1, 2, 0, 0, 2, 3, 0, 0, 3, 4, 0, 0, 4,
	5, 0, 0, 5, 6, 0, 0, 6, 7, 0, 0, 7, 8, 0, 0, 8,
};
/* clang-format on */

struct slot {
	const uint8_t *bytes[2]; /* x86_64 and native, x86_32 */
	size_t len[2];
	struct blkif_req req;
};

#define SLOT(name) \
	.bytes = { name##_64, name##_32 }, .len = { sizeof(name##_64), sizeof(name##_32) }

static const struct slot slots[] = {
	{ SLOT(read),
	  .req = { .operation = BLKIF_OP_READ,
		   .nr_segments = 2,
		   .handle = 0x1234,
		   .id = 0x1122334455667788,
		   .sector_number = 0x0877665544332211,
		   .seg = { { .gref = 0xa4a3a2a1, .first_sect = 1, .last_sect = 7 },
			    { .gref = 0xb4b3b2b1, .first_sect = 0, .last_sect = 3 } } } },
	{ SLOT(discard), .req = { .operation = BLKIF_OP_DISCARD,
				  .flag = BLKIF_DISCARD_SECURE,
				  .handle = 0x1234,
				  .id = 0x1122334455667788,
				  .sector_number = 0x0877665544332211,
				  .nr_sectors = 0x0807060504030201 } },
	{ SLOT(indirect), .req = { .operation = BLKIF_OP_INDIRECT,
				   .indirect_op = BLKIF_OP_WRITE,
				   .nr_segments = 0x0102,
				   .handle = 0x1234,
				   .id = 0x1122334455667788,
				   .sector_number = 0x0877665544332211,
				   .indirect_grefs = { 0x01000001, 0x02000002, 0x03000003,
						       0x04000004, 0x05000005, 0x06000006,
						       0x07000007, 0x08000008 } } },
};

/* Each slot is read and written as it stands above, and over dirty memory. */
static void test_slots_by_hand(void **state)
{
	static struct rings r;

	(void)state;
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		for (size_t a = 0; a < 3; a++) {
			const int is_32 = abis[a] == BLKIF_ABI_X86_32;
			struct blkif_req req = { 0 };
			const uint8_t *put;

			rings_init(&r, abis[a]);
			decode(&r, slots[i].bytes[is_32], slots[i].len[is_32], &req);
			assert_memory_equal(&req, &slots[i].req, sizeof(req));

			put = ring_slot(&r.f.r, r.f.req_prod_pvt);
			memset(r.page + 64, 0xaa, sizeof(r.page) - 64);
			blkif_put_request(&r.f, abis[a], &slots[i].req);
			assert_memory_equal(put, slots[i].bytes[is_32],
					    slots[i].len[is_32]);
		}
	}
}

static void test_response_by_hand(void **state)
{
	static const uint8_t want[] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
					6,    0,    0xfe, 0xff, 0,    0,    0,	  0 };
	static struct rings r;
	struct blkif_response rsp;

	(void)state;
	for (size_t a = 0; a < 3; a++) {
		const size_t len = abis[a] == BLKIF_ABI_X86_32 ? 12 : 16;

		rings_init(&r, abis[a]);
		ring_front_next(&r.f);
		ring_front_push(&r.f);
		memset(r.page + 64, 0xaa, sizeof(r.page) - 64);
		blkif_put_response(&r.b, abis[a], 0x1122334455667788, 6,
				   BLKIF_RSP_EOPNOTSUPP);
		assert_memory_equal(r.page + 64, want, len);
		assert_int_equal(r.page[64 + len], 0xaa);
		ring_back_push(&r.b);
		assert_int_equal(ring_front_avail(&r.f), 1);
		blkif_copy_response(&r.f, &rsp);
		assert_true(rsp.id == 0x1122334455667788);
		assert_int_equal(rsp.operation, 6);
		assert_int_equal(rsp.status, BLKIF_RSP_EOPNOTSUPP);
	}
}

/* A second slot stands right behind the first: no ABI mixes up its stride. */
static void test_stride(void **state)
{
	static struct rings r;
	struct blkif_req req;

	(void)state;
	for (size_t a = 0; a < 3; a++) {
		rings_init(&r, abis[a]);
		for (uint64_t i = 0; i < 32; i++) {
			struct blkif_req put = slots[i % 3].req;

			put.id = i;
			blkif_put_request(&r.f, abis[a], &put);
		}
		ring_front_push(&r.f);
		assert_int_equal(ring_back_avail(&r.b), 32);
		for (uint64_t i = 0; i < 32; i++) {
			struct blkif_req want = slots[i % 3].req;

			want.id = i;
			memset(&req, 0, sizeof(req));
			blkif_copy_request(&r.b, abis[a], &req);
			assert_memory_equal(&req, &want, sizeof(req));
		}
	}
}

/*
 * XSA-513: all 256 values of operation and of nr_segments (or flag, or
 * indirect_op): what is read stays within seg[], the peer's number is passed
 * on as it is.
 */
static void test_xsa_513(void **state)
{
	static struct rings r;
	struct {
		struct blkif_req req;
		uint8_t canary[64];
	} got;
	uint8_t slot[112];

	(void)state;
	for (unsigned v = 0; v < 3u * 256 * 256; v++) {
		const uint8_t op = v & 0xff, n = v >> 8 & 0xff;
		const uint16_t n16 = (uint16_t)(n | 0x1100);

		if (!(v & 0xffff))
			rings_init(&r, abis[v >> 16]);
		memset(slot, 0x11, sizeof(slot));
		slot[0] = op;
		slot[1] = n;
		slot[2] = n;
		memset(&got, 0xee, sizeof(got));
		decode(&r, slot, blkif_slot_size(r.abi), &got.req);
		assert_int_equal(got.req.operation, op);
		assert_int_equal(got.req.id & 0xff, 0x11);
		for (unsigned i = 0; i < sizeof(got.canary); i++)
			assert_int_equal(got.canary[i], 0xee);
		if (op == BLKIF_OP_INDIRECT) {
			assert_int_equal(got.req.indirect_op, n);
			assert_int_equal(got.req.nr_segments, n16);
			continue;
		}
		assert_int_equal(got.req.nr_segments, op == BLKIF_OP_DISCARD ? 0 : n);
		if (op == BLKIF_OP_DISCARD)
			continue;
		for (unsigned i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
			assert_int_equal(got.req.seg[i].gref,
					 i < n ? 0x11111111 : 0xeeeeeeee);
	}
}

/*
 * What a caller left in a segment's padding does not reach the peer (XSA-403:
 * nothing but what is granted).
 */
static void test_segment_padding_is_zero(void **state)
{
	static struct rings r;
	struct blkif_req req;

	(void)state;
	for (size_t a = 0; a < 3; a++) {
		const size_t head = blkif_id_offset(abis[a]) + 16;

		rings_init(&r, abis[a]);
		memset(&req, 0xaa, sizeof(req));
		req.operation = BLKIF_OP_WRITE;
		req.nr_segments = BLKIF_MAX_SEGMENTS_PER_REQUEST;
		blkif_put_request(&r.f, abis[a], &req);
		for (unsigned i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++) {
			const uint8_t *seg = r.page + 64 + head + (size_t)i * 8;

			assert_int_equal(seg[4], 0xaa);
			assert_int_equal(seg[6] | seg[7], 0);
		}
	}
}

/* Row: from; column: to. As docs/PROTOCOL notes and Linux's drivers move. */
static void test_xenbus_moves(void **state)
{
	static const char *const table[] = {
		/*             0 1 2 3 4 5 6 7 8 */
		/* Unknown  */ ". x x x x x x . .",
		/* Initlsng */ ". x x x x x x . .",
		/* InitWait */ ". . . x x x x . .",
		/* Initlsed */ ". . . . x x x . .",
		/* Connectd */ ". . . . . x x x x",
		/* Closing  */ ". . . . . x x . .",
		/* Closed   */ ". x x x . . x . .",
		/* Reconfng */ ". . . . . x x . x",
		/* Reconfgd */ ". . . . x x x . .",
	};

	(void)state;
	for (unsigned from = 0; from <= XenbusStateReconfigured; from++)
		for (unsigned to = 0; to <= XenbusStateReconfigured; to++)
			if (xenbus_move_ok(from, to) != (table[from][2 * to] == 'x'))
				fail_msg("%s -> %s", xenbus_state_name(from),
					 xenbus_state_name(to));
}

static void test_xenbus_values(void **state)
{
	(void)state;
	for (long v = -300; v < 300; v++)
		assert_int_equal(xenbus_state_valid(v), v >= 0 && v <= 8);
	assert_string_equal(xenbus_state_name(XenbusStateReconfigured), "Reconfigured");
	assert_string_equal(xenbus_state_name((enum xenbus_state)9), "invalid");
	assert_string_equal(xenbus_state_name((enum xenbus_state) - 1), "invalid");
	/* no move leads out of the protocol */
	for (unsigned from = 0; from <= XenbusStateReconfigured; from++)
		for (unsigned to = 9; to < 300; to++)
			assert_false(xenbus_move_ok(from, (enum xenbus_state)to));
}

static void test_gref(void **state)
{
	(void)state;
	for (uint32_t arena = 0; arena < GREF_ARENAS; arena += 37) {
		for (uint32_t e = 0; e <= GREF_ENTRY_MASK; e += 4097) {
			grant_ref_t ref = gref_make(arena, e);

			assert_int_equal(gref_arena(ref), arena);
			assert_int_equal(gref_entry(ref), e);
		}
	}
	/* an entry that is too large stays in its arena */
	assert_int_equal(gref_arena(gref_make(3, GREF_ENTRY_MASK + 5)), 3);
	assert_int_equal(gref_make(0, 0), GREF_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_by_hand),
		cmocka_unit_test(test_response_by_hand),
		cmocka_unit_test(test_stride),
		cmocka_unit_test(test_xsa_513),
		cmocka_unit_test(test_segment_padding_is_zero),
		cmocka_unit_test(test_xenbus_moves),
		cmocka_unit_test(test_xenbus_values),
		cmocka_unit_test(test_gref),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
