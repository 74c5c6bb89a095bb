/* SPDX-License-Identifier: MIT */
/*
 * Crash consistency of the overlay (overlay.h says how it works): everything
 * that is done to its file is recorded, and the file is rebuilt as a crash
 * would have left it.
 *
 *  killed: the process ends after any of the operations. Each sector holds what
 *	was acknowledged last, or a write that was under way.
 *  power: besides, of what was done since the last finished sync, any subset of
 *	the 512-byte units is missing. Each sector holds what it held when the
 *	last acknowledged flush began, or something written later; never a mix,
 *	never anything else.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/block/zimage/overlay.h"

#define UNIT	 512u
#define SECTORS	 128u
#define DISK	 (SECTORS * UNIT)
#define FILE_MAX (256u << 10)
#define TAG_BASE 0u
/* A discarded sector reads as zeros: in the overlay that is this tag. */
#define TAG_ZERO 1u

enum op_kind { OP_WRITE, OP_PUNCH, OP_SYNC, OP_RESIZE };

struct op {
	enum op_kind kind;
	uint64_t off, len;
	uint8_t *data;
};

/* One value that a sector was given. */
struct value {
	uint32_t tag;
	size_t begin, ack; /* positions in the log; ack SIZE_MAX: never */
};

struct history {
	struct value *v;
	size_t n;
};

struct flush {
	size_t begin, ack;
};

struct sim {
	pthread_mutex_t lock;
	struct op *op;
	size_t ops;
	struct history sector[SECTORS];
	struct flush *flush;
	size_t flushes;
	uint8_t start[FILE_MAX]; /* the file before the first operation */
	size_t start_size;
	int fd;
	bool slow_sync;
};

static struct overlay_base the_base = { .file_size = 4711,
					.size = DISK,
					.id = { 1, 2, 3 } };
static uint64_t seed = 12345;

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* ---------------------------------------------------------------- recorder */

static void record(struct sim *s, enum op_kind kind, uint64_t off, uint64_t len,
		   const struct iovec *iov, int iovcnt)
{
	struct op *op;
	size_t at = 0;

	pthread_mutex_lock(&s->lock);
	s->op = reallocarray(s->op, s->ops + 1, sizeof(*op));
	op = &s->op[s->ops++];
	*op = (struct op){ kind, off, len, NULL };
	if (kind == OP_WRITE)
		op->data = malloc(len);
	for (int i = 0; i < iovcnt; i++) {
		memcpy(op->data + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	pthread_mutex_unlock(&s->lock);
}

static int rec_write(void *ctx, int fd, const struct iovec *iov, int iovcnt, uint64_t off)
{
	uint64_t len = 0;

	for (int i = 0; i < iovcnt; i++)
		len += iov[i].iov_len;
	record(ctx, OP_WRITE, off, len, iov, iovcnt);
	return pwritev(fd, iov, iovcnt, (off_t)off) == (ssize_t)len ? 0 : -EIO;
}

static int rec_sync(void *ctx, int fd)
{
	(void)fd;
	record(ctx, OP_SYNC, 0, 0, NULL, 0);
	/* Others write meanwhile; what they write is not synced. */
	if (((struct sim *)ctx)->slow_sync)
		usleep(300);
	return 0;
}

static int rec_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[DISK];

	record(ctx, OP_PUNCH, off, len, NULL, 0);
	return pwrite(fd, zeros, len, (off_t)off) == (ssize_t)len ? 0 : -EIO;
}

static int rec_resize(void *ctx, int fd, uint64_t size)
{
	record(ctx, OP_RESIZE, size, 0, NULL, 0);
	return ftruncate(fd, (off_t)size) ? -errno : 0;
}

static struct overlay_io rec_io(struct sim *s)
{
	return (struct overlay_io){ s, rec_write, rec_sync, rec_punch, rec_resize };
}

static struct sim *sim_new(const uint8_t *start, size_t size)
{
	struct sim *s = calloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	s->fd = memfd_create("overlay", MFD_CLOEXEC);
	assert_true(s->fd >= 0);
	s->start_size = size;
	if (size) {
		memcpy(s->start, start, size);
		assert_int_equal(write(s->fd, start, size), (ssize_t)size);
	}
	return s;
}

static void sim_free(struct sim *s)
{
	for (size_t i = 0; i < s->ops; i++)
		free(s->op[i].data);
	for (unsigned i = 0; i < SECTORS; i++)
		free(s->sector[i].v);
	free(s->op);
	free(s->flush);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static size_t position(struct sim *s)
{
	size_t n;

	pthread_mutex_lock(&s->lock);
	n = s->ops;
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* ---------------------------------------------------------------- workload */

static void sector_given(struct sim *s, unsigned sector, uint32_t tag, size_t begin)
{
	struct history *h = &s->sector[sector];

	h->v = reallocarray(h->v, h->n + 1, sizeof(*h->v));
	h->v[h->n++] = (struct value){ tag, begin, SIZE_MAX };
}

static void sector_acked(struct sim *s, unsigned sector, size_t ack)
{
	s->sector[sector].v[s->sector[sector].n - 1].ack = ack;
}

static void fill_sectors(uint8_t *buf, unsigned n, uint32_t tag)
{
	uint32_t *p = (uint32_t *)buf;

	for (unsigned i = 0; i < n * UNIT / 4; i++)
		p[i] = tag == TAG_ZERO ? 0 : tag;
}

/* A write or discard of sectors [first, first + n), from one thread each. */
static void change(struct sim *s, struct overlay *ov, unsigned first, unsigned n,
		   uint32_t tag)
{
	uint8_t buf[16 * UNIT];
	struct iovec iov[2] = { { buf, UNIT }, { buf + UNIT, (n - 1) * (size_t)UNIT } };
	size_t begin = position(s);
	int err;

	fill_sectors(buf, n, tag);
	for (unsigned i = first; i < first + n; i++)
		sector_given(s, i, tag, begin);
	if (tag == TAG_ZERO)
		err = overlay_discard(ov, first * UNIT, n * UNIT);
	else
		err = overlay_write(ov, first * UNIT, n * UNIT, iov, n > 1 ? 2 : 1);
	assert_int_equal(err, 0);
	begin = position(s);
	for (unsigned i = first; i < first + n; i++)
		sector_acked(s, i, begin);
}

static void flush_once(struct sim *s, struct overlay *ov)
{
	struct flush f = { .begin = position(s) };

	assert_int_equal(overlay_flush(ov), 0);
	f.ack = position(s);
	s->flush = reallocarray(s->flush, s->flushes + 1, sizeof(f));
	s->flush[s->flushes++] = f;
}

/* Random changes of sectors [lo, hi); tags are unique to (thread, step). */
static void change_randomly(struct sim *s, struct overlay *ov, unsigned lo, unsigned hi,
			    uint32_t tag, uint64_t *state)
{
	unsigned first = lo + (unsigned)(rnd(state) % (hi - lo));
	unsigned n = 1 + (unsigned)(rnd(state) % 16);

	if (n > hi - first)
		n = hi - first;
	change(s, ov, first, n, rnd(state) % 4 ? tag : TAG_ZERO);
}

/* ------------------------------------------------------------------- crash */

struct image {
	uint8_t bytes[FILE_MAX];
	size_t size;
};

static void apply(struct image *img, const struct op *op, bool torn, uint64_t *state)
{
	if (op->kind == OP_RESIZE) {
		if (torn && rnd(state) % 2)
			return;
		if (op->off < img->size)
			memset(img->bytes + op->off, 0, img->size - op->off);
		img->size = op->off;
		return;
	}
	for (uint64_t at = op->off; op->kind != OP_SYNC && at < op->off + op->len;) {
		uint64_t n = UNIT - at % UNIT;

		if (n > op->off + op->len - at)
			n = op->off + op->len - at;
		if (!torn || rnd(state) % 2) {
			if (op->kind == OP_WRITE)
				memcpy(img->bytes + at, op->data + (at - op->off), n);
			else
				memset(img->bytes + at, 0, n);
			if (op->kind == OP_WRITE && at + n > img->size)
				img->size = at + n;
		}
		at += n;
	}
}

/* The file after the first n operations, by one of the two crashes. */
static void crash(const struct sim *s, size_t n, bool power, struct image *img,
		  uint64_t *state)
{
	size_t synced = 0;

	memset(img, 0, sizeof(*img));
	memcpy(img->bytes, s->start, s->start_size);
	img->size = s->start_size;
	for (size_t i = 0; i < n; i++)
		if (s->op[i].kind == OP_SYNC)
			synced = i;
	for (size_t i = 0; i < n; i++)
		apply(img, &s->op[i], power && i >= synced, state);
}

/* What sector i holds: a tag; the test fails if it is a mix. */
static uint32_t sector_tag(const struct overlay *ov, unsigned i)
{
	uint32_t word[UNIT / 4];
	bool present;

	assert_int_equal(overlay_run(ov, i * UNIT, UNIT, &present), UNIT);
	if (!present)
		return TAG_BASE;
	assert_int_equal(pread(overlay_fd(ov), word, UNIT,
			       (off_t)(overlay_data_off(ov) + i * UNIT)),
			 UNIT);
	for (unsigned k = 1; k < UNIT / 4; k++)
		assert_int_equal(word[k], word[0]);
	return word[0] ? word[0] : TAG_ZERO;
}

/* May sector i hold `tag` after a crash at n? `from`: the first value that
 * must not have been lost has been acknowledged by then. */
static bool allowed(const struct history *h, size_t n, size_t from, uint32_t before,
		    uint32_t tag)
{
	size_t floor = SIZE_MAX;

	for (size_t k = 0; k < h->n; k++)
		if (h->v[k].ack <= from)
			floor = k;
	if (floor == SIZE_MAX && tag == before)
		return true;
	for (size_t k = floor == SIZE_MAX ? 0 : floor; k < h->n && h->v[k].begin <= n;
	     k++)
		if (h->v[k].tag == tag)
			return true;
	return false;
}

/* The last operation position that counts as safe at n. */
static size_t safe_position(const struct sim *s, size_t n, bool power)
{
	size_t from = 0;

	if (!power)
		return n;
	for (size_t i = 0; i < s->flushes; i++)
		if (s->flush[i].ack <= n && s->flush[i].begin > from)
			from = s->flush[i].begin;
	return from;
}

static struct overlay *open_image(const struct image *img, struct sim **recovery,
				  uint8_t boot)
{
	uint8_t id[OVERLAY_BOOT_LEN] = { boot };
	struct overlay_io io;
	struct overlay *ov = NULL;
	char *why = NULL;
	int err;

	*recovery = sim_new(img->bytes, img->size);
	io = rec_io(*recovery);
	err = overlay_open((*recovery)->fd, false, &the_base, id, &io, &ov, &why);
	if (err)
		fail_msg("open: %s (%s)", strerror(-err), why ? why : "");
	return ov;
}

/* Opens img and looks at every sector. before[]: what they held at first. The
 * overlay is left open; what recovery did is in *recovery. */
static struct overlay *check(const struct sim *s, const struct image *img, size_t n,
			     bool power, const uint32_t *before, uint8_t boot,
			     struct sim **recovery, uint32_t *now)
{
	size_t from = safe_position(s, n, power);
	struct overlay *ov = open_image(img, recovery, boot);

	for (unsigned i = 0; i < SECTORS; i++) {
		now[i] = sector_tag(ov, i);
		if (!allowed(&s->sector[i], n, from, before[i], now[i]))
			fail_msg("%s at operation %zu of %zu: sector %u holds %u",
				 power ? "power" : "kill", n, s->ops, i, now[i]);
	}
	return ov;
}

static void drop(struct overlay *ov, struct sim *s)
{
	assert_int_equal(overlay_close(ov), 0);
	sim_free(s);
}

/* A crash at n; then another one during the recovery from it. */
static void check_twice(const struct sim *s, size_t n, bool power, const uint32_t *before,
			uint64_t *state)
{
	static struct image img, again;
	struct sim *recovery, *second;
	uint32_t now[SECTORS];
	struct overlay *ov;
	size_t stop;

	crash(s, n, power, &img, state);
	ov = check(s, &img, n, power, before, power ? 2 : 1, &recovery, now);
	stop = rnd(state) % (recovery->ops + 1);
	crash(recovery, stop, power, &again, state);
	drop(ov, recovery);
	ov = check(s, &again, n, power, before, power ? 3 : 1, &second, now);
	drop(ov, second);
}

/* ------------------------------------------------------------------- tests */

/* One thread, from an empty file on; every prefix, several times each. */
static void test_every_prefix(void **state)
{
	struct sim *s = sim_new(NULL, 0);
	struct overlay_io io = rec_io(s);
	uint8_t boot[OVERLAY_BOOT_LEN] = { 1 };
	uint32_t before[SECTORS] = { 0 };
	struct overlay *ov;

	(void)state;
	assert_int_equal(overlay_open(s->fd, false, &the_base, boot, &io, &ov, NULL), 0);
	for (uint32_t step = 2; step < 200; step++) {
		change_randomly(s, ov, 0, SECTORS, step, &seed);
		if (rnd(&seed) % 8 == 0)
			flush_once(s, ov);
	}
	assert_true(s->ops > 250 && s->flushes > 5);
	for (size_t n = 0; n <= s->ops; n++) {
		check_twice(s, n, false, before, &seed);
		for (int i = 0; i < 6; i++)
			check_twice(s, n, true, before, &seed);
	}
	drop(ov, s);
}

/* Crash after crash after crash, each time going on with what is there. */
static void test_generations(void **state)
{
	static struct image img;
	uint32_t before[SECTORS] = { 0 }, now[SECTORS];
	uint32_t tag = 2;
	uint8_t boot = 1;
	struct sim *s, *next;
	struct overlay *ov, *recovered;

	(void)state;
	img.size = 0;
	ov = open_image(&img, &s, boot);
	for (int generation = 0; generation < 1500; generation++) {
		bool power = rnd(&seed) % 3;
		size_t n;

		for (int step = 0; step < 12; step++) {
			change_randomly(s, ov, 0, SECTORS, tag++, &seed);
			if (rnd(&seed) % 6 == 0)
				flush_once(s, ov);
		}
		n = rnd(&seed) % (s->ops + 1);
		crash(s, n, power, &img, &seed);
		boot = (uint8_t)(boot + power);
		recovered = check(s, &img, n, power, before, boot, &next, now);
		/* A killed process's unflushed writes are still unflushed: go on
		 * from a flush, so that what is there is what must stay. */
		flush_once(next, recovered);
		memcpy(before, now, sizeof(before));
		drop(ov, s);
		s = next;
		ov = recovered;
		crash(s, s->ops, false, &img, &seed);
		memcpy(s->start, img.bytes, img.size);
		s->start_size = img.size;
		for (size_t i = 0; i < s->ops; i++)
			free(s->op[i].data);
		s->ops = s->flushes = 0;
	}
	drop(ov, s);
}

struct writer {
	struct sim *s;
	struct overlay *ov;
	unsigned lo, hi, number;
	pthread_t thread;
};

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	uint64_t state = 77 + w->number;

	for (uint32_t step = 0; step < 60; step++, usleep(150))
		change_randomly(w->s, w->ov, w->lo, w->hi, 2 + step * 8 + w->number,
				&state);
	return NULL;
}

/* Four threads that write sectors of the same map words, one that flushes. */
static void test_concurrent(void **state)
{
	struct sim *s = sim_new(NULL, 0);
	struct overlay_io io = rec_io(s);
	uint8_t boot[OVERLAY_BOOT_LEN] = { 1 };
	uint32_t before[SECTORS] = { 0 };
	struct writer w[4];
	struct overlay *ov;

	(void)state;
	s->slow_sync = true;
	assert_int_equal(overlay_open(s->fd, false, &the_base, boot, &io, &ov, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct writer){ s, ov, i * 31, i * 31 + 31, i, 0 };
		assert_int_equal(pthread_create(&w[i].thread, NULL, writer_main, &w[i]),
				 0);
	}
	for (int i = 0; i < 30; i++) {
		flush_once(s, ov);
		usleep(200);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(w[i].thread, NULL);
	for (size_t n = 0; n <= s->ops; n++)
		for (int i = 0; i < 3; i++)
			check_twice(s, n, i > 0, before, &seed);
	drop(ov, s);
}

/* A sync during which another sector of the same map word is written. */
struct intruder {
	struct overlay_io plain;
	struct overlay *ov;
	unsigned sector;
};

static int intruding_sync(void *ctx, int fd)
{
	struct intruder *in = ctx;
	uint8_t buf[UNIT] = { 9 };
	struct iovec iov = { buf, UNIT };

	(void)fd;
	if (in->ov)
		assert_int_equal(overlay_write(in->ov, in->sector++ * UNIT, UNIT, &iov,
					       1),
				 0);
	return 0;
}

static int intruder_write(void *ctx, int fd, const struct iovec *iov, int n, uint64_t off)
{
	(void)ctx;
	return pwritev(fd, iov, n, (off_t)off) < 0 ? -errno : 0;
}

static int intruder_resize(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return ftruncate(fd, (off_t)size) ? -errno : 0;
}

static int intruder_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	(void)ctx;
	(void)fd;
	(void)off;
	(void)len;
	return -EOPNOTSUPP;
}

/* Written while a flush syncs: that flush must not settle it, whether what it
 * does settle was written now or found at opening. */
static void test_written_during_sync(void **state)
{
	struct intruder in = { .sector = 1 };
	struct overlay_io io = { &in, intruder_write, intruding_sync, intruder_punch,
				 intruder_resize };
	uint8_t boot[OVERLAY_BOOT_LEN] = { 1 }, buf[UNIT] = { 7 };
	struct iovec iov = { buf, UNIT };
	int fd = memfd_create("overlay", MFD_CLOEXEC), copy = dup(fd);
	struct overlay_stat st;
	struct overlay *ov;

	(void)state;
	assert_int_equal(overlay_open(fd, false, &the_base, boot, &io, &ov, NULL), 0);
	assert_false(overlay_can_discard(ov));
	assert_int_equal(overlay_write(ov, 0, UNIT, &iov, 1), 0);
	in.ov = ov;
	assert_int_equal(overlay_flush(ov), 0); /* two syncs */
	in.ov = NULL;
	overlay_stats(ov, &st);
	assert_int_equal(st.settled, 1);
	assert_int_equal(st.pending, 2);
	/* As after a kill: nothing flushed, opened again in the same boot. The
	 * lock goes with the description, which dup() shares. */
	struct overlay *again;

	assert_int_equal(overlay_open(copy, false, &the_base, boot, &io, &again, NULL),
			 0);
	in.ov = again;
	assert_int_equal(overlay_flush(again), 0);
	in.ov = NULL;
	overlay_stats(again, &st);
	assert_int_equal(st.settled, 3);
	assert_int_equal(st.pending, 2);
	assert_int_equal(overlay_close(again), 0);
	assert_int_equal(overlay_close(ov), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_concurrent),
		cmocka_unit_test(test_written_during_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
