/* SPDX-License-Identifier: MIT */
/*
 * Crash consistency of the overlay (overlay.h says how it works), on a file that
 * is rebuilt as a crash would have left it (tests/lib/crashfile.h).
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
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/crashfile.h"

#define UNIT	 CRASHFILE_UNIT
#define SECTORS	 128u
#define DISK	 (SECTORS * UNIT)
#define TAG_BASE 0u
/* A discarded sector reads as zeros: in the overlay that is this tag. */
#define TAG_ZERO 1u

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
	struct crashfile file;
	struct history sector[SECTORS];
	struct flush *flush;
	size_t flushes;
};

static struct overlay_base the_base = { .file_size = 4711,
					.size = DISK,
					.id = { 1, 2, 3 } };
static const struct crashfile_image empty;
static uint64_t seed = 12345;

static uint64_t rnd(uint64_t *s)
{
	return crashfile_random(s);
}

static struct sim *sim_new(const struct crashfile_image *start)
{
	struct sim *s = calloc(1, sizeof(*s));

	crashfile_init(&s->file, start);
	return s;
}

static void sim_free(struct sim *s)
{
	for (unsigned i = 0; i < SECTORS; i++)
		free(s->sector[i].v);
	free(s->flush);
	crashfile_exit(&s->file);
	free(s);
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
	size_t begin = crashfile_position(&s->file);
	int err;

	fill_sectors(buf, n, tag);
	for (unsigned i = first; i < first + n; i++)
		sector_given(s, i, tag, begin);
	if (tag == TAG_ZERO)
		err = overlay_discard(ov, first * UNIT, n * UNIT);
	else
		err = overlay_write(ov, first * UNIT, n * UNIT, iov, n > 1 ? 2 : 1);
	assert_int_equal(err, 0);
	begin = crashfile_position(&s->file);
	for (unsigned i = first; i < first + n; i++)
		sector_acked(s, i, begin);
}

static void flush_once(struct sim *s, struct overlay *ov)
{
	struct flush f = { .begin = crashfile_position(&s->file) };

	assert_int_equal(overlay_flush(ov), 0);
	f.ack = crashfile_position(&s->file);
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

/* ------------------------------------------------------------------- check */

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

static struct overlay *open_image(const struct crashfile_image *img,
				  struct sim **recovery, uint8_t boot)
{
	uint8_t id[OVERLAY_BOOT_LEN] = { boot };
	struct overlay_io io;
	struct overlay *ov = NULL;
	char *why = NULL;
	int err;

	*recovery = sim_new(img);
	io = crashfile_io(&(*recovery)->file);
	err = overlay_open((*recovery)->file.fd, false, &the_base, id, &io, &ov, &why);
	if (err)
		fail_msg("open: %s (%s)", strerror(-err), why ? why : "");
	return ov;
}

/* Opens img and looks at every sector. before[]: what they held at first. The
 * overlay is left open; what recovery did is in *recovery. */
static struct overlay *check(const struct sim *s, const struct crashfile_image *img,
			     size_t n, bool power, const uint32_t *before, uint8_t boot,
			     struct sim **recovery, uint32_t *now)
{
	size_t from = safe_position(s, n, power);
	struct overlay *ov = open_image(img, recovery, boot);

	for (unsigned i = 0; i < SECTORS; i++) {
		now[i] = sector_tag(ov, i);
		if (!allowed(&s->sector[i], n, from, before[i], now[i]))
			fail_msg("%s at operation %zu of %zu: sector %u holds %u",
				 power ? "power" : "kill", n, s->file.ops, i, now[i]);
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
	static struct crashfile_image img, again;
	struct sim *recovery, *second;
	uint32_t now[SECTORS];
	struct overlay *ov;
	size_t stop;

	crashfile_crash(&s->file, n, power, &img, state);
	ov = check(s, &img, n, power, before, power ? 2 : 1, &recovery, now);
	stop = rnd(state) % (recovery->file.ops + 1);
	crashfile_crash(&recovery->file, stop, power, &again, state);
	drop(ov, recovery);
	ov = check(s, &again, n, power, before, power ? 3 : 1, &second, now);
	drop(ov, second);
}

/* ------------------------------------------------------------------- tests */

/* One thread, from an empty file on; every prefix, several times each. */
static void test_every_prefix(void **state)
{
	struct sim *s = sim_new(&empty);
	struct overlay_io io = crashfile_io(&s->file);
	uint8_t boot[OVERLAY_BOOT_LEN] = { 1 };
	uint32_t before[SECTORS] = { 0 };
	struct overlay *ov;

	(void)state;
	assert_int_equal(overlay_open(s->file.fd, false, &the_base, boot, &io, &ov, NULL),
			 0);
	for (uint32_t step = 2; step < 200; step++) {
		change_randomly(s, ov, 0, SECTORS, step, &seed);
		if (rnd(&seed) % 8 == 0)
			flush_once(s, ov);
	}
	assert_true(s->file.ops > 250 && s->flushes > 5);
	for (size_t n = 0; n <= s->file.ops; n++) {
		check_twice(s, n, false, before, &seed);
		for (int i = 0; i < 6; i++)
			check_twice(s, n, true, before, &seed);
	}
	drop(ov, s);
}

/* Crash after crash after crash, each time going on with what is there. */
static void test_generations(void **state)
{
	static struct crashfile_image img;
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
		n = rnd(&seed) % (s->file.ops + 1);
		crashfile_crash(&s->file, n, power, &img, &seed);
		boot = (uint8_t)(boot + power);
		recovered = check(s, &img, n, power, before, boot, &next, now);
		/* A killed process's unflushed writes are still unflushed: go on
		 * from a flush, so that what is there is what must stay. */
		flush_once(next, recovered);
		memcpy(before, now, sizeof(before));
		drop(ov, s);
		s = next;
		ov = recovered;
		crashfile_restart(&s->file);
		s->flushes = 0;
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
	struct sim *s = sim_new(&empty);
	struct overlay_io io = crashfile_io(&s->file);
	uint8_t boot[OVERLAY_BOOT_LEN] = { 1 };
	uint32_t before[SECTORS] = { 0 };
	struct writer w[4];
	struct overlay *ov;

	(void)state;
	s->file.slow_sync = true;
	assert_int_equal(overlay_open(s->file.fd, false, &the_base, boot, &io, &ov, NULL),
			 0);
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
	for (size_t n = 0; n <= s->file.ops; n++)
		for (int i = 0; i < 3; i++)
			check_twice(s, n, i > 0, before, &seed);
	drop(ov, s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_concurrent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
