/* SPDX-License-Identifier: MIT */
/* A block backend by hand: requests, done on memory and written down. */
#include "tests/lib/rawbackend.h"

#include <string.h>

/* A page of the frontend's; *map: the caller gives it back. */
static uint8_t *page_get(struct rawbackend *b, grant_ref_t ref, bool *map)
{
	void *addr;

	*map = false;
	for (uint32_t i = 0; i < b->nr_kept; i++)
		if (b->kept[i].ref == ref)
			return b->kept[i].addr;
	if (gnttab_map_refs(b->mapper, &ref, 1, GNTTAB_WRITE, &addr))
		return NULL;
	if (b->persistent && b->nr_kept < RAWBE_REFS)
		b->kept[b->nr_kept++] = (struct rawbe_map){ ref, addr };
	else
		*map = true;
	return addr;
}

static void page_put(struct rawbackend *b, grant_ref_t ref, void *addr, bool map)
{
	if (map)
		gnttab_unmap_refs(b->mapper, &ref, 1, GNTTAB_WRITE, &addr);
}

int rawbe_segments(struct rawbackend *b, const struct blkif_req *req,
		   struct blkif_request_segment *seg)
{
	const uint32_t n = req->nr_segments, per = BLKIF_SEGS_PER_INDIRECT_FRAME;
	bool map;

	if (req->operation != BLKIF_OP_INDIRECT) {
		if (n > BLKIF_MAX_SEGMENTS_PER_REQUEST)
			return -1;
		memcpy(seg, req->seg, n * sizeof(*seg));
		return (int)n;
	}
	if (n > BLKIF_MAX_INDIRECT_SEGMENTS)
		return -1;
	for (uint32_t at = 0; at < n; at += per) {
		grant_ref_t ref = req->indirect_grefs[at / per];
		uint8_t *page = page_get(b, ref, &map);

		if (!page)
			return -1;
		memcpy(seg + at, page, (n - at < per ? n - at : per) * sizeof(*seg));
		page_put(b, ref, page, map);
	}
	return (int)n;
}

static int16_t do_rw(struct rawbackend *b, const struct blkif_req *req, uint8_t op)
{
	struct blkif_request_segment seg[BLKIF_MAX_INDIRECT_SEGMENTS];
	int n = rawbe_segments(b, req, seg);
	uint64_t at = req->sector_number * BLKIF_SECTOR_SIZE;

	if (n <= 0 || at % b->sector_size || (op == BLKIF_OP_WRITE && b->readonly))
		return BLKIF_RSP_ERROR;
	for (int i = 0; i < n; i++) {
		uint32_t from = seg[i].first_sect * BLKIF_SECTOR_SIZE;
		uint32_t len = (seg[i].last_sect + 1u) * BLKIF_SECTOR_SIZE - from;
		uint8_t *page;
		bool map;

		if (seg[i].last_sect > 7 || seg[i].first_sect > seg[i].last_sect ||
		    len % b->sector_size || at > b->bytes || len > b->bytes - at)
			return BLKIF_RSP_ERROR;
		page = page_get(b, seg[i].gref, &map);
		if (!page)
			return BLKIF_RSP_ERROR;
		if (op == BLKIF_OP_READ)
			memcpy(page + from, b->disk + at, len);
		else
			memcpy(b->disk + at, page + from, len);
		page_put(b, seg[i].gref, page, map);
		at += len;
	}
	return BLKIF_RSP_OKAY;
}

int16_t rawbe_do(struct rawbackend *b, const struct blkif_req *req)
{
	uint8_t op =
		req->operation == BLKIF_OP_INDIRECT ? req->indirect_op : req->operation;
	uint64_t max = b->bytes / BLKIF_SECTOR_SIZE;

	switch (op) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		return do_rw(b, req, op);
	case BLKIF_OP_FLUSH_DISKCACHE:
	case BLKIF_OP_WRITE_BARRIER:
		return req->nr_segments ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
	case BLKIF_OP_DISCARD:
		if (b->readonly || req->sector_number > max ||
		    req->nr_sectors > max - req->sector_number)
			return BLKIF_RSP_ERROR;
		memset(b->disk + req->sector_number * BLKIF_SECTOR_SIZE, 0,
		       req->nr_sectors * BLKIF_SECTOR_SIZE);
		return BLKIF_RSP_OKAY;
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}

static void note(struct rawbackend *b, unsigned i, const struct blkif_req *req)
{
	struct blkif_request_segment seg[BLKIF_MAX_INDIRECT_SEGMENTS];
	uint32_t at = b->nr_seen;
	struct rawbe_seen *s = &b->seen[at % RAWBE_HISTORY];
	int n;

	*s = (struct rawbe_seen){
		.queue = i,
		.op = req->operation,
		.indirect = req->operation == BLKIF_OP_INDIRECT,
		.segments = req->nr_segments,
		.id = req->id,
		.sector = req->sector_number,
	};
	if (s->indirect)
		s->op = req->indirect_op;
	if (s->op == BLKIF_OP_DISCARD) {
		s->flag = req->flag;
		s->sectors = req->nr_sectors;
	}
	n = s->op <= BLKIF_OP_WRITE ? rawbe_segments(b, req, seg) : 0;
	for (int k = 0; k < n; k++)
		s->sectors += seg[k].last_sect - seg[k].first_sect + 1u;
	atomic_store(&b->nr_seen, at + 1);
}

bool rawbe_take(struct rawbackend *b, unsigned i, struct blkif_req *req)
{
	if (i >= b->nr_queues || ring_back_avail(&b->q[i].ring) <= 0)
		return false;
	memset(req, 0, sizeof(*req));
	blkif_copy_request(&b->q[i].ring, b->abi, req);
	note(b, i, req);
	return true;
}

void rawbe_answer(struct rawbackend *b, unsigned i, uint64_t id, uint8_t op, int16_t st)
{
	struct rawbe_queue *q = &b->q[i];

	blkif_put_response(&q->ring, b->abi, id, op, st);
	if (ring_back_push(&q->ring))
		evtchn_notify(q->ch);
}

static bool counted(_Atomic int *left)
{
	if (*left <= 0)
		return *left < 0;
	--*left;
	return true;
}

unsigned rawbe_serve(struct rawbackend *b)
{
	struct blkif_req req;
	unsigned n = 0;

	for (unsigned i = 0; i < b->nr_queues; i++) {
		while (b->take && rawbe_take(b, i, &req)) {
			int16_t st;

			n++;
			(void)counted(&b->take);
			if (!counted(&b->answer))
				continue;
			st = b->fail ? b->fail : rawbe_do(b, &req);
			if (st != BLKIF_RSP_OKAY && !b->fail)
				b->bad++;
			rawbe_answer(b, i, req.id, req.operation, st);
		}
		if (ring_back_arm(&b->q[i].ring) < 0)
			b->bad++;
	}
	return n;
}
