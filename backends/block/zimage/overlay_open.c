/* SPDX-License-Identifier: MIT */
/* Opening, creating and recovering an overlay; its header. */
#include "backends/block/zimage/overlay_int.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define OVERLAY_MAGIC	"tandemOV"
#define OVERLAY_VERSION 1u
#define DISK_ALIGN	UINT64_C(4096)
/* The data begins where a file system's larger blocks begin too. */
#define DATA_ALIGN   UINT64_C(65536)
#define GAP_LEN	     4096u /* at least, between map and data */
#define LOCK_TRIES   200
#define LOCK_WAIT_NS 10000000

struct header_base {
	uint64_t file_size, size;
	uint8_t id[ZIMAGE_ID_LEN];
};

/* At 0 of the file; fits a sector, so that rewriting it is atomic. */
struct header {
	char magic[8];
	uint32_t version, sector;
	struct header_base base;
	struct header_base merged; /* a base that holds all of this; or zeros */
	uint64_t map_len, data_off;
	uint64_t sum; /* XXH64 of what is before */
};

struct boot_record {
	uint8_t boot[OVERLAY_BOOT_LEN];
	uint64_t sum;
};

static_assert(sizeof(struct header) <= OVERLAY_BOOT_OFF, "the header is one sector");

struct overlay_base overlay_base_of(const struct seektable *t)
{
	struct overlay_base base = { .file_size = t->file_size, .size = t->size };

	memcpy(base.id, t->id, ZIMAGE_ID_LEN);
	return base;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static struct header_base header_base(const struct overlay_base *b)
{
	struct header_base h = { htole64(b->file_size), htole64(b->size), { 0 } };

	memcpy(h.id, b->id, ZIMAGE_ID_LEN);
	return h;
}

static int header_write(struct overlay *ov, const struct overlay_base *merged)
{
	struct header h = {
		.version = htole32(OVERLAY_VERSION),
		.sector = htole32(OVERLAY_SECTOR),
		.base = header_base(&ov->base),
		.map_len = htole64(ov->map_len),
		.data_off = htole64(ov->data_off),
	};
	struct iovec iov = { &h, sizeof(h) };
	int err;

	memcpy(h.magic, OVERLAY_MAGIC, sizeof(h.magic));
	if (merged)
		h.merged = header_base(merged);
	h.sum = htole64(XXH64(&h, offsetof(struct header, sum), 0));
	err = ov->io.write(ov->io.ctx, ov->fd, &iov, 1, 0);
	return err ? err : ov->io.sync(ov->io.ctx, ov->fd);
}

static int boot_write(struct overlay *ov, const uint8_t *boot)
{
	struct boot_record r;
	struct iovec iov = { &r, sizeof(r) };
	int err;

	memcpy(r.boot, boot, OVERLAY_BOOT_LEN);
	r.sum = htole64(XXH64(r.boot, OVERLAY_BOOT_LEN, 0));
	err = ov->io.write(ov->io.ctx, ov->fd, &iov, 1, OVERLAY_BOOT_OFF);
	return err ? err : ov->io.sync(ov->io.ctx, ov->fd);
}

static bool boot_matches(const struct overlay *ov, const uint8_t *boot)
{
	struct boot_record r;

	if (zimage_pread(ov->fd, &r, sizeof(r), OVERLAY_BOOT_OFF))
		return false;
	return le64toh(r.sum) == XXH64(r.boot, OVERLAY_BOOT_LEN, 0) &&
	       !memcmp(r.boot, boot, OVERLAY_BOOT_LEN);
}

/* A killed predecessor may take a moment to let go of the file. */
static int overlay_lock(int fd, bool readonly, char **why)
{
	const struct timespec wait = { .tv_nsec = LOCK_WAIT_NS };
	unsigned tries = LOCK_TRIES;

	while (flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return zimage_why(why, -errno, "overlay: cannot lock: %s",
					  strerror(errno));
		if (!--tries)
			return zimage_why(why, -EBUSY,
					  "overlay: in use by another process");
		nanosleep(&wait, NULL);
	}
	return 0;
}

/* The whole file first, its header last: a header means that all is there. */
static int overlay_init(struct overlay *ov, const uint8_t *boot, char **why)
{
	int err = ov->io.resize(ov->io.ctx, ov->fd, 0);

	if (!err)
		err = ov->io.resize(ov->io.ctx, ov->fd, ov->data_off + ov->size);
	if (!err)
		err = ov->io.sync(ov->io.ctx, ov->fd);
	if (!err)
		err = boot_write(ov, boot);
	if (!err)
		err = header_write(ov, NULL);
	if (err)
		return zimage_why(why, err, "overlay: cannot create: %s", strerror(-err));
	ov->same_boot = true;
	return 0;
}

enum header_says { HEADER_OURS, HEADER_NONE, HEADER_MERGED };

/* Whose overlay is this? enum header_says or -errno with *why. */
static int header_read(struct overlay *ov, uint64_t file_size, char **why)
{
	struct header_base ours = header_base(&ov->base);
	static const struct header zero;
	struct header h;
	int err;

	if (file_size == 0)
		return HEADER_NONE;
	if (file_size < OVERLAY_HEADER_LEN)
		return zimage_why(why, -EBADMSG, "overlay: not an overlay, or truncated");
	err = zimage_pread(ov->fd, &h, sizeof(h), 0);
	if (err)
		return zimage_why(why, err, "overlay: cannot read: %s", strerror(-err));
	if (!memcmp(&h, &zero, sizeof(h)) && file_size == ov->data_off + ov->size)
		return HEADER_NONE;
	if (memcmp(h.magic, OVERLAY_MAGIC, sizeof(h.magic)))
		return zimage_why(why, -EBADMSG, "overlay: not an overlay");
	if (le64toh(h.sum) != XXH64(&h, offsetof(struct header, sum), 0))
		return zimage_why(why, -EBADMSG, "overlay: the header is damaged");
	if (le32toh(h.version) != OVERLAY_VERSION || le32toh(h.sector) != OVERLAY_SECTOR)
		return zimage_why(why, -EBADMSG,
				  "overlay: version %u is unknown, this program knows %u",
				  le32toh(h.version), OVERLAY_VERSION);
	if (!memcmp(&h.merged, &ours, sizeof(ours)))
		return HEADER_MERGED;
	if (memcmp(&h.base, &ours, sizeof(ours)))
		return zimage_why(why, -ESTALE,
				  "overlay: belongs to another base image (of %" PRIu64
				  " bytes in a file of %" PRIu64 ")",
				  le64toh(h.base.size), le64toh(h.base.file_size));
	if (le64toh(h.map_len) != ov->map_len || le64toh(h.data_off) != ov->data_off)
		return zimage_why(why, -EBADMSG, "overlay: the header is damaged");
	if (file_size != ov->data_off + ov->size)
		return zimage_why(why, -EBADMSG,
				  "overlay: %" PRIu64 " bytes long instead of %" PRIu64,
				  file_size, ov->data_off + ov->size);
	return HEADER_OURS;
}

/* After the map was read: what PENDING means now. */
static int overlay_recover(struct overlay *ov, const uint8_t *boot, char **why)
{
	int err = 0;

	ov->same_boot = boot_matches(ov, boot);
	if (ov->any && !(ov->same_boot && ov->readonly))
		err = map_recover(ov, !ov->same_boot);
	if (err || ov->same_boot || ov->readonly)
		goto out;
	/* After the map: no PENDING is left when the record names this boot. What
	 * is not synced is lost only together with the boot. */
	err = boot_write(ov, boot);
out:
	if (err)
		return zimage_why(why, err, "overlay: cannot recover: %s",
				  strerror(-err));
	return 0;
}

static int overlay_load(struct overlay *ov, const uint8_t *boot, char **why)
{
	struct stat st;
	int err, says;

	if (fstat(ov->fd, &st) < 0)
		return zimage_why(why, -errno, "overlay: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return zimage_why(why, -EBADMSG, "overlay: not a regular file");
	err = overlay_lock(ov->fd, ov->readonly, why);
	/* Again: while we waited its owner may have done anything. */
	if (!err && fstat(ov->fd, &st) < 0)
		err = zimage_why(why, -errno, "overlay: %s", strerror(errno));
	if (err)
		return err;
	says = header_read(ov, (uint64_t)st.st_size, why);
	if (says < 0)
		return says;
	if (says == HEADER_OURS || (says == HEADER_NONE && st.st_size > 0))
		err = map_load(ov, why);
	if (!err && says == HEADER_NONE && ov->any)
		err = zimage_why(why, -EBADMSG, "overlay: the header is damaged");
	if (err)
		return err;
	if (says == HEADER_OURS)
		return overlay_recover(ov, boot, why);
	return ov->readonly ? 0 : overlay_init(ov, boot, why);
}

static int overlay_alloc(struct overlay *ov, char **why)
{
	unsigned i;
	void *map;

	ov->size = round_up(ov->base.size, DISK_ALIGN);
	ov->map_len = round_up(ov->size / OVERLAY_SECTOR / 4, MAP_PAGE);
	ov->data_off = round_up(OVERLAY_HEADER_LEN + ov->map_len + GAP_LEN, DATA_ALIGN);
	if (!ov->size)
		return zimage_why(why, -EINVAL, "overlay: the image is empty");
	map = mmap(NULL, ov->map_len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return zimage_why(why, -ENOMEM,
				  "overlay: no memory for a map of %" PRIu64 " bytes",
				  ov->map_len);
	ov->map = map;
	for (i = 0; i < MAP_LOCKS; i++)
		pthread_mutex_init(&ov->page_lock[i], NULL);
	pthread_mutex_init(&ov->log_lock, NULL);
	pthread_mutex_init(&ov->flush_lock, NULL);
	return 0;
}

static void overlay_free(struct overlay *ov)
{
	unsigned i;

	if (ov->map) {
		munmap((void *)ov->map, ov->map_len);
		for (i = 0; i < MAP_LOCKS; i++)
			pthread_mutex_destroy(&ov->page_lock[i]);
		pthread_mutex_destroy(&ov->log_lock);
		pthread_mutex_destroy(&ov->flush_lock);
	}
	free(ov->log.extent);
	free(ov);
}

int overlay_open(int fd, bool readonly, const struct overlay_base *base,
		 const uint8_t boot[OVERLAY_BOOT_LEN], const struct overlay_io *io,
		 struct overlay **out, char **why)
{
	struct overlay *ov = calloc(1, sizeof(*ov));
	int err;

	if (!ov)
		return zimage_why(why, -ENOMEM, "out of memory");
	ov->fd = fd;
	ov->readonly = readonly;
	ov->io = io ? *io : overlay_io_plain;
	ov->base = *base;
	err = overlay_alloc(ov, why);
	if (!err)
		err = overlay_load(ov, boot, why);
	if (err) {
		overlay_free(ov);
		return err;
	}
	/* Can the file system punch holes? Try in the gap, which holds nothing. */
	ov->can_discard = !readonly &&
			  !ov->io.punch(ov->io.ctx, fd, ov->data_off - GAP_LEN, GAP_LEN);
	*out = ov;
	return 0;
}

int overlay_close(struct overlay *ov)
{
	int err = ov->readonly || ov->merged ? 0 : overlay_flush(ov);

	close(ov->fd);
	overlay_free(ov);
	return err;
}

int overlay_mark_merged(struct overlay *ov, const struct overlay_base *next)
{
	return header_write(ov, next);
}

int overlay_reset(struct overlay *ov)
{
	int err = ov->io.resize(ov->io.ctx, ov->fd, 0);

	ov->merged = true;
	return err ? err : ov->io.sync(ov->io.ctx, ov->fd);
}
