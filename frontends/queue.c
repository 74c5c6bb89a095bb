/* SPDX-License-Identifier: MIT */
/* The hot path: submit, kick, poll. One lock a call, no allocation, no division. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "frontends/blkfront.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

void channel_wake(struct channel *ch)
{
	const uint64_t one = 1;

	if (!ch->sleepers)
		return;
	for (unsigned i = 0; i < ch->disk->nr_all; i++) {
		struct tandem_queue *q = &ch->disk->queues[i];

		if (atomic_load_explicit(&q->ch, memory_order_relaxed) == ch &&
		    (q->sleepers || q->armed))
			/* cannot fail: the counter is nowhere near its end */
			(void)!write(q->wake, &one, sizeof(one));
	}
}

void channel_finish(struct channel *ch, struct tandem_io *io)
{
	struct tandem_queue *q = io->queue_;

	if (!q->done)
		channel_wake(ch);
	io->next_ = NULL;
	*q->done_tail = io;
	q->done_tail = &io->next_;
}

/* The backend broke the protocol: nothing more is taken from this ring. */
static void channel_break(struct channel *ch)
{
	if (ch->state == CH_BROKEN || ch->state == CH_DEAD)
		return;
	ch->state = CH_BROKEN;
	ch->dead_err = -EPROTO;
	front_break(&ch->disk->front);
}

/* Is this response the answer to something that we asked? */
static inline bool response_ok(const struct channel *ch, const struct blkif_response *rsp)
{
	const struct shadow *s = &ch->shadow[rsp->id < ch->nr_slots ? rsp->id : 0];

	return rsp->id < ch->nr_slots && s->io &&
	       (rsp->operation == s->op || rsp->operation == s->op2) &&
	       rsp->status <= BLKIF_RSP_OKAY && rsp->status >= BLKIF_RSP_EOPNOTSUPP;
}

/* Gives the id back. Returns the I/O if it is complete, else NULL. */
static inline struct tandem_io *part_end(struct channel *ch,
					 const struct blkif_response *rsp)
{
	struct shadow *s = &ch->shadow[rsp->id];
	struct tandem_io *io = s->io;

	s->io = NULL;
	ch->free_ids[ch->nr_free++] = (uint16_t)rsp->id;
	if (unlikely(s->bounce != BLKFRONT_BOUNCE_NONE)) {
		if (io->op == TANDEM_READ && rsp->status == BLKIF_RSP_OKAY)
			bounce_copy(ch, s->bounce, (uint8_t *)io->buf + s->off, s->len,
				    false);
		bounce_give(ch, s->bounce);
	}
	if (unlikely(rsp->status != BLKIF_RSP_OKAY && !io->result))
		io->result = rsp->status == BLKIF_RSP_EOPNOTSUPP ? -EOPNOTSUPP : -EIO;
	if (--io->parts_ || io->issued_ != io_span(io))
		return NULL;
	return io;
}

unsigned channel_reap(struct channel *ch, struct tandem_queue *q, struct tandem_io **done,
		      unsigned max)
{
	struct blkif_response rsp;
	struct tandem_io *io;
	unsigned n = 0;
	int avail;

	if (unlikely(!channel_runs(ch)))
		return 0;
	avail = ring_front_avail(&ch->ring);
	if (unlikely(avail < 0))
		channel_break(ch);
	for (; avail > 0 && n < max; avail--) {
		blkif_copy_response(&ch->ring, &rsp);
		if (unlikely(!response_ok(ch, &rsp))) {
			channel_break(ch);
			break;
		}
		io = part_end(ch, &rsp);
		if (!io)
			continue;
		if (likely(io->queue_ == q))
			done[n++] = io;
		else
			channel_finish(ch, io);
	}
	if (q)
		q->inflight -= n;
	return n;
}

/* ------------------------------------------------------------------ sending */

/* Sends io from off to end. Returns where it stopped; errors end the rest. */
static size_t issue_span(struct channel *ch, struct tandem_io *io, size_t off, size_t end)
{
	while (off < end) {
		long n = channel_issue(ch, io, off, end - off);

		if (!n)
			break;
		if (n < 0) {
			if (!io->result)
				io->result = (int)n;
			return end;
		}
		off += (size_t)n;
	}
	return off;
}

static void issue_replay(struct channel *ch)
{
	while (ch->replay_at < ch->replay_nr) {
		struct part *p = &ch->replay[ch->replay_at];
		size_t at = issue_span(ch, p->io, p->off, p->off + p->len);

		p->len -= at - p->off;
		p->off = at;
		if (p->len)
			return;
		ch->replay_at++;
		/* the item's own count ends; its pieces have theirs */
		if (!--p->io->parts_ && p->io->issued_ == io_span(p->io))
			channel_finish(ch, p->io);
	}
}

static void issue_waiting(struct channel *ch)
{
	while (ch->wait) {
		struct tandem_io *io = ch->wait;

		io->issued_ = issue_span(ch, io, io->issued_, io_span(io));
		if (io->issued_ != io_span(io))
			return;
		ch->wait = io->next_;
		if (!ch->wait)
			ch->wait_tail = &ch->wait;
		if (!io->parts_)
			channel_finish(ch, io);
	}
}

void channel_push(struct channel *ch)
{
	if (ring_front_push(&ch->ring) && ch->evtchn)
		evtchn_notify(ch->evtchn);
}

void channel_pump(struct channel *ch)
{
	if (!channel_runs(ch))
		return;
	issue_replay(ch);
	if (ch->replay_at == ch->replay_nr)
		issue_waiting(ch);
	channel_push(ch);
}

void channel_fail_all(struct channel *ch, int err)
{
	for (; ch->replay_at < ch->replay_nr; ch->replay_at++) {
		struct tandem_io *io = ch->replay[ch->replay_at].io;

		if (!io->result)
			io->result = err;
		if (!--io->parts_ && io->issued_ == io_span(io))
			channel_finish(ch, io);
	}
	while (ch->wait) {
		struct tandem_io *io = ch->wait;

		ch->wait = io->next_;
		if (!io->result)
			io->result = err;
		channel_finish(ch, io);
	}
	ch->wait_tail = &ch->wait;
	channel_wake(ch);
}

/* --------------------------------------------------------------- the caller's */

static inline int io_check(const struct channel *ch, const struct tandem_io *io)
{
	const struct limits *lim = &ch->lim;

	if (io->op == TANDEM_FLUSH)
		return lim->flush_op == BLKFRONT_OP_NONE ? -EOPNOTSUPP : 0;
	if (unlikely((io->offset | io->len) & lim->sector_mask) || !io->len ||
	    io->len > lim->size || io->offset > lim->size - io->len)
		return -EINVAL;
	if (likely(io->op == TANDEM_READ))
		return io->buf ? 0 : -EINVAL;
	if (io->op != TANDEM_WRITE && io->op != TANDEM_DISCARD)
		return -EINVAL;
	if (lim->readonly)
		return -EROFS;
	if (io->op == TANDEM_WRITE)
		return io->buf ? 0 : -EINVAL;
	return !lim->discard || (io->secure && !lim->discard_secure) ? -EOPNOTSUPP : 0;
}

/* The channel does not run: wait for it, fail, or refuse. */
static int submit_slow(struct channel *ch, struct tandem_io *io)
{
	switch (ch->state) {
	case CH_DRAIN:
		return -ENODEV;
	case CH_DEAD:
	case CH_BROKEN:
		return ch->dead_err;
	case CH_FAILING:
		io->issued_ = io_span(io);
		io->result = -EIO;
		channel_finish(ch, io);
		return 0;
	case CH_RUN:
	case CH_SUSPENDED:
		break;
	}
	io->next_ = NULL;
	*ch->wait_tail = io;
	ch->wait_tail = &io->next_;
	return 0;
}

int tandem_submit(struct tandem_queue *q, struct tandem_io *io)
{
	struct channel *ch = queue_lock(q);
	int err = io_check(ch, io);

	if (unlikely(err))
		goto out;
	io->result = 0;
	io->queue_ = q;
	io->issued_ = 0;
	io->parts_ = 0;
	if (likely(ch->state == CH_RUN && !channel_has_waiting(ch))) {
		const size_t span = io_span(io);

		io->issued_ = issue_span(ch, io, 0, span);
		if (likely(io->issued_ == span)) {
			if (unlikely(!io->parts_))
				channel_finish(ch, io);
			q->inflight++;
			goto out;
		}
	}
	err = submit_slow(ch, io);
	if (!err)
		q->inflight++;
out:
	qlock_unlock(&ch->lock);
	return err;
}

int tandem_kick(struct tandem_queue *q)
{
	struct channel *ch = queue_lock(q);
	int err = ch->state == CH_DEAD || ch->state == CH_BROKEN ? ch->dead_err : 0;

	if (likely(channel_runs(ch)))
		channel_push(ch);
	qlock_unlock(&ch->lock);
	return err;
}

unsigned tandem_inflight(struct tandem_queue *q)
{
	struct channel *ch = queue_lock(q);
	unsigned n = q->inflight;

	qlock_unlock(&ch->lock);
	return n;
}
