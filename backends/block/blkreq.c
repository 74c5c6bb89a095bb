/* SPDX-License-Identifier: MIT */
/*
 * A request: copied from the ring once, checked, mapped, submitted, answered.
 *
 * Statuses as blkif.h lists them: BLKIF_RSP_ERROR for what is malformed or
 * failed, BLKIF_RSP_EOPNOTSUPP for what was not offered or is unknown. Pages
 * are unmapped before the response is visible: then they are the guest's.
 */
#include <errno.h>
#include <string.h>

#include "backends/block/blkq.h"
#include "backends/throttle.h"
#include "hv/base/log.h"

#define MAP_BATCH 64

static void blkreq_step(struct blkreq *req);

/* ---------------------------------------------------------------- answers */

static void blkreq_unmap(struct blkreq *req)
{
	struct blkq *q = req->q;
	grant_ref_t refs[MAP_BATCH];
	void *addrs[MAP_BATCH];
	uint32_t n = 0, prot = 0;

	for (uint32_t i = 0; i < req->nr_segs; i++) {
		struct blkseg *s = &req->seg[i];

		if (s->pg != PGRANT_NONE) {
			pgrant_put(&q->pg, s->pg);
			continue;
		}
		if (!s->addr)
			continue;
		if (n == MAP_BATCH || (n && s->prot != prot)) {
			gnttab_unmap_refs(q->mapper, refs, n, (int)prot, addrs);
			n = 0;
		}
		prot = s->prot;
		refs[n] = s->ref;
		addrs[n++] = s->addr;
	}
	if (n)
		gnttab_unmap_refs(q->mapper, refs, n, (int)prot, addrs);
	req->nr_segs = 0;
}

/* The request is no more. */
static void blkreq_end(struct blkreq *req)
{
	struct blkq *q = req->q;

	blkreq_unmap(req);
	if (q->barrier == req)
		q->barrier = NULL;
	req->next = q->free;
	q->free = req;
	q->inflight--;
	worker_flush_later(q->worker, &q->client);
	/* what waited behind this one has its chance */
	if (!q->client.active)
		worker_client_wake(q->worker, &q->client);
}

static void blkreq_answer(struct blkreq *req, int16_t status)
{
	struct blkq *q = req->q;

	if (status == BLKIF_RSP_ERROR)
		blkq_count(q, BLKQ_ERRORS, 1);
	else if (status == BLKIF_RSP_EOPNOTSUPP)
		blkq_count(q, BLKQ_UNSUPPORTED, 1);
	blkif_put_response(&q->ring, q->cfg.abi, req->id, req->operation, status);
	blkreq_end(req);
}

static void blkreq_done(struct blkdrv_io *io, int result)
{
	struct blkreq *req = (struct blkreq *)io;

	worker_inflight(req->q->worker, -1);
	if (result == -EOPNOTSUPP)
		blkreq_answer(req, BLKIF_RSP_EOPNOTSUPP);
	else if (result < 0)
		blkreq_answer(req, BLKIF_RSP_ERROR);
	else if (req->steps)
		blkreq_step(req);
	else
		blkreq_answer(req, BLKIF_RSP_OKAY);
}

/* ----------------------------------------------------------------- submit */

static void blkreq_wait(struct blkreq *req)
{
	struct blkq *q = req->q;

	req->next = NULL;
	*q->waiting_tail = req;
	q->waiting_tail = &req->next;
}

/* Submits the next step. False: not now; nothing has changed. */
static bool blkreq_try_step(struct blkreq *req)
{
	struct blkq *q = req->q;
	uint8_t step = req->steps & BLKREQ_PREFLUSH ? BLKREQ_PREFLUSH
		       : req->steps & BLKREQ_DATA   ? BLKREQ_DATA
						    : BLKREQ_POSTFLUSH;

	if (!req->charged && q->cfg.throttle) {
		uint64_t wait = throttle_take(q->cfg.throttle, req->io.len,
					      worker_now(q->worker));

		if (wait) {
			q->client.wake_at = worker_now(q->worker) + wait;
			blkq_count(q, BLKQ_THROTTLED, 1);
			return false;
		}
		req->charged = true;
	}
	req->io.op = step == BLKREQ_DATA ? req->data_op : BLKDRV_FLUSH;
	req->steps &= (uint8_t)~step;
	memset(req->io.priv, 0, sizeof(req->io.priv));
	worker_inflight(q->worker, 1);
	if (!q->dev->ops->submit(q->dq, &req->io))
		return true;
	worker_inflight(q->worker, -1);
	req->steps |= step;
	/* tried again after any completion: a time to drop grants is not waited for */
	q->client.wake_at = 0;
	return false;
}

static void blkreq_step(struct blkreq *req)
{
	if (!req->q->waiting && blkreq_try_step(req))
		return;
	if (req->q->stopping)
		blkreq_end(req); /* as blkreq_drop_waiting() */
	else
		blkreq_wait(req);
}

int blkreq_retry(struct blkq *q)
{
	struct blkreq *req;
	int n = 0;

	while ((req = q->waiting)) {
		struct blkreq *next = req->next;

		/* unlink first: the request may be answered, and reused, within */
		q->waiting = next;
		if (!next)
			q->waiting_tail = &q->waiting;
		if (!blkreq_try_step(req)) {
			req->next = q->waiting;
			q->waiting = req;
			if (!req->next)
				q->waiting_tail = &req->next;
			break;
		}
		n++;
	}
	return n;
}

int blkreq_try_barrier(struct blkreq *req)
{
	if (req->started || req->q->inflight > 1)
		return 0;
	req->started = true;
	blkreq_step(req);
	return 1;
}

void blkreq_drop_waiting(struct blkq *q)
{
	struct blkreq *req, *next;

	for (req = q->waiting; req; req = next) {
		next = req->next;
		blkreq_end(req);
	}
	q->waiting = NULL;
	q->waiting_tail = &q->waiting;
	if (q->barrier && !q->barrier->started)
		blkreq_end(q->barrier);
}

/* ---------------------------------------------------------------- mapping */

static void blkq_note_region(struct blkq *q, void *addr)
{
	if (q->dev->ops->mem_add &&
	    (!q->nr_regions ||
	     (uintptr_t)addr - (uintptr_t)q->region_base[q->last_region] >=
		     q->region_len[q->last_region]))
		blkq_new_region(q, addr);
}

/* Maps pages that are not in the cache; to stay, if that was agreed. */
static int blkq_map_missing(struct blkq *q, struct blkseg **miss, uint32_t n, int prot)
{
	grant_ref_t refs[MAP_BATCH];
	void *addrs[MAP_BATCH];
	bool keep = q->cfg.persistent;
	int err;

	for (uint32_t i = 0; i < n; i++)
		refs[i] = miss[i]->ref;
	err = gnttab_map_refs(q->mapper, refs, n, keep ? GNTTAB_WRITE : prot, addrs);
	if (err == -EACCES && keep && prot == GNTTAB_READ) {
		/* a read-only grant cannot be kept for any use */
		keep = false;
		err = gnttab_map_refs(q->mapper, refs, n, prot, addrs);
	}
	if (err)
		return err;
	blkq_count(q, keep ? BLKQ_PERSISTENT : BLKQ_MAPPED, n);
	for (uint32_t i = 0; i < n; i++) {
		miss[i]->addr = addrs[i];
		blkq_note_region(q, addrs[i]);
		miss[i]->pg = PGRANT_NONE;
		miss[i]->prot = keep ? GNTTAB_WRITE : (uint32_t)prot;
		/* a reference given twice in one request is mapped twice */
		if (keep)
			miss[i]->pg = pgrant_add(&q->pg, refs[i], addrs[i],
						 worker_now(q->worker));
	}
	return 0;
}

/*
 * Maps the n pages whose refs stand in seg[]. After an error nothing is mapped.
 * A page that is neither cached nor mapped yet has no address.
 */
static int blkreq_map(struct blkreq *req, uint32_t n, int prot)
{
	struct blkq *q = req->q;
	struct blkseg *miss[MAP_BATCH];
	uint32_t nmiss = 0;
	int err = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct blkseg *s = &req->seg[i];

		s->addr = NULL;
		s->pg = pgrant_get(&q->pg, s->ref, worker_now(q->worker));
		if (s->pg != PGRANT_NONE)
			s->addr = q->pg.entries[s->pg].addr;
		else
			miss[nmiss++] = s;
		req->nr_segs = (uint16_t)(i + 1);
		if (nmiss == MAP_BATCH || (i + 1 == n && nmiss)) {
			err = blkq_map_missing(q, miss, nmiss, prot);
			if (err)
				break;
			nmiss = 0;
		}
	}
	if (err)
		blkreq_unmap(req);
	return err;
}

/* ----------------------------------------------------------------- checks */

/* Copies the descriptors of an indirect request into q->desc. */
static int blkreq_copy_indirect(struct blkreq *req, const struct blkif_req *r)
{
	struct blkq *q = req->q;
	uint32_t per = BLKIF_SEGS_PER_INDIRECT_FRAME;
	uint32_t pages = (r->nr_segments + per - 1) / per, n, left = r->nr_segments;
	int err;

	for (uint32_t i = 0; i < pages; i++)
		req->seg[i].ref = r->indirect_grefs[i];
	err = blkreq_map(req, pages, GNTTAB_READ);
	for (uint32_t i = 0; !err && i < pages; i++, left -= n) {
		n = left < per ? left : per;
		memcpy(q->desc + (size_t)i * per, req->seg[i].addr, n * sizeof(*q->desc));
	}
	atomic_signal_fence(memory_order_seq_cst); /* read once: q->desc is ours */
	blkreq_unmap(req);
	return err;
}

/* Fills seg[].ref and iov lengths; the number of bytes, or -EINVAL. */
static int64_t blkreq_check_segs(struct blkreq *req,
				 const struct blkif_request_segment *d, uint32_t n)
{
	uint32_t lmask = req->q->dev->info.sector_size / BLKIF_SECTOR_SIZE - 1;
	int64_t sectors = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t first = d[i].first_sect, last = d[i].last_sect;

		if (last >= BLKIF_SECTORS_PER_PAGE || first > last ||
		    ((first | (last + 1)) & lmask))
			return -EINVAL;
		sectors += last - first + 1;
		req->seg[i].ref = d[i].gref;
	}
	return sectors * BLKIF_SECTOR_SIZE;
}

/* Neighbours in memory become one iovec. */
static void blkreq_build_iov(struct blkreq *req, const struct blkif_request_segment *d,
			     uint32_t n)
{
	struct iovec *v = req->io.iov;
	uint8_t *end = NULL;
	uint16_t cnt = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *p = (uint8_t *)req->seg[i].addr +
			     (size_t)d[i].first_sect * BLKIF_SECTOR_SIZE;
		size_t len = (size_t)(d[i].last_sect - d[i].first_sect + 1) *
			     BLKIF_SECTOR_SIZE;

		if (p == end)
			v[cnt - 1].iov_len += len;
		else
			v[cnt++] = (struct iovec){ p, len };
		end = p + len;
	}
	req->io.iovcnt = cnt;
}

/* Does [sector, sector + bytes) lie in the disk, on logical blocks? */
static int blkreq_check_range(struct blkreq *req, uint64_t sector, uint64_t bytes)
{
	struct blkq *q = req->q;
	uint64_t size = q->size, lbs = q->dev->info.sector_size;

	if (sector > size / BLKIF_SECTOR_SIZE ||
	    bytes > size - sector * BLKIF_SECTOR_SIZE ||
	    (sector * BLKIF_SECTOR_SIZE) % lbs || bytes % lbs)
		return -EINVAL;
	req->io.offset = sector * BLKIF_SECTOR_SIZE;
	req->io.len = bytes;
	return 0;
}

static int16_t blkreq_prepare_rw(struct blkreq *req, const struct blkif_req *r,
				 const struct blkif_request_segment *d, uint32_t n)
{
	struct blkq *q = req->q;
	bool read = req->data_op == BLKDRV_READ;
	int64_t bytes;

	if (!read && q->dev->info.readonly)
		return BLKIF_RSP_ERROR;
	bytes = blkreq_check_segs(req, d, n);
	if (bytes < 0 || blkreq_check_range(req, r->sector_number, (uint64_t)bytes))
		return BLKIF_RSP_ERROR;
	if (blkreq_map(req, n, read ? GNTTAB_WRITE : GNTTAB_READ))
		return BLKIF_RSP_ERROR;
	blkreq_build_iov(req, d, n);
	req->steps |= BLKREQ_DATA;
	blkq_count(q, read ? BLKQ_READS : BLKQ_WRITES, 1);
	blkq_count(q, read ? BLKQ_READ_BYTES : BLKQ_WRITE_BYTES, (uint64_t)bytes);
	return BLKIF_RSP_OKAY;
}

static int16_t blkreq_prepare_direct(struct blkreq *req, const struct blkif_req *r)
{
	req->seg = req->small_seg;
	req->io.iov = req->small_iov;
	if (r->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
		return BLKIF_RSP_ERROR;
	/* nothing to move is fine for a flush, and a barrier is one */
	if (!r->nr_segments)
		return req->steps ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
	return blkreq_prepare_rw(req, r, r->seg, r->nr_segments);
}

static int16_t blkreq_prepare_indirect(struct blkreq *req, const struct blkif_req *r)
{
	struct blkq *q = req->q;
	uint32_t max = q->cfg.max_indirect;
	size_t stride = max * (sizeof(struct iovec) + sizeof(struct blkseg));
	uint8_t *big = q->big + (size_t)(req - q->reqs) * stride;

	if (!max)
		return BLKIF_RSP_EOPNOTSUPP;
	if ((r->indirect_op != BLKIF_OP_READ && r->indirect_op != BLKIF_OP_WRITE) ||
	    !r->nr_segments || r->nr_segments > max)
		return BLKIF_RSP_ERROR;
	req->io.iov = (struct iovec *)big;
	req->seg = (struct blkseg *)(big + max * sizeof(struct iovec));
	req->data_op = r->indirect_op == BLKIF_OP_READ ? BLKDRV_READ : BLKDRV_WRITE;
	blkq_count(q, BLKQ_INDIRECT, 1);
	if (blkreq_copy_indirect(req, r))
		return BLKIF_RSP_ERROR;
	return blkreq_prepare_rw(req, r, q->desc, r->nr_segments);
}

static int16_t blkreq_prepare_discard(struct blkreq *req, const struct blkif_req *r)
{
	struct blkq *q = req->q;

	if (!q->cfg.discard)
		return BLKIF_RSP_EOPNOTSUPP;
	if (q->dev->info.readonly || r->nr_sectors > UINT64_MAX / BLKIF_SECTOR_SIZE ||
	    blkreq_check_range(req, r->sector_number, r->nr_sectors * BLKIF_SECTOR_SIZE))
		return BLKIF_RSP_ERROR;
	req->data_op = BLKDRV_DISCARD;
	req->io.secure = (r->flag & BLKIF_DISCARD_SECURE) && q->dev->info.discard_secure;
	blkq_count(q, BLKQ_DISCARDS, 1);
	if (r->nr_sectors)
		req->steps = BLKREQ_DATA;
	return BLKIF_RSP_OKAY;
}

/* Everything about a request that can be wrong. Fills io and steps. */
static int16_t blkreq_prepare(struct blkreq *req, const struct blkif_req *r)
{
	struct blkq *q = req->q;

	switch (r->operation) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		req->data_op = r->operation == BLKIF_OP_READ ? BLKDRV_READ : BLKDRV_WRITE;
		return blkreq_prepare_direct(req, r);
	case BLKIF_OP_WRITE_BARRIER:
		if (!q->cfg.barrier)
			return BLKIF_RSP_EOPNOTSUPP;
		req->data_op = BLKDRV_WRITE;
		req->steps = BLKREQ_PREFLUSH;
		blkq_count(q, BLKQ_BARRIERS, 1);
		if (r->nr_segments)
			req->steps |= BLKREQ_POSTFLUSH;
		return blkreq_prepare_direct(req, r);
	case BLKIF_OP_FLUSH_DISKCACHE:
		if (!q->dev->info.flush)
			return BLKIF_RSP_EOPNOTSUPP;
		req->data_op = BLKDRV_WRITE;
		req->steps = BLKREQ_PREFLUSH;
		blkq_count(q, BLKQ_FLUSHES, 1);
		return blkreq_prepare_direct(req, r);
	case BLKIF_OP_DISCARD:
		return blkreq_prepare_discard(req, r);
	case BLKIF_OP_INDIRECT:
		return blkreq_prepare_indirect(req, r);
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}

uint64_t blkreq_take(struct blkq *q, struct blkreq *req)
{
	struct blkif_req r;
	uint64_t bytes;
	int16_t status;

	blkif_copy_request(&q->ring, q->cfg.abi, &r);
	q->inflight++;
	req->id = r.id;
	/* of an indirect request Linux's frontend wants the inner one back */
	req->operation = r.operation == BLKIF_OP_INDIRECT ? r.indirect_op : r.operation;
	req->steps = 0;
	req->nr_segs = 0;
	req->charged = false;
	req->io.secure = false;
	req->io.iovcnt = 0;
	req->io.len = 0;
	req->io.done = blkreq_done;
	status = blkreq_prepare(req, &r);
	if (status != BLKIF_RSP_OKAY || !req->steps) {
		blkreq_answer(req, status);
		return 0;
	}
	bytes = r.operation == BLKIF_OP_DISCARD ? 0 : req->io.len;
	if (r.operation == BLKIF_OP_WRITE_BARRIER) {
		req->started = false;
		q->barrier = req;
		(void)blkreq_try_barrier(req);
	} else {
		blkreq_step(req);
	}
	return bytes;
}
