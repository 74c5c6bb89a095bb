/* SPDX-License-Identifier: MIT */
/* The seek table, frames and the cache, on sound and on hostile images. */
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

#include "backends/block/zimage/overlay.h"
#include "backends/block/zimage/zcache.h"
#include "tests/lib/zbuild.h"

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Sizes of n frames between 1 and max, some of them 0. */
static uint32_t *odd_sizes(unsigned n, uint32_t max, uint64_t seed)
{
	uint32_t *sizes = calloc(n, sizeof(*sizes));

	for (unsigned i = 0; i < n; i++)
		sizes[i] = rnd(&seed) % 7 ? 1 + (uint32_t)(rnd(&seed) % max) : 0;
	sizes[n / 2] = max;
	return sizes;
}

/*
 * Reads every frame of the image in bytes. Returns how many came right; the
 * test fails if one came wrong: what was read must be right or an error.
 */
static int read_all(const uint8_t *bytes, size_t len, const struct zbuild *b)
{
	int fd = zbuild_fd(bytes, len), good = 0, err;
	struct zdec *dec = zdec_new();
	struct zimage z;
	char *why = NULL;

	err = zimage_open(fd, &z, &why);
	if (err) {
		assert_non_null(why);
		assert_null(strchr(why, '\n'));
		free(why);
		close(fd);
		zdec_free(dec);
		return -1;
	}
	for (uint32_t i = 0; i < z.table.frames; i++) {
		struct seekframe f = seektable_frame(&z.table, i);
		uint8_t *out = malloc(f.len + 1);

		out[f.len] = 0xa5;
		err = zdec_frame(dec, &z, i, out);
		assert_int_equal(out[f.len], 0xa5);
		if (!err && f.len) {
			assert_true(f.off + f.len <= b->disk_len);
			assert_memory_equal(out, b->disk + f.off, f.len);
		}
		good += !err;
		free(out);
	}
	zdec_free(dec);
	zimage_close(&z);
	return good;
}

static void test_find(void **state)
{
	static const unsigned counts[] = { 1, 2, 63, 64, 65, 128, 129, 500 };

	(void)state;
	for (unsigned c = 0; c < 8; c++)
		for (int uniform = 0; uniform < 2; uniform++) {
			uint32_t *sizes = odd_sizes(counts[c], 300, c + 1);
			struct seektable t;
			struct zbuild b;
			uint64_t off = 0;
			int fd;

			for (unsigned i = 0; uniform && i < counts[c]; i++)
				sizes[i] = i + 1 < counts[c] ? 200 : 77;
			zbuild_make(&b, sizes, counts[c], c % 4);
			fd = zbuild_fd(b.file, b.file_len);
			assert_int_equal(seektable_read(fd, &t, NULL), 0);
			assert_int_equal(t.size, b.disk_len);
			if (uniform)
				assert_int_equal(t.uniform, counts[c] > 1 ? 200 : 77);
			assert_int_equal(t.frames, counts[c] + (c % 4 > 1));
			for (unsigned i = 0; i < counts[c]; off += sizes[i++]) {
				struct seekframe f = seektable_frame(&t, i);
				struct seekplace p = seektable_place(&t, i);

				assert_int_equal(f.off, off);
				assert_int_equal(f.len, sizes[i]);
				assert_int_equal(p.off, off);
				assert_int_equal(p.len, sizes[i]);
				for (uint32_t k = 0; k < sizes[i]; k += 13)
					assert_int_equal(seektable_find(&t, off + k), i);
				if (sizes[i])
					assert_int_equal(
						seektable_find(&t, off + sizes[i] - 1),
						i);
			}
			seektable_free(&t);
			close(fd);
			zbuild_free(&b);
			free(sizes);
		}
}

static void test_odd_frames(void **state)
{
	(void)state;
	for (int sums = 0; sums < 2; sums++) {
		uint32_t *sizes = odd_sizes(150, 70000, 9);
		struct zbuild b;

		zbuild_make(&b, sizes, 150, sums ? ZBUILD_SUMS : 0);
		assert_int_equal(read_all(b.file, b.file_len, &b), 150);
		zbuild_free(&b);
		free(sizes);
	}
}

/* Cut off anywhere, and with bytes missing in the middle. */
static void test_truncated(void **state)
{
	static const uint32_t sizes[] = { 700, 0, 3000, 3000, 1 };
	struct zbuild b;

	(void)state;
	zbuild_make(&b, sizes, 5, ZBUILD_SUMS);
	for (size_t len = 0; len < b.file_len; len++)
		assert_int_equal(read_all(b.file, len, &b), -1);
	assert_int_equal(read_all(b.file, b.file_len, &b), 5);
	for (size_t cut = 0; cut + 90 < b.file_len; cut++) {
		uint8_t *bytes = malloc(b.file_len);

		memcpy(bytes, b.file, cut);
		memcpy(bytes + cut, b.file + cut + 1, b.file_len - cut - 1);
		assert_int_equal(read_all(bytes, b.file_len - 1, &b), -1);
		free(bytes);
	}
	zbuild_free(&b);
}

/* Every byte in turn: what is read is right or an error. */
static void test_corrupt(void **state)
{
	static const uint32_t sizes[] = { 700, 0, 3000, 3000, 1 };
	uint64_t seed = 3;
	struct zbuild b;
	int refused = 0, hurt = 0;

	(void)state;
	zbuild_make(&b, sizes, 5, ZBUILD_SUMS | ZBUILD_SEAL);
	for (size_t at = 0; at < b.file_len; at++)
		for (int i = 0; i < 3; i++) {
			uint8_t was = b.file[at];
			int good;

			b.file[at] = i ? (uint8_t)rnd(&seed) : (uint8_t)~was;
			good = read_all(b.file, b.file_len, &b);
			refused += good < 0;
			hurt += good >= 0 && good < 6;
			b.file[at] = was;
		}
	assert_true(refused > 100 && hurt > 1000);
	assert_int_equal(read_all(b.file, b.file_len, &b), 6);
	zbuild_free(&b);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Tables that ask for too much, each consistent with itself. */
static void test_greedy_tables(void **state)
{
	static const uint32_t sizes[] = { 700, 3000 };
	struct zbuild b;
	uint8_t *footer, *entries;

	(void)state;
	zbuild_make(&b, sizes, 2, ZBUILD_SUMS);
	footer = b.file + b.file_len - 9;
	entries = footer - 24;
	put32(entries + 16, ZIMAGE_FRAME_MAX + 1);
	assert_int_equal(read_all(b.file, b.file_len, &b), -1);
	put32(entries + 16, ZIMAGE_FRAME_MAX); /* allowed, but not what is in it */
	assert_int_equal(read_all(b.file, b.file_len, &b), 1);
	put32(entries + 16, 3000);
	for (unsigned bit = 0; bit < 32; bit++) {
		put32(footer, 2 ^ 1u << bit);
		assert_int_equal(read_all(b.file, b.file_len, &b), -1);
	}
	put32(footer, 2);
	for (unsigned bit = 2; bit < 7; bit++) {
		footer[4] = (uint8_t)(0x80 | 1u << bit);
		assert_int_equal(read_all(b.file, b.file_len, &b), -1);
	}
	footer[4] = 0x83; /* bits 0 and 1 mean nothing */
	assert_int_equal(read_all(b.file, b.file_len, &b), 2);
	zbuild_free(&b);
}

/* ------------------------------------------------------------------- cache */

#define FRAME  4096u
#define FRAMES 200u

struct reader {
	struct zcache *cache;
	const struct zbuild *b;
	uint64_t seed;
	unsigned wrong;
	pthread_t thread;
};

struct waiter {
	struct zwait wait;
	const struct zbuild *b;
	uint32_t index;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done, wrong;
};

static void frame_came(struct zwait *w, const uint8_t *data, int err)
{
	struct waiter *me = (struct waiter *)w;

	pthread_mutex_lock(&me->lock);
	me->wrong = err || memcmp(data, me->b->disk + me->index * FRAME, FRAME);
	me->done = true;
	pthread_cond_signal(&me->cond);
	pthread_mutex_unlock(&me->lock);
}

static bool read_cached(struct zcache *c, const struct zbuild *b, uint32_t index)
{
	struct zframe *f = zcache_hit(c, index);
	struct waiter w = { .wait.fn = frame_came, .b = b, .index = index };
	bool good;

	if (f) {
		good = !memcmp(zframe_data(f), b->disk + index * FRAME, FRAME);
		zcache_put(f);
		return good;
	}
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.cond, NULL);
	if (zcache_wait(c, index, &w.wait))
		return false;
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.cond, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.cond);
	pthread_mutex_destroy(&w.lock);
	return !w.wrong;
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;

	for (int i = 0; i < 3000; i++) {
		uint32_t index = (uint32_t)(rnd(&r->seed) % FRAMES);

		if (rnd(&r->seed) % 16 == 0)
			zcache_ahead(r->cache, index);
		r->wrong += !read_cached(r->cache, r->b, index);
	}
	return NULL;
}

/* Readers on a cache of `bytes`; its counters afterwards. */
static struct zcache_stats run_readers(uint64_t bytes)
{
	uint32_t sizes[FRAMES];
	struct zcache_stats st;
	struct zcache *cache;
	struct zpool *pool;
	struct reader r[4];
	struct zbuild b;
	struct zimage z;

	for (unsigned i = 0; i < FRAMES; i++)
		sizes[i] = FRAME;
	zbuild_make(&b, sizes, FRAMES, ZBUILD_SUMS);
	assert_int_equal(zimage_open(zbuild_fd(b.file, b.file_len), &z, NULL), 0);
	assert_int_equal(zpool_new(3, &pool), 0);
	assert_int_equal(zcache_new(&z, pool, bytes, &cache), 0);
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){ cache, &b, i + 1, 0, 0 };
		assert_int_equal(pthread_create(&r[i].thread, NULL, reader_main, &r[i]),
				 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(r[i].thread, NULL);
		assert_int_equal(r[i].wrong, 0);
	}
	zpool_free(pool);
	zcache_stats(cache, &st);
	zcache_free(cache);
	zimage_close(&z);
	zbuild_free(&b);
	return st;
}

static void test_cache_loads_once(void **state)
{
	struct zcache_stats st = run_readers(64 << 20);

	(void)state;
	assert_int_equal(st.misses + st.ahead, FRAMES);
	assert_int_equal(st.evicted, 0);
	assert_true(st.hits > 8000);
}

static void test_cache_bounded(void **state)
{
	struct zcache_stats st = run_readers(20 * (FRAME + 256));

	(void)state;
	assert_true(st.bytes <= 20 * (FRAME + 256));
	assert_true(st.evicted > 1000);
	st = run_readers(0);
	assert_true(st.bytes <= FRAME + 256);
}

/* A damaged frame is an error for all who wait and is tried anew. */
static void test_cache_error(void **state)
{
	static const uint32_t sizes[] = { FRAME, FRAME };
	struct zcache_stats st;
	struct zcache *cache;
	struct zpool *pool;
	struct zbuild b;
	struct zimage z;

	(void)state;
	zbuild_make(&b, sizes, 2, ZBUILD_SUMS);
	b.file[100] ^= 1;
	assert_int_equal(zimage_open(zbuild_fd(b.file, b.file_len), &z, NULL), 0);
	assert_int_equal(zpool_new(1, &pool), 0);
	assert_int_equal(zcache_new(&z, pool, 1 << 20, &cache), 0);
	for (int i = 0; i < 3; i++) {
		assert_false(read_cached(cache, &b, 0));
		assert_true(read_cached(cache, &b, 1));
	}
	zpool_free(pool);
	zcache_stats(cache, &st);
	assert_int_equal(st.misses, 4);
	zcache_free(cache);
	zimage_close(&z);
	zbuild_free(&b);
}

/* ----------------------------------------------------------------- overlay */

static int try_overlay(int fd, const struct overlay_base *base, struct overlay **ov)
{
	static const uint8_t boot[OVERLAY_BOOT_LEN] = { 1 };
	char *why = NULL;
	int err = overlay_open(fd, false, base, boot, NULL, ov, &why);

	assert_true(!err == !why);
	free(why);
	return err;
}

static void test_overlay_identity(void **state)
{
	struct overlay_base base = { 1000, 1 << 20, { 1 } }, other, next = base;
	int fd = zbuild_fd(NULL, 0), keep = dup(fd);
	uint8_t buf[512] = { 1 }, byte;
	struct iovec iov = { buf, 512 };
	struct overlay *ov;
	bool present;

	(void)state;
	assert_int_equal(try_overlay(fd, &base, &ov), 0);
	assert_int_equal(overlay_write(ov, 512, 512, &iov, 1), 0);
	assert_int_equal(overlay_close(ov), 0);
	for (int i = 0; i < 3; i++) {
		other = base;
		other.file_size += i == 0;
		other.size += i == 1 ? 4096 : 0;
		other.id[5] ^= i == 2;
		fd = dup(keep);
		assert_int_equal(try_overlay(fd, &other, &ov), -ESTALE);
		close(fd);
	}
	for (off_t at = 0; at < 104; at++) { /* every byte of the header */
		assert_int_equal(pread(keep, &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(keep, &byte, 1, at), 1);
		fd = dup(keep);
		assert_int_equal(try_overlay(fd, &base, &ov), -EBADMSG);
		close(fd);
		byte ^= 0x10;
		assert_int_equal(pwrite(keep, &byte, 1, at), 1);
	}
	assert_int_equal(try_overlay(dup(keep), &base, &ov), 0);
	assert_int_equal(overlay_run(ov, 0, 4096, &present), 512);
	assert_false(present);
	assert_int_equal(overlay_run(ov, 512, 4096, &present), 512);
	assert_true(present);
	/* Merged into the next base: both agree, each sees what is right. */
	next.id[0] = 77;
	assert_int_equal(overlay_mark_merged(ov, &next), 0);
	assert_int_equal(overlay_close(ov), 0);
	assert_int_equal(try_overlay(dup(keep), &base, &ov), 0);
	(void)overlay_run(ov, 512, 512, &present);
	assert_true(present);
	assert_int_equal(overlay_close(ov), 0);
	assert_int_equal(try_overlay(dup(keep), &next, &ov), 0);
	assert_int_equal(overlay_run(ov, 0, 1 << 20, &present), 1 << 20);
	assert_false(present);
	assert_int_equal(overlay_close(ov), 0);
	fd = dup(keep);
	assert_int_equal(try_overlay(fd, &base, &ov), -ESTALE);
	close(fd);
	close(keep);
}

static void test_overlay_damage(void **state)
{
	struct overlay_base base = { 1000, 1 << 20, { 1 } };
	int keep = zbuild_fd(NULL, 0), fd;
	uint8_t invalid = 0x08;
	struct overlay *ov;
	off_t size;

	(void)state;
	assert_int_equal(try_overlay(dup(keep), &base, &ov), 0);
	assert_int_equal(overlay_close(ov), 0);
	size = lseek(keep, 0, SEEK_END);
	assert_int_equal(ftruncate(keep, size - 1), 0);
	fd = dup(keep);
	assert_int_equal(try_overlay(fd, &base, &ov), -EBADMSG);
	assert_int_equal(ftruncate(keep, size), 0);
	assert_int_equal(pwrite(keep, &invalid, 1, 4096 + 100), 1);
	assert_int_equal(try_overlay(fd, &base, &ov), -EBADMSG);
	close(fd);
	close(keep);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_odd_frames),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_greedy_tables),
		cmocka_unit_test(test_cache_loads_once),
		cmocka_unit_test(test_cache_bounded),
		cmocka_unit_test(test_cache_error),
		cmocka_unit_test(test_overlay_identity),
		cmocka_unit_test(test_overlay_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
