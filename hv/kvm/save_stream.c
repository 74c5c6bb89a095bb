/* SPDX-License-Identifier: MIT */
/* The stream of a saved machine: heads, checksums, compression. */
#include "hv/kvm/save_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define HEAD_REST (sizeof(struct save_head) - 2 * sizeof(uint32_t))

struct save_end {
	uint32_t chunks, sum;
};

struct save_writer {
	int fd;
	int level;
	struct save_place at;
	uint64_t written;
	ZSTD_CCtx *zstd;
	size_t room;
	uint8_t *buf;
};

struct save_reader {
	int fd;
	struct save_place at;
	const char *why;
	ZSTD_DCtx *zstd;
	size_t room;
	uint8_t *stored, *raw;
};

static uint32_t sum_of(const void *data, size_t len)
{
	return (uint32_t)crc32_z(0, data, len);
}

/* Heads follow each other in the sum of all; without their own sums, as one behind what
 * it is of makes any CRC forget both. */
static void place_move(struct save_place *p, const struct save_head *h)
{
	p->chunks++;
	p->sum = (uint32_t)crc32_z(p->sum, (const void *)h,
				   offsetof(struct save_head, head_sum));
}

/* A person's file answers at once; a network may stall, and then it is given up. */
static int ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, SAVE_STALL_S * 1000);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* ------------------------------------------------------------------- writing */

struct save_writer *save_writer_new(int fd, int level)
{
	struct save_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->fd = fd;
	w->level = level;
	w->room = ZSTD_compressBound(SAVE_MAX);
	w->zstd = ZSTD_createCCtx();
	w->buf = malloc(w->room);
	if (w->zstd && w->buf)
		return w;
	save_writer_free(w);
	return NULL;
}

void save_writer_free(struct save_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->zstd);
	free(w->buf);
	free(w);
}

uint64_t save_written(const struct save_writer *w)
{
	return w->written;
}

static int put(struct save_writer *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		int err = ready(w->fd, POLLOUT);
		ssize_t n = err ? 0 : write(w->fd, p, len);

		if (err)
			return err;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n <= 0)
			continue;
		p += n;
		len -= (size_t)n;
		w->written += (uint64_t)n;
	}
	return 0;
}

static int put_head(struct save_writer *w, struct save_head *h)
{
	h->frame = SAVE_FRAME;
	h->frame_size = HEAD_REST;
	h->head_sum = sum_of(h, offsetof(struct save_head, head_sum));
	place_move(&w->at, h);
	return put(w, h, sizeof(*h));
}

int save_write_start(struct save_writer *w)
{
	struct save_head h = { .kind = SAVE_MAGIC, .number = SAVE_VERSION };

	return put_head(w, &h);
}

int save_write(struct save_writer *w, enum save_kind kind, const void *data, size_t len)
{
	struct save_head h = { .kind = kind, .number = w->at.chunks };
	size_t n;
	int err;

	if (len > SAVE_MAX)
		return -E2BIG;
	n = ZSTD_compressCCtx(w->zstd, w->buf, w->room, data, len, w->level);
	if (ZSTD_isError(n))
		return -ENOMEM;
	h.raw = (uint32_t)len;
	h.stored = (uint32_t)n;
	h.data_sum = sum_of(w->buf, n);
	err = put_head(w, &h);
	return err ? err : put(w, w->buf, n);
}

int save_write_end(struct save_writer *w)
{
	const struct save_end end = { w->at.chunks, w->at.sum };

	return save_write(w, SAVE_END, &end, sizeof(end));
}

/* ------------------------------------------------------------------- reading */

struct save_reader *save_reader_new(int fd, const struct save_place *place)
{
	struct save_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = fd;
	r->why = "";
	if (place)
		r->at = *place;
	r->room = ZSTD_compressBound(SAVE_MAX);
	r->zstd = ZSTD_createDCtx();
	r->stored = malloc(r->room);
	r->raw = malloc(SAVE_MAX);
	if (r->zstd && r->stored && r->raw)
		return r;
	save_reader_free(r);
	return NULL;
}

void save_reader_free(struct save_reader *r)
{
	if (!r)
		return;
	ZSTD_freeDCtx(r->zstd);
	free(r->stored);
	free(r->raw);
	free(r);
}

const char *save_why(const struct save_reader *r)
{
	return r->why;
}

struct save_place save_place(const struct save_reader *r)
{
	return r->at;
}

static int bad(struct save_reader *r, const char *why)
{
	r->why = why;
	return -EBADMSG;
}

static int get(struct save_reader *r, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		int err = ready(r->fd, POLLIN);
		ssize_t n = err ? 0 : read(r->fd, p, len);

		if (err == -ETIMEDOUT)
			return bad(r, "its sender has fallen silent");
		if (err)
			return bad(r, strerror(-err));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return bad(r, strerror(errno));
		if (!n)
			return bad(r, "is cut short");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int get_head(struct save_reader *r, struct save_head *h)
{
	int err = get(r, h, sizeof(*h));

	if (err)
		return err;
	if (h->frame != SAVE_FRAME || h->frame_size != HEAD_REST ||
	    h->head_sum != sum_of(h, offsetof(struct save_head, head_sum)))
		return bad(r, r->at.chunks ? "is damaged" : "is no saved machine");
	return 0;
}

int save_read_start(struct save_reader *r)
{
	struct save_head h;
	int err = get_head(r, &h);

	if (err)
		return err;
	if (h.kind != SAVE_MAGIC)
		return bad(r, "is no saved machine");
	if (h.number != SAVE_VERSION)
		return bad(r, "was written by a newer version of tandem");
	if (h.raw || h.stored || h.data_sum)
		return bad(r, "is damaged");
	place_move(&r->at, &h);
	return 0;
}

/* A whole frame, of exactly the size that the head says. */
static int unpack(struct save_reader *r, const struct save_head *h)
{
	size_t n;

	if (h->data_sum != sum_of(r->stored, h->stored))
		return bad(r, "is damaged");
	n = ZSTD_decompressDCtx(r->zstd, r->raw, h->raw, r->stored, h->stored);
	return ZSTD_isError(n) || n != h->raw ? bad(r, "is damaged") : 0;
}

static int check_end(struct save_reader *r, const struct save_head *h)
{
	struct save_end end;

	if (h->raw != sizeof(end))
		return bad(r, "is damaged");
	memcpy(&end, r->raw, sizeof(end));
	if (end.chunks != r->at.chunks || end.sum != r->at.sum)
		return bad(r, "is damaged");
	return 0;
}

int save_read(struct save_reader *r, uint32_t *kind, const uint8_t **data, size_t *len)
{
	struct save_head h;
	int err = get_head(r, &h);

	if (err)
		return err;
	if (h.number != r->at.chunks || h.raw > SAVE_MAX || h.stored > r->room)
		return bad(r, "is damaged");
	if (h.kind < SAVE_CONFIG || h.kind > SAVE_LAST)
		return bad(r, "has parts that this version of tandem does not know");
	err = get(r, r->stored, h.stored);
	if (!err)
		err = unpack(r, &h);
	if (!err && h.kind == SAVE_END)
		err = check_end(r, &h);
	if (err)
		return err;
	place_move(&r->at, &h);
	*kind = h.kind;
	*data = r->raw;
	*len = h.raw;
	return 0;
}
