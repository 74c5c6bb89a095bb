/* SPDX-License-Identifier: MIT */
/* Reading, checking and building the seek table of a zstd seekable image. */
#include "backends/block/zimage/seektable.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Sums up to every 64th entry: memory stays near the table's own size. */
#define MARK_EVERY 64u

struct seekmark {
	uint64_t file_off, off;
};

int zimage_why(char **why, int err, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return err;
	va_start(ap, fmt);
	if (vasprintf(why, fmt, ap) < 0)
		*why = NULL;
	va_end(ap);
	return err;
}

int zimage_pread(int fd, void *buf, size_t len, uint64_t off)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static const uint8_t *entry(const struct seektable *t, uint32_t i)
{
	return t->raw + (size_t)i * t->entry_len;
}

/* Reads the footer: number of frames and entry size, both plausible. */
static int read_footer(int fd, struct seektable *t, char **why)
{
	uint8_t footer[SEEKTABLE_FOOTER_LEN];
	uint64_t table_len;
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return zimage_why(why, -errno, "cannot read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return zimage_why(why, -EBADMSG, "not a regular file");
	t->file_size = (uint64_t)st.st_size;
	if (t->file_size < SEEKTABLE_HEADER_LEN + SEEKTABLE_FOOTER_LEN)
		return zimage_why(why, -EBADMSG,
				  "too short for a zstd seekable image (%" PRIu64
				  " bytes)",
				  t->file_size);
	err = zimage_pread(fd, footer, sizeof(footer), t->file_size - sizeof(footer));
	if (err)
		return zimage_why(why, err, "cannot read: %s", strerror(-err));
	if (get32(footer + 5) != SEEKTABLE_FOOTER_MAGIC)
		return zimage_why(why, -EBADMSG,
				  "no seek table at the end: truncated, or not a zstd "
				  "seekable image");
	if (footer[4] & SEEKTABLE_RESERVED_BITS)
		return zimage_why(why, -EBADMSG, "seek table: unknown descriptor 0x%02x",
				  footer[4]);
	t->entry_len = footer[4] & SEEKTABLE_SUMS ? 12 : 8;
	t->frames = get32(footer);
	if (t->frames > ZIMAGE_FRAMES_MAX)
		return zimage_why(why, -EBADMSG, "seek table: %u frames, at most %u",
				  t->frames, ZIMAGE_FRAMES_MAX);
	table_len = SEEKTABLE_HEADER_LEN + (uint64_t)t->frames * t->entry_len +
		    SEEKTABLE_FOOTER_LEN;
	if (table_len > t->file_size)
		return zimage_why(why, -EBADMSG,
				  "seek table of %u frames does not fit into the file",
				  t->frames);
	t->data_len = t->file_size - table_len;
	return 0;
}

static void table_id(const uint8_t *raw, size_t len, uint8_t id[ZIMAGE_ID_LEN])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(raw, len));
	memcpy(id, canonical.digest, ZIMAGE_ID_LEN);
}

static void seal_make(uint8_t seal[SEEKTABLE_SEAL_LEN], const uint8_t *id)
{
	put32(seal, SEEKTABLE_SEAL_MAGIC);
	put32(seal + 4, SEEKTABLE_SEAL_LEN - 8);
	memcpy(seal + 8, SEEKTABLE_SEAL_TEXT, 8);
	memcpy(seal + 16, id, ZIMAGE_ID_LEN);
}

/* Is there a seal, and is it this table's? */
static int check_seal(int fd, const struct seektable *t, char **why)
{
	uint8_t seal[SEEKTABLE_SEAL_LEN], want[SEEKTABLE_SEAL_LEN];
	int err;

	if (t->data_len < sizeof(seal))
		return 0;
	err = zimage_pread(fd, seal, sizeof(seal), t->data_len - sizeof(seal));
	if (err)
		return zimage_why(why, err, "cannot read: %s", strerror(-err));
	seal_make(want, t->id);
	if (!memcmp(seal, want, 16) && memcmp(seal, want, sizeof(seal)))
		return zimage_why(why, -EBADMSG, "seek table: wrong checksum");
	return 0;
}

/* Reads the entries, checks the skippable frame around them, takes the hash. */
static int read_entries(int fd, struct seektable *t, char **why)
{
	size_t len = (size_t)t->frames * t->entry_len + SEEKTABLE_FOOTER_LEN;
	uint8_t header[SEEKTABLE_HEADER_LEN];
	int err;

	t->raw = malloc(len);
	t->marks = calloc(t->frames / MARK_EVERY + 1, sizeof(*t->marks));
	if (!t->raw || !t->marks)
		return zimage_why(why, -ENOMEM, "no memory for a seek table of %u frames",
				  t->frames);
	err = zimage_pread(fd, header, sizeof(header), t->data_len);
	if (!err)
		err = zimage_pread(fd, t->raw, len, t->data_len + sizeof(header));
	if (err)
		return zimage_why(why, err, "cannot read the seek table: %s",
				  strerror(-err));
	if (get32(header) != SEEKTABLE_SKIP_MAGIC || get32(header + 4) != len)
		return zimage_why(why, -EBADMSG,
				  "seek table: its frame header is damaged");
	table_id(t->raw, len, t->id);
	return check_seal(fd, t, why);
}

static int check_entry(struct seektable *t, uint32_t i, char **why)
{
	uint32_t file_len = get32(entry(t, i)), len = get32(entry(t, i) + 4);

	if (len > ZIMAGE_FRAME_MAX)
		return zimage_why(why, -EBADMSG,
				  "frame %u: %u bytes decompressed, at most %u", i, len,
				  ZIMAGE_FRAME_MAX);
	if (file_len == 0 || (len && file_len > ZIMAGE_COMPRESSED_MAX))
		return zimage_why(why, -EBADMSG, "frame %u: %u compressed bytes", i,
				  file_len);
	if (len > t->max_frame)
		t->max_frame = len;
	if (len)
		t->live = i + 1;
	return 0;
}

/* Are all live frames of the first one's size, the last one's at most that? */
static bool is_uniform(const struct seektable *t)
{
	uint32_t i, first = t->live ? get32(entry(t, 0) + 4) : 0;

	for (i = 1; i + 1 < t->live; i++)
		if (get32(entry(t, i) + 4) != first)
			return false;
	return t->live && get32(entry(t, t->live - 1) + 4) <= first;
}

/* Adds up the entries, each within bounds, and compares with the file. */
static int check_entries(struct seektable *t, char **why)
{
	uint64_t file_off = 0, off = 0;
	uint32_t i;
	int err;

	for (i = 0; i < t->frames; i++) {
		if (i % MARK_EVERY == 0)
			t->marks[i / MARK_EVERY] = (struct seekmark){ file_off, off };
		err = check_entry(t, i, why);
		if (err)
			return err;
		file_off += get32(entry(t, i));
		off += get32(entry(t, i) + 4);
	}
	if (file_off != t->data_len)
		return zimage_why(why, -EBADMSG,
				  "frames of %" PRIu64
				  " bytes in the seek table, %" PRIu64 " in the file",
				  file_off, t->data_len);
	t->size = off;
	t->uniform = is_uniform(t) ? get32(entry(t, 0) + 4) : 0;
	return 0;
}

int seektable_read(int fd, struct seektable *t, char **why)
{
	int err;

	*t = (struct seektable){ 0 };
	err = read_footer(fd, t, why);
	if (!err)
		err = read_entries(fd, t, why);
	if (!err)
		err = check_entries(t, why);
	if (err)
		seektable_free(t);
	return err;
}

void seektable_free(struct seektable *t)
{
	free(t->raw);
	free(t->marks);
	*t = (struct seektable){ 0 };
}

uint32_t seektable_find(const struct seektable *t, uint64_t off)
{
	uint32_t lo = 0, hi = (t->frames - 1) / MARK_EVERY, i;
	uint64_t end;

	if (t->uniform)
		return (uint32_t)(off / t->uniform);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo + 1) / 2;

		if (t->marks[mid].off <= off)
			lo = mid;
		else
			hi = mid - 1;
	}
	i = lo * MARK_EVERY;
	end = t->marks[lo].off + get32(entry(t, i) + 4);
	while (end <= off)
		end += get32(entry(t, ++i) + 4);
	return i;
}

struct seekframe seektable_frame(const struct seektable *t, uint32_t i)
{
	const struct seekmark *m = &t->marks[i / MARK_EVERY];
	struct seekframe f = { .file_off = m->file_off, .off = m->off };
	uint32_t k;

	for (k = i - i % MARK_EVERY; k < i; k++) {
		f.file_off += get32(entry(t, k));
		f.off += get32(entry(t, k) + 4);
	}
	f.file_len = get32(entry(t, i));
	f.len = get32(entry(t, i) + 4);
	if (seektable_has_sums(t))
		f.sum = get32(entry(t, i) + 8);
	return f;
}

struct seekplace seektable_place(const struct seektable *t, uint32_t i)
{
	uint64_t off = (uint64_t)i * t->uniform;
	struct seekframe f;

	if (t->uniform && i >= t->live)
		return (struct seekplace){ t->size, 0 };
	if (t->uniform)
		return (struct seekplace){ off, t->size - off < t->uniform
							? (uint32_t)(t->size - off)
							: t->uniform };
	f = seektable_frame(t, i);
	return (struct seekplace){ f.off, f.len };
}

int seekbuild_add(struct seekbuild *b, uint32_t file_len, uint32_t len, uint32_t sum)
{
	uint8_t *raw;

	if (b->frames >= ZIMAGE_FRAMES_MAX)
		return -EFBIG;
	if (b->frames == b->room) {
		size_t room = b->room ? b->room * 2 : 1024;

		raw = reallocarray(b->raw, room, 12);
		if (!raw)
			return -ENOMEM;
		b->raw = raw;
		b->room = room;
	}
	raw = b->raw + b->frames++ * 12;
	put32(raw, file_len);
	put32(raw + 4, len);
	put32(raw + 8, sum);
	return 0;
}

uint8_t *seekbuild_finish(struct seekbuild *b, size_t *len)
{
	uint8_t id[ZIMAGE_ID_LEN];
	uint8_t *p, *raw, *footer;
	size_t entries;

	if (seekbuild_add(b, SEEKTABLE_SEAL_LEN, 0, (uint32_t)XXH64(NULL, 0, 0)))
		return NULL;
	entries = b->frames * 12;
	*len = SEEKTABLE_SEAL_LEN + SEEKTABLE_HEADER_LEN + entries + SEEKTABLE_FOOTER_LEN;
	p = malloc(*len);
	if (!p)
		return NULL;
	raw = p + SEEKTABLE_SEAL_LEN + SEEKTABLE_HEADER_LEN;
	put32(raw - 8, SEEKTABLE_SKIP_MAGIC);
	put32(raw - 4, (uint32_t)(entries + SEEKTABLE_FOOTER_LEN));
	memcpy(raw, b->raw, entries);
	footer = raw + entries;
	put32(footer, (uint32_t)b->frames);
	footer[4] = SEEKTABLE_SUMS;
	put32(footer + 5, SEEKTABLE_FOOTER_MAGIC);
	table_id(raw, entries + SEEKTABLE_FOOTER_LEN, id);
	seal_make(p, id);
	return p;
}

void seekbuild_free(struct seekbuild *b)
{
	free(b->raw);
	*b = (struct seekbuild){ 0 };
}
