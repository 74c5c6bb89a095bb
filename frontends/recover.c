/* SPDX-License-Identifier: MIT */
/*
 * Off the ring and onto another: what is in flight when a backend goes becomes
 * a list of parts in the order in which they were sent; the next backend, which
 * may offer fewer queues and smaller requests, gets them before anything new.
 * All of it on the control thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/blkfront.h"

static int by_order(const void *a, const void *b)
{
	const struct shadow *x = *(const struct shadow *const *)a;
	const struct shadow *y = *(const struct shadow *const *)b;

	return (int32_t)(x->order - y->order) < 0 ? -1 : 1;
}

/* Appends a part, or makes the last one longer if it is its continuation. */
static uint32_t add_part(struct part *list, uint32_t n, struct tandem_io *io, size_t off,
			 size_t len)
{
	struct part *last = n ? &list[n - 1] : NULL;

	if (last && last->io == io && last->off + last->len == off) {
		last->len += len;
		io->parts_--; /* one part where there were two */
		return n;
	}
	list[n] = (struct part){ .io = io, .off = off, .len = len };
	return n + 1;
}

/* The channel's requests in flight, oldest first. Returns how many. */
static uint32_t in_flight(struct channel *ch, struct shadow **list)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ch->nr_slots; i++)
		if (ch->shadow[i].io)
			list[n++] = &ch->shadow[i];
	qsort(list, n, sizeof(*list), by_order);
	return n;
}

/* Rebuilds ch->replay: what is in flight, then what was not sent again yet. */
static void channel_collect(struct channel *ch, struct part *list)
{
	struct shadow *flying[BLKFRONT_MAX_SLOTS];
	uint32_t nr = in_flight(ch, flying), n = 0;

	for (uint32_t i = 0; i < nr; i++) {
		struct shadow *s = flying[i];

		n = add_part(list, n, s->io, s->off, s->len);
		s->io = NULL;
		if (s->bounce != BLKFRONT_BOUNCE_NONE)
			bounce_give(ch, s->bounce);
	}
	for (uint32_t i = ch->replay_at; i < ch->replay_nr; i++)
		n = add_part(list, n, ch->replay[i].io, ch->replay[i].off,
			     ch->replay[i].len);
	free(ch->replay);
	ch->replay = list;
	ch->replay_at = 0;
	ch->replay_nr = n;
	ch->nr_free = 0;
}

/* No memory for a list: what is in flight ends here. */
static void channel_lose_in_flight(struct channel *ch)
{
	for (uint32_t i = 0; i < ch->nr_slots; i++) {
		struct tandem_io *io = ch->shadow[i].io;

		if (!io)
			continue;
		ch->shadow[i].io = NULL;
		io->result = -ENOMEM;
		if (!--io->parts_ && io->issued_ == io_span(io))
			channel_finish(ch, io);
	}
	ch->nr_free = 0;
}

static int channel_suspend(struct channel *ch)
{
	struct part *list;
	int err = 0;

	qlock_lock(&ch->lock);
	/* what the backend answered before it went is answered */
	channel_reap(ch, NULL, NULL, UINT32_MAX);
	list = malloc((ch->nr_slots + ch->replay_nr + 1) * sizeof(*list));
	if (list)
		channel_collect(ch, list);
	else
		channel_lose_in_flight(ch);
	if (!list)
		err = -ENOMEM;
	/* also of one that drains: its ring goes before it is dead */
	if (channel_runs(ch))
		ch->state = CH_SUSPENDED;
	channel_wake(ch);
	qlock_unlock(&ch->lock);
	return err;
}

int disk_suspend(struct tandem_disk *d)
{
	int err = 0;

	for (unsigned i = 0; i < d->max_channels; i++) {
		int e = channel_suspend(&d->channels[i]);

		err = err ? err : e;
	}
	return err;
}

/* ------------------------------------------------------------------- resume */

/* The channel that io's queue belongs to; all are locked. */
static struct channel *home(const struct tandem_io *io)
{
	return atomic_load_explicit(&io->queue_->ch, memory_order_relaxed);
}

/* Each part goes where its queue is now, in the order of the old channels. */
static int deal_replays(struct tandem_disk *d)
{
	struct part *list[BLKFRONT_MAX_CHANNELS] = { NULL };
	uint32_t nr[BLKFRONT_MAX_CHANNELS] = { 0 }, total = 0;
	struct channel *ch;

	for (ch = d->channels; ch < d->channels + d->max_channels; ch++)
		total += ch->replay_nr - ch->replay_at;
	for (unsigned i = 0; i < d->nr_channels && total; i++) {
		list[i] = malloc(total * sizeof(*list[i]));
		if (list[i])
			continue;
		while (i--)
			free(list[i]);
		return -ENOMEM;
	}
	for (ch = d->channels; ch < d->channels + d->max_channels; ch++)
		for (uint32_t i = ch->replay_at; i < ch->replay_nr; i++) {
			unsigned to = home(ch->replay[i].io)->index;

			list[to][nr[to]++] = ch->replay[i];
		}
	for (ch = d->channels; ch < d->channels + d->max_channels; ch++) {
		free(ch->replay);
		ch->replay = list[ch->index];
		ch->replay_nr = nr[ch->index];
		ch->replay_at = 0;
	}
	return 0;
}

/* The same for what has never been sent. */
static void deal_waiting(struct tandem_disk *d)
{
	struct tandem_io *all = NULL, **tail = &all, *io;
	struct channel *ch;

	for (ch = d->channels; ch < d->channels + d->max_channels; ch++) {
		if (!ch->wait)
			continue;
		*tail = ch->wait;
		tail = ch->wait_tail;
		ch->wait = NULL;
		ch->wait_tail = &ch->wait;
	}
	while ((io = all)) {
		all = io->next_;
		ch = home(io);
		io->next_ = NULL;
		*ch->wait_tail = io;
		ch->wait_tail = &io->next_;
	}
}

/* Points the queues, and what they wait for, at the channels that exist now. */
static int assign_queues(struct tandem_disk *d)
{
	for (unsigned i = 0; i < d->max_channels; i++)
		d->channels[i].sleepers = 0;
	for (unsigned i = 0; i < d->nr_all; i++) {
		struct tandem_queue *q = &d->queues[i];
		struct channel *ch = &d->channels[i % d->nr_queues % d->nr_channels];

		/* release: pairs with the acquire in queue_lock() */
		atomic_store_explicit(&q->ch, ch, memory_order_release);
		ch->sleepers += q->sleepers + q->armed;
		queue_watch(q, NULL, ch->evtchn);
	}
	deal_waiting(d);
	return deal_replays(d);
}

int disk_resume(struct tandem_disk *d, const struct limits *lim)
{
	int err;

	for (unsigned i = 0; i < d->max_channels; i++)
		qlock_lock(&d->channels[i].lock);
	err = assign_queues(d);
	for (unsigned i = 0; i < d->max_channels && !err; i++) {
		struct channel *ch = &d->channels[i];

		ch->lim = *lim;
		ch->state = i < d->nr_channels ? CH_RUN : CH_SUSPENDED;
		channel_pump(ch);
		channel_wake(ch);
	}
	for (unsigned i = 0; i < d->max_channels; i++)
		qlock_unlock(&d->channels[i].lock);
	return err;
}

void disk_set_state(struct tandem_disk *d, enum channel_state state, int err)
{
	for (unsigned i = 0; i < d->max_channels; i++) {
		struct channel *ch = &d->channels[i];

		qlock_lock(&ch->lock);
		/* only what runs can run out */
		if (state != CH_DRAIN || ch->state == CH_RUN)
			ch->state = state;
		if (state == CH_DEAD)
			ch->dead_err = err;
		if (err)
			channel_fail_all(ch, state == CH_FAILING ? -EIO : err);
		channel_wake(ch);
		qlock_unlock(&ch->lock);
	}
}
