/* SPDX-License-Identifier: MIT */
/*
 * The block protocol (Xen's public io/blkif.h): slot layouts of the three
 * ABIs, one canonical request, and the only code that converts between them.
 *
 * All sector numbers are in units of 512 bytes whatever the device's logical
 * block is, and so is the `sectors` key.
 *
 * "native" is the ABI of the machine that runs the backend; on every machine
 * that aligns u64 to 8 bytes it equals x86_64-abi, and is one with it here.
 */
#ifndef TANDEM_RINGPROTO_BLKIF_H
#define TANDEM_RINGPROTO_BLKIF_H

#include "ringproto/grant.h"
#include "ringproto/ring.h"

typedef uint16_t blkif_vdev_t;
typedef uint64_t blkif_sector_t;

#define BLKIF_OP_READ		 0
#define BLKIF_OP_WRITE		 1
#define BLKIF_OP_WRITE_BARRIER	 2
#define BLKIF_OP_FLUSH_DISKCACHE 3
#define BLKIF_OP_RESERVED_1	 4
#define BLKIF_OP_DISCARD	 5
#define BLKIF_OP_INDIRECT	 6

#define BLKIF_DISCARD_SECURE (1 << 0)

#define BLKIF_RSP_OKAY	     0
#define BLKIF_RSP_ERROR	     (-1)
#define BLKIF_RSP_EOPNOTSUPP (-2)

#define BLKIF_MAX_SEGMENTS_PER_REQUEST	     11
#define BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST 8
#define BLKIF_SEGS_PER_INDIRECT_FRAME	     512 /* 4096 / 8 */
#define BLKIF_MAX_INDIRECT_SEGMENTS \
	(BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST * BLKIF_SEGS_PER_INDIRECT_FRAME)
#define BLKIF_SECTOR_SIZE      512u
#define BLKIF_SECTORS_PER_PAGE 8u
#define BLKIF_MAX_RING_ORDER   4 /* 16 pages */

#define VDISK_CDROM	0x1
#define VDISK_REMOVABLE 0x2
#define VDISK_READONLY	0x4

/* Values of the frontend's `protocol` key. */
#define XEN_IO_PROTO_ABI_X86_32 "x86_32-abi"
#define XEN_IO_PROTO_ABI_X86_64 "x86_64-abi"

enum blkif_abi { BLKIF_ABI_NATIVE, BLKIF_ABI_X86_64, BLKIF_ABI_X86_32 };

struct blkif_request_segment {
	grant_ref_t gref;
	uint8_t first_sect, last_sect; /* inclusive, 0..7 */
	uint8_t pad[2];
};
_Static_assert(sizeof(struct blkif_request_segment) == 8, "blkif.h");

/* ---- x86_64 and native: u64 aligned to 8 ---- */

struct blkif_request {
	uint8_t operation;
	uint8_t nr_segments;
	blkif_vdev_t handle;
	uint32_t pad;
	uint64_t id;
	blkif_sector_t sector_number;
	struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};
_Static_assert(sizeof(struct blkif_request) == 112, "blkif.h, x86_64");
_Static_assert(offsetof(struct blkif_request, id) == 8, "blkif.h, x86_64");
_Static_assert(offsetof(struct blkif_request, seg) == 24, "blkif.h, x86_64");

struct blkif_request_discard {
	uint8_t operation;
	uint8_t flag;
	blkif_vdev_t handle;
	uint32_t pad;
	uint64_t id;
	blkif_sector_t sector_number;
	uint64_t nr_sectors;
};
_Static_assert(sizeof(struct blkif_request_discard) == 32, "blkif.h, x86_64");

struct blkif_request_indirect {
	uint8_t operation;
	uint8_t indirect_op;
	uint16_t nr_segments;
	uint32_t pad;
	uint64_t id;
	blkif_sector_t sector_number;
	blkif_vdev_t handle;
	uint16_t pad2;
	grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
	uint32_t pad3;
};
_Static_assert(sizeof(struct blkif_request_indirect) == 64, "blkif.h, x86_64");
_Static_assert(offsetof(struct blkif_request_indirect, handle) == 24, "blkif.h");
_Static_assert(offsetof(struct blkif_request_indirect, indirect_grefs) == 28,
	       "blkif.h, x86_64");

struct blkif_response {
	uint64_t id;
	uint8_t operation;
	uint8_t pad;
	int16_t status;
	uint32_t pad2;
};
_Static_assert(sizeof(struct blkif_response) == 16, "blkif.h, x86_64");
_Static_assert(offsetof(struct blkif_response, status) == 10, "blkif.h, x86_64");

/* ---- x86_32: u64 aligned to 4 ---- */

#define BLKIF_U64_4 __attribute__((packed, aligned(4)))

struct blkif_x86_32_request {
	uint8_t operation;
	uint8_t nr_segments;
	blkif_vdev_t handle;
	uint64_t id;
	blkif_sector_t sector_number;
	struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
} BLKIF_U64_4;
_Static_assert(sizeof(struct blkif_x86_32_request) == 108, "blkif.h, x86_32");
_Static_assert(offsetof(struct blkif_x86_32_request, seg) == 20, "blkif.h");

struct blkif_x86_32_request_discard {
	uint8_t operation;
	uint8_t flag;
	blkif_vdev_t handle;
	uint64_t id;
	blkif_sector_t sector_number;
	uint64_t nr_sectors;
} BLKIF_U64_4;
_Static_assert(sizeof(struct blkif_x86_32_request_discard) == 28, "blkif.h");

struct blkif_x86_32_request_indirect {
	uint8_t operation;
	uint8_t indirect_op;
	uint16_t nr_segments;
	uint64_t id;
	blkif_sector_t sector_number;
	blkif_vdev_t handle;
	uint16_t pad2;
	grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
	uint64_t pad3;
} BLKIF_U64_4;
_Static_assert(sizeof(struct blkif_x86_32_request_indirect) == 64, "blkif.h");
_Static_assert(offsetof(struct blkif_x86_32_request_indirect, indirect_grefs) == 24,
	       "blkif.h, x86_32");

struct blkif_x86_32_response {
	uint64_t id;
	uint8_t operation;
	uint8_t pad;
	int16_t status;
} BLKIF_U64_4;
_Static_assert(sizeof(struct blkif_x86_32_response) == 12, "blkif.h, x86_32");
_Static_assert(offsetof(struct blkif_x86_32_response, status) == 10, "blkif.h");

/* Bytes of a slot: the larger of request and response. */
static inline size_t blkif_slot_size(enum blkif_abi abi)
{
	return abi == BLKIF_ABI_X86_32 ? sizeof(struct blkif_x86_32_request)
				       : sizeof(struct blkif_request);
}

/*
 * A request in private memory, the same for every ABI. `nr_segments` is the
 * peer's word and not checked: only min(nr_segments, 11) of seg[] or all of
 * indirect_grefs[] are filled.
 */
struct blkif_req {
	uint8_t operation;
	uint8_t indirect_op; /* BLKIF_OP_INDIRECT: READ or WRITE */
	uint8_t flag;	     /* BLKIF_OP_DISCARD */
	uint16_t nr_segments;
	blkif_vdev_t handle;
	uint64_t id;
	blkif_sector_t sector_number;
	uint64_t nr_sectors; /* BLKIF_OP_DISCARD */
	union {
		struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
		grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
	};
};

/*
 * The two ABIs differ in one number: where the u64 fields start. All of the
 * request's offsets follow from it.
 */
static inline size_t blkif_id_offset(enum blkif_abi abi)
{
	return abi == BLKIF_ABI_X86_32 ? 4 : 8;
}

/*
 * Takes the next request off the ring into *req (ring_back_avail() was > 0).
 * Every byte is read once; only the bytes that the request's kind gives a
 * meaning are read.
 */
static inline void blkif_copy_request(struct ring_back *b, enum blkif_abi abi,
				      struct blkif_req *req)
{
	uint8_t slot[24];
	const size_t id = blkif_id_offset(abi);
	const size_t head = id + 16; /* id and sector_number end here */
	size_t n;

	ring_copy_request(b, slot, 0, head);
	req->operation = slot[0];
	memcpy(&req->id, slot + id, 8);
	memcpy(&req->sector_number, slot + id + 8, 8);
	switch (req->operation) {
	case BLKIF_OP_INDIRECT:
		req->indirect_op = slot[1];
		memcpy(&req->nr_segments, slot + 2, 2);
		ring_copy_request(b, &req->handle, head, 2);
		ring_copy_request(b, req->indirect_grefs, head + 4,
				  sizeof(req->indirect_grefs));
		break;
	case BLKIF_OP_DISCARD:
		req->flag = slot[1];
		req->nr_segments = 0;
		memcpy(&req->handle, slot + 2, 2);
		ring_copy_request(b, &req->nr_sectors, head, 8);
		break;
	default:
		req->nr_segments = slot[1];
		memcpy(&req->handle, slot + 2, 2);
		n = slot[1] < BLKIF_MAX_SEGMENTS_PER_REQUEST
			    ? slot[1]
			    : BLKIF_MAX_SEGMENTS_PER_REQUEST;
		ring_copy_request(b, req->seg, head, n * sizeof(req->seg[0]));
		break;
	}
	ring_back_consume(b);
}

/* Copies segments field by field: the caller's padding stays its own. */
static inline void blkif_put_segments(uint8_t *to,
				      const struct blkif_request_segment *seg, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct blkif_request_segment s = {
			.gref = seg[i].gref,
			.first_sect = seg[i].first_sect,
			.last_sect = seg[i].last_sect,
		};

		memcpy(to + i * sizeof(s), &s, sizeof(s));
	}
}

/*
 * Fills the next request slot from *req (ring_front_free() was > 0). The slot
 * is written whole as far as its kind reaches, so that nothing old leaks.
 */
static inline void blkif_put_request(struct ring_front *f, enum blkif_abi abi,
				     const struct blkif_req *req)
{
	uint8_t *slot = ring_front_next(f);
	const size_t id = blkif_id_offset(abi);
	const size_t head = id + 16;
	size_t n;

	memset(slot, 0, id);
	slot[0] = req->operation;
	memcpy(slot + id, &req->id, 8);
	memcpy(slot + id + 8, &req->sector_number, 8);
	switch (req->operation) {
	case BLKIF_OP_INDIRECT:
		slot[1] = req->indirect_op;
		memcpy(slot + 2, &req->nr_segments, 2);
		memset(slot + head, 0, 4);
		memcpy(slot + head, &req->handle, 2);
		memcpy(slot + head + 4, req->indirect_grefs, sizeof(req->indirect_grefs));
		break;
	case BLKIF_OP_DISCARD:
		slot[1] = req->flag;
		memcpy(slot + 2, &req->handle, 2);
		memcpy(slot + head, &req->nr_sectors, 8);
		break;
	default:
		slot[1] = (uint8_t)req->nr_segments;
		memcpy(slot + 2, &req->handle, 2);
		n = req->nr_segments < BLKIF_MAX_SEGMENTS_PER_REQUEST
			    ? req->nr_segments
			    : BLKIF_MAX_SEGMENTS_PER_REQUEST;
		blkif_put_segments(slot + head, req->seg, n);
		break;
	}
}

/* Fills the next response slot; padding is zero. */
static inline void blkif_put_response(struct ring_back *b, enum blkif_abi abi,
				      uint64_t id, uint8_t operation, int16_t status)
{
	uint8_t *slot = ring_back_next(b, abi == BLKIF_ABI_X86_32
						  ? sizeof(struct blkif_x86_32_response)
						  : sizeof(struct blkif_response));

	memcpy(slot, &id, 8);
	slot[8] = operation;
	memcpy(slot + 10, &status, 2);
}

/* Takes the next response (ring_front_avail() was > 0); both ABIs agree on 12 bytes. */
static inline void blkif_copy_response(struct ring_front *f, struct blkif_response *rsp)
{
	ring_copy_response(f, rsp, sizeof(struct blkif_x86_32_response));
}

#endif
