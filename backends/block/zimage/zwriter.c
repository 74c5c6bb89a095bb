/* SPDX-License-Identifier: MIT */
/* The compressor's pipeline: slots in a window, filled by threads, written in order. */
#include "backends/block/zimage/zwriter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SLOTS_A_THREAD 3u
#define OUT_LEN	       (1u << 20)

/* One frame on its way. */
struct slot {
	uint8_t *out;
	size_t out_len;
	uint32_t len, sum;
	bool ready;
};

struct run {
	const struct zwriter *w;
	uint64_t frames;
	size_t bound; /* of a compressed frame */
	pthread_mutex_t lock;
	pthread_cond_t room, filled;
	uint64_t next, written; /* frames taken, written */
	int error;		/* of a thread, or of the writing */
	enum zwriter_where where;
	unsigned slots;
	struct slot *slot;
	/* A whole frame of zeros, compressed once. */
	struct slot zero;
	/* The output's buffer. */
	uint8_t *out;
	size_t out_len;
};

struct worker {
	struct run *r;
	unsigned number;
	pthread_t thread;
	ZSTD_CCtx *cctx;
	uint8_t *in;
};

static bool all_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && !memcmp(p, p + 1, len - 1));
}

static ZSTD_CCtx *cctx_new(int level)
{
	ZSTD_CCtx *cctx = ZSTD_createCCtx();

	if (cctx &&
	    ZSTD_isError(ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, level))) {
		ZSTD_freeCCtx(cctx);
		return NULL;
	}
	return cctx;
}

static int compress(ZSTD_CCtx *cctx, struct slot *s, size_t room, const void *in,
		    uint32_t len)
{
	size_t n = ZSTD_compress2(cctx, s->out, room, in, len);

	if (ZSTD_isError(n))
		return -ENOMEM; /* the room suffices by ZSTD_compressBound() */
	s->out_len = n;
	s->len = len;
	s->sum = (uint32_t)XXH64(in, len, 0);
	return 0;
}

/* Reads and compresses frame n into its slot. */
static int slot_fill(struct worker *t, uint64_t n)
{
	const struct zwriter *w = t->r->w;
	uint64_t off = n * w->frame_size;
	uint32_t len =
		w->size - off < w->frame_size ? (uint32_t)(w->size - off) : w->frame_size;
	struct slot *s = &t->r->slot[n % t->r->slots];
	const struct slot *zero = &t->r->zero;
	int got = w->read(w->ctx, t->number, off, t->in, len);

	if (got < 0)
		return got;
	if (got == 1 || all_zero(t->in, len)) {
		if (len == zero->len) {
			memcpy(s->out, zero->out, zero->out_len);
			s->out_len = zero->out_len;
			s->len = len;
			s->sum = zero->sum;
			return 0;
		}
		memset(t->in, 0, len);
	}
	return compress(t->cctx, s, t->r->bound, t->in, len);
}

static void *worker_main(void *arg)
{
	struct worker *t = arg;
	struct run *r = t->r;
	uint64_t n;
	int err;

	pthread_mutex_lock(&r->lock);
	while (!r->error && r->next < r->frames) {
		n = r->next;
		if (n >= r->written + r->slots) {
			pthread_cond_wait(&r->room, &r->lock);
			continue;
		}
		r->next++;
		pthread_mutex_unlock(&r->lock);
		err = slot_fill(t, n);
		pthread_mutex_lock(&r->lock);
		if (err && !r->error) {
			r->error = err;
			r->where = ZWRITER_READ;
		}
		r->slot[n % r->slots].ready = true;
		pthread_cond_signal(&r->filled);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static int out_flush(struct run *r)
{
	const uint8_t *p = r->out;

	while (r->out_len) {
		ssize_t n = write(r->w->fd, p, r->out_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		r->out_len -= (size_t)n;
	}
	return 0;
}

static int out_put(struct run *r, const uint8_t *p, size_t len)
{
	while (len) {
		size_t n = OUT_LEN - r->out_len;
		int err;

		if (n > len)
			n = len;
		memcpy(r->out + r->out_len, p, n);
		r->out_len += n;
		p += n;
		len -= n;
		err = r->out_len == OUT_LEN ? out_flush(r) : 0;
		if (err)
			return err;
	}
	return 0;
}

/* The caller's part: every frame in order, then the table. */
static int write_all(struct run *r, struct seekbuild *table)
{
	uint64_t n;
	uint8_t *end;
	size_t len;
	int err = 0;

	for (n = 0; !err && n < r->frames; n++) {
		struct slot *s = &r->slot[n % r->slots];

		pthread_mutex_lock(&r->lock);
		while (!s->ready && !r->error)
			pthread_cond_wait(&r->filled, &r->lock);
		err = r->error;
		pthread_mutex_unlock(&r->lock);
		if (!err)
			err = out_put(r, s->out, s->out_len);
		if (!err)
			err = seekbuild_add(table, (uint32_t)s->out_len, s->len, s->sum);
		if (!err && !r->w->progress(r->w->ctx, n * r->w->frame_size + s->len))
			err = -ECANCELED;
		pthread_mutex_lock(&r->lock);
		s->ready = false;
		r->written++;
		pthread_cond_broadcast(&r->room);
		pthread_mutex_unlock(&r->lock);
	}
	if (err)
		return err;
	end = seekbuild_finish(table, &len);
	if (!end)
		return -ENOMEM;
	err = out_put(r, end, len);
	free(end);
	return err ? err : out_flush(r);
}

static int buffers_new(struct run *r)
{
	ZSTD_CCtx *cctx = cctx_new(r->w->level);
	uint8_t *zeros = calloc(1, r->w->frame_size);
	int err = -ENOMEM;
	unsigned i;

	r->slots = r->w->threads * SLOTS_A_THREAD;
	r->bound = ZSTD_compressBound(r->w->frame_size);
	r->slot = calloc(r->slots, sizeof(*r->slot));
	r->out = malloc(OUT_LEN);
	r->zero.out = malloc(r->bound);
	if (!cctx || !zeros || !r->slot || !r->out || !r->zero.out)
		goto out;
	for (i = 0; i < r->slots; i++) {
		r->slot[i].out = malloc(r->bound);
		if (!r->slot[i].out)
			goto out;
	}
	err = compress(cctx, &r->zero, r->bound, zeros, r->w->frame_size);
out:
	ZSTD_freeCCtx(cctx);
	free(zeros);
	return err;
}

static void buffers_free(struct run *r)
{
	unsigned i;

	for (i = 0; r->slot && i < r->slots; i++)
		free(r->slot[i].out);
	free(r->slot);
	free(r->zero.out);
	free(r->out);
}

/* Starts the threads; fewer than wanted are enough. How many, or -errno. */
static int workers_start(struct run *r, struct worker *t)
{
	sigset_t all, old;
	unsigned i;
	int err = -ENOMEM;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < r->w->threads; i++) {
		t[i].r = r;
		t[i].number = i;
		t[i].in = malloc(r->w->frame_size);
		t[i].cctx = cctx_new(r->w->level);
		if (!t[i].in || !t[i].cctx)
			break;
		err = -pthread_create(&t[i].thread, NULL, worker_main, &t[i]);
		if (err)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return i ? (int)i : err;
}

static void workers_stop(struct run *r, struct worker *t, int started)
{
	unsigned i;

	pthread_mutex_lock(&r->lock);
	if (!r->error)
		r->error = -ECANCELED;
	pthread_cond_broadcast(&r->room);
	pthread_mutex_unlock(&r->lock);
	for (i = 0; i < r->w->threads; i++) {
		if ((int)i < started)
			pthread_join(t[i].thread, NULL);
		free(t[i].in);
		ZSTD_freeCCtx(t[i].cctx);
	}
}

int zwriter_run(const struct zwriter *w, enum zwriter_where *where)
{
	struct run r = { .w = w, .where = ZWRITER_WRITE };
	struct worker *t = calloc(w->threads, sizeof(*t));
	struct seekbuild table = { 0 };
	int err, started;

	r.frames = (w->size + w->frame_size - 1) / w->frame_size;
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.room, NULL);
	pthread_cond_init(&r.filled, NULL);
	err = t ? buffers_new(&r) : -ENOMEM;
	if (!err) {
		started = workers_start(&r, t);
		err = started < 0 ? started : write_all(&r, &table);
		workers_stop(&r, t, started);
	}
	*where = r.where;
	seekbuild_free(&table);
	buffers_free(&r);
	free(t);
	pthread_cond_destroy(&r.filled);
	pthread_cond_destroy(&r.room);
	pthread_mutex_destroy(&r.lock);
	return err;
}
