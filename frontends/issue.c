/* SPDX-License-Identifier: MIT */
/* One part of an I/O becomes one ring request: segments, indirect pages, shadow. */
#include <errno.h>
#include <string.h>

#include "frontends/blkfront.h"

#define PAGE_MASK (PLAT_PAGE_SIZE - 1)

static inline uint32_t pages_of(uintptr_t addr, size_t len)
{
	return (uint32_t)(((addr & PAGE_MASK) + len + PAGE_MASK) / PLAT_PAGE_SIZE);
}

static inline struct blkif_request_segment segment(grant_ref_t ref, uint32_t at,
						   uint32_t len)
{
	return (struct blkif_request_segment){
		.gref = ref,
		.first_sect = (uint8_t)(at / BLKIF_SECTOR_SIZE),
		.last_sect = (uint8_t)((at + len) / BLKIF_SECTOR_SIZE - 1),
	};
}

/* Segments over pool memory: `pos` is an offset in the window. */
static void fill_pool(struct blkif_request_segment *seg, const grant_ref_t *refs,
		      size_t pos, size_t len)
{
	while (len) {
		uint32_t in = pos & PAGE_MASK, n = PLAT_PAGE_SIZE - in;

		if (n > len)
			n = (uint32_t)len;
		*seg++ = segment(refs[pos / PLAT_PAGE_SIZE], in, n);
		pos += n;
		len -= n;
	}
}

/* Segments over a chain of bounce pages. */
static void fill_bounce(struct blkif_request_segment *seg, const struct bounce *b,
			uint16_t page, size_t len)
{
	for (; len; page = b->next[page]) {
		uint32_t n = len < PLAT_PAGE_SIZE ? (uint32_t)len : PLAT_PAGE_SIZE;

		*seg++ = segment(b->arena->refs[page], 0, n);
		len -= n;
	}
}

/* Makes req an indirect request; its descriptors lie in the id's own pages. */
static struct blkif_request_segment *make_indirect(struct channel *ch,
						   struct blkif_req *req)
{
	uint32_t first = ch->nr_ring_pages + (uint32_t)req->id * ch->indirect_per_id;
	uint32_t n = (req->nr_segments + BLKIF_SEGS_PER_INDIRECT_FRAME - 1u) /
		     BLKIF_SEGS_PER_INDIRECT_FRAME;

	req->indirect_op = req->operation;
	req->operation = BLKIF_OP_INDIRECT;
	memset(req->indirect_grefs, 0, sizeof(req->indirect_grefs));
	memcpy(req->indirect_grefs, ch->ring_pages->refs + first,
	       n * sizeof(grant_ref_t));
	return (void *)(ch->ring_pages->pages + (size_t)first * PLAT_PAGE_SIZE);
}

/* The channel's window moves to where addr is, if that is pool memory. */
static bool window_find(struct channel *ch, const void *addr)
{
	return pool_find(&ch->disk->pool, addr, &ch->win);
}

/* Can the backend reach len bytes at addr themselves? */
static inline bool zero_copy(struct channel *ch, const uint8_t *addr, size_t len)
{
	size_t pos = (uintptr_t)addr - ch->win.base;

	if ((uintptr_t)addr & ch->lim.sector_mask)
		return false;
	if (pos >= ch->win.bytes) {
		if (!window_find(ch, addr))
			return false;
		pos = (uintptr_t)addr - ch->win.base;
	}
	return len <= ch->win.bytes - pos;
}

static inline struct shadow *id_take(struct channel *ch, struct tandem_io *io, size_t off,
				     size_t len, uint64_t *id)
{
	struct shadow *s;

	*id = ch->free_ids[--ch->nr_free];
	s = &ch->shadow[*id];
	s->io = io;
	s->off = off;
	s->len = (uint32_t)len;
	s->order = ch->order++;
	s->bounce = BLKFRONT_BOUNCE_NONE;
	io->parts_++;
	return s;
}

static long issue_rw(struct channel *ch, struct tandem_io *io, size_t off, size_t left)
{
	uint8_t *addr = (uint8_t *)io->buf + off;
	size_t max = (size_t)ch->lim.max_segments * PLAT_PAGE_SIZE;
	struct blkif_request_segment *seg;
	uint16_t chain = BLKFRONT_BOUNCE_NONE;
	struct blkif_req req;
	struct shadow *s;
	size_t len = max - ((uintptr_t)addr & PAGE_MASK);
	uint32_t pages;
	int err;

	if (len > left)
		len = left;
	req.nr_segments = (uint16_t)pages_of((uintptr_t)addr, len);
	if (__builtin_expect(!zero_copy(ch, addr, len), 0)) {
		len = left < max ? left : max;
		pages = pages_of(0, len);
		err = bounce_take(ch, &pages, &chain);
		if (err)
			return err == -EAGAIN ? 0 : err;
		if (len > (size_t)pages * PLAT_PAGE_SIZE)
			len = (size_t)pages * PLAT_PAGE_SIZE;
		req.nr_segments = (uint16_t)pages;
		if (io->op == TANDEM_WRITE)
			bounce_copy(ch, chain, addr, len, true);
	}
	s = id_take(ch, io, off, len, &req.id);
	s->bounce = chain;
	s->op = io->op == TANDEM_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE;
	s->op2 = req.nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ? BLKIF_OP_INDIRECT
								  : s->op;
	req.operation = s->op;
	req.handle = ch->handle;
	req.sector_number = (io->offset + off) / BLKIF_SECTOR_SIZE;
	seg = req.seg;
	if (req.nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
		seg = make_indirect(ch, &req);
	if (chain == BLKFRONT_BOUNCE_NONE)
		fill_pool(seg, ch->win.refs, (uintptr_t)addr - ch->win.base, len);
	else
		fill_bounce(seg, &ch->bounce, chain, len);
	blkif_put_request(&ch->ring, ch->abi, &req);
	return (long)len;
}

static long issue_other(struct channel *ch, struct tandem_io *io)
{
	struct blkif_req req = { .handle = ch->handle };
	struct shadow *s;

	if (io->op == TANDEM_FLUSH) {
		if (ch->lim.flush_op == BLKFRONT_OP_NONE)
			return -EOPNOTSUPP;
		req.operation = ch->lim.flush_op;
	} else {
		if (!ch->lim.discard || (io->secure && !ch->lim.discard_secure))
			return -EOPNOTSUPP;
		req.operation = BLKIF_OP_DISCARD;
		req.flag = io->secure ? BLKIF_DISCARD_SECURE : 0;
		req.sector_number = io->offset / BLKIF_SECTOR_SIZE;
		req.nr_sectors = io->len / BLKIF_SECTOR_SIZE;
	}
	s = id_take(ch, io, 0, 1, &req.id);
	s->op = s->op2 = req.operation;
	blkif_put_request(&ch->ring, ch->abi, &req);
	return 1;
}

long channel_issue(struct channel *ch, struct tandem_io *io, size_t off, size_t left)
{
	if (!ch->nr_free)
		return 0;
	if (io->op == TANDEM_READ || io->op == TANDEM_WRITE)
		return issue_rw(ch, io, off, left);
	return issue_other(ch, io);
}
