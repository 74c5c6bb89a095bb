/* SPDX-License-Identifier: MIT */
/* The overlay's map: two bits a sector, in the file and in memory. */
#include "backends/block/zimage/overlay_int.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t map_word(const struct overlay *ov, uint64_t i)
{
	/* acquire: pairs with the release in page_store() */
	return le64toh(atomic_load_explicit(&ov->map[i], memory_order_acquire));
}

/* Both bits of sectors [first, last] of one word. */
static uint64_t word_mask(unsigned first, unsigned last)
{
	uint64_t mask = UINT64_MAX << (first * 2);

	return last == MAP_WORD_SECTORS - 1 ? mask
					    : mask & ~(UINT64_MAX << (last * 2 + 2));
}

static int log_add(struct overlay *ov, uint64_t first, uint64_t count)
{
	struct pending_log *log = &ov->log;
	struct extent *e;
	int err = 0;

	pthread_mutex_lock(&ov->log_lock);
	e = log->count ? &log->extent[log->count - 1] : NULL;
	if (e && first >= e->first && first <= e->first + e->count) {
		if (first + count > e->first + e->count)
			e->count = first + count - e->first;
		goto out;
	}
	if (log->count == log->room) {
		size_t room = log->room ? log->room * 2 : 64;

		e = reallocarray(log->extent, room, sizeof(*e));
		if (!e) {
			err = -ENOMEM;
			goto out;
		}
		log->extent = e;
		log->room = room;
	}
	log->extent[log->count++] = (struct extent){ first, count };
	atomic_store_explicit(&ov->log_count, log->count, memory_order_relaxed);
out:
	pthread_mutex_unlock(&ov->log_lock);
	return err;
}

static int page_write(struct overlay *ov, uint64_t page, const uint64_t *words)
{
	struct iovec iov = { (void *)(uintptr_t)words, MAP_PAGE };

	return ov->io.write(ov->io.ctx, ov->fd, &iov, 1,
			    OVERLAY_HEADER_LEN + page * MAP_PAGE);
}

static void page_store(struct overlay *ov, uint64_t page, const uint64_t *words)
{
	unsigned i;

	for (i = 0; i < MAP_PAGE_WORDS; i++)
		atomic_store_explicit(&ov->map[page * MAP_PAGE_WORDS + i], words[i],
				      memory_order_release);
}

/* words = the page with the change made. Did it change anything? */
static bool page_change(const struct overlay *ov, uint64_t page, uint64_t *words,
			unsigned first, unsigned last, enum map_change to)
{
	bool changed = false;
	unsigned i;

	for (i = 0; i < MAP_PAGE_WORDS; i++) {
		unsigned lo = i * MAP_WORD_SECTORS, hi = lo + MAP_WORD_SECTORS - 1;
		uint64_t old = map_word(ov, page * MAP_PAGE_WORDS + i), new = old, mask;

		if (first <= hi && last >= lo) {
			mask = MAP_PRESENT & word_mask(first > lo ? first - lo : 0,
						       last < hi ? last - lo : hi - lo);
			new |= to == MAP_TO_PENDING ? mask : (old & mask) << 1;
		}
		changed |= new != old;
		words[i] = htole64(new);
	}
	return changed;
}

static int map_change_page(struct overlay *ov, uint64_t page, unsigned first,
			   unsigned last, enum map_change to)
{
	pthread_mutex_t *lock = &ov->page_lock[page % MAP_LOCKS];
	uint64_t words[MAP_PAGE_WORDS];
	int err = 0;

	pthread_mutex_lock(lock);
	if (!page_change(ov, page, words, first, last, to))
		goto out;
	err = page_write(ov, page, words);
	/* Logged before it is seen: who finds a sector present may rely on the
	 * next flush settling it. */
	if (!err && to == MAP_TO_PENDING)
		err = log_add(ov, page * MAP_PAGE_SECTORS + first, last - first + 1);
	if (!err)
		page_store(ov, page, words);
out:
	pthread_mutex_unlock(lock);
	return err;
}

int map_change(struct overlay *ov, uint64_t first, uint64_t count, enum map_change to)
{
	uint64_t end = first + count;
	int err = 0;

	while (!err && first < end) {
		uint64_t page = first / MAP_PAGE_SECTORS;
		uint64_t next = (page + 1) * MAP_PAGE_SECTORS;

		if (next > end)
			next = end;
		err = map_change_page(ov, page, (unsigned)(first % MAP_PAGE_SECTORS),
				      (unsigned)((next - 1) % MAP_PAGE_SECTORS), to);
		first = next;
	}
	return err;
}

uint64_t overlay_run(const struct overlay *ov, uint64_t off, uint64_t len, bool *present)
{
	uint64_t s = off / OVERLAY_SECTOR, end = s + len / OVERLAY_SECTOR, i;
	uint64_t word = map_word(ov, s / MAP_WORD_SECTORS);
	uint64_t other; /* a bit where a sector is unlike the first */

	*present = word >> (s % MAP_WORD_SECTORS * 2) & 1;
	other = (*present ? ~word : word) & MAP_PRESENT;
	other &= UINT64_MAX << (s % MAP_WORD_SECTORS * 2);
	i = s / MAP_WORD_SECTORS;
	while (!other && (i + 1) * MAP_WORD_SECTORS < end) {
		word = map_word(ov, ++i);
		other = (*present ? ~word : word) & MAP_PRESENT;
	}
	if (other) {
		uint64_t stop =
			i * MAP_WORD_SECTORS + (unsigned)__builtin_ctzll(other) / 2;

		if (stop < end)
			end = stop;
	}
	return (end - s) * OVERLAY_SECTOR;
}

/* The states of one stretch just read: anything at all, anything invalid? */
static int map_check(struct overlay *ov, uint64_t from, uint64_t len, char **why)
{
	uint64_t i;

	for (i = from / 8; i < (from + len) / 8; i++) {
		uint64_t word = map_word(ov, i);
		uint64_t invalid = ~word & word >> 1 & MAP_PRESENT;

		ov->any |= word != 0;
		if (!invalid)
			continue;
		i = i * MAP_WORD_SECTORS + (unsigned)__builtin_ctzll(invalid) / 2;
		return zimage_why(why, -EBADMSG,
				  "overlay: the map is damaged (sector %" PRIu64 ")", i);
	}
	return 0;
}

int map_load(struct overlay *ov, char **why)
{
	uint64_t end = OVERLAY_HEADER_LEN + ov->map_len, off = OVERLAY_HEADER_LEN;

	while (off < end) {
		off_t data = lseek(ov->fd, (off_t)off, SEEK_DATA), hole;
		uint64_t stop = end;
		int err;

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0) /* a file system without holes: read it all */
			data = (off_t)off;
		else if ((hole = lseek(ov->fd, data, SEEK_HOLE)) > data)
			stop = (uint64_t)hole < end ? (uint64_t)hole : end;
		if ((uint64_t)data >= end)
			break;
		err = zimage_pread(ov->fd,
				   (char *)ov->map +
					   ((uint64_t)data - OVERLAY_HEADER_LEN),
				   stop - (uint64_t)data, (uint64_t)data);
		if (err)
			return zimage_why(why, err, "overlay: cannot read the map: %s",
					  strerror(-err));
		err = map_check(ov, (uint64_t)data - OVERLAY_HEADER_LEN,
				stop - (uint64_t)data, why);
		if (err)
			return err;
		off = stop;
	}
	return 0;
}

/* Logs the runs of set bits in pending: those sectors and no others, as only
 * their data will be synced by the flush that settles them. */
static int log_bits(struct overlay *ov, uint64_t first, uint64_t pending)
{
	int err = 0;

	while (pending && !err) {
		unsigned lo = (unsigned)__builtin_ctzll(pending) / 2;
		uint64_t rest = ~(pending >> (lo * 2)) & MAP_PRESENT;
		unsigned n = rest ? (unsigned)__builtin_ctzll(rest) / 2
				  : MAP_WORD_SECTORS - lo;

		if (n > MAP_WORD_SECTORS - lo)
			n = MAP_WORD_SECTORS - lo;
		err = log_add(ov, first + lo, n);
		pending &= ~word_mask(lo, lo + n - 1);
	}
	return err;
}

/* One page: PENDING is logged, or dropped. */
static int recover_page(struct overlay *ov, uint64_t page, bool drop)
{
	uint64_t words[MAP_PAGE_WORDS];
	bool changed = false;
	int err = 0;
	unsigned i;

	for (i = 0; i < MAP_PAGE_WORDS; i++) {
		uint64_t n = page * MAP_PAGE_WORDS + i, word = map_word(ov, n);
		uint64_t pending = word & ~(word >> 1) & MAP_PRESENT;

		if (pending && !drop && !err)
			err = log_bits(ov, n * MAP_WORD_SECTORS, pending);
		if (pending && drop)
			word &= ~(pending * 3);
		changed |= pending && drop;
		words[i] = htole64(word);
	}
	if (err || !changed)
		return err;
	if (!ov->readonly)
		err = page_write(ov, page, words);
	if (!err)
		page_store(ov, page, words);
	return err;
}

int map_recover(struct overlay *ov, bool drop)
{
	uint64_t page;
	int err = 0;

	for (page = 0; !err && page < ov->map_len / MAP_PAGE; page++)
		err = recover_page(ov, page, drop);
	return err;
}

void overlay_stats(const struct overlay *ov, struct overlay_stat *st)
{
	uint64_t i;

	*st = (struct overlay_stat){ .size = ov->size,
				     .data_off = ov->data_off,
				     .same_boot = ov->same_boot };
	for (i = 0; i < ov->map_len / 8; i++) {
		uint64_t word = map_word(ov, i), settled;

		if (!word)
			continue;
		settled = word >> 1 & MAP_PRESENT;
		word &= MAP_PRESENT;
		st->settled += (unsigned)__builtin_popcountll(word & settled);
		st->pending += (unsigned)__builtin_popcountll(word & ~settled);
		st->invalid += (unsigned)__builtin_popcountll(~word & settled);
	}
}
