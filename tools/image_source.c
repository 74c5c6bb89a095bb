/* SPDX-License-Identifier: MIT */
/* Disks that `tandem image` reads: raw, and zstd with its overlay. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/image_int.h"

#define ZSTD_MAGIC 0xFD2FB528u

/* A reader's own: its decompressor and the frame it had last. */
struct source_thread {
	struct zdec *dec;
	uint8_t *frame;
	uint32_t index;
	bool valid;
};

enum image_format image_format_named(const char *path, enum image_format want)
{
	size_t len = strlen(path);

	if (want != IMAGE_AUTO)
		return want;
	return len > 4 && !strcmp(path + len - 4, ".zst") ? IMAGE_ZSTD : IMAGE_RAW;
}

int image_format(int fd, enum image_format want, enum image_format *format)
{
	uint8_t head[4], tail[4];
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		return -errno;
	*format = want;
	if (want != IMAGE_AUTO)
		return 0;
	*format = IMAGE_RAW;
	if (size < 4)
		return 0;
	if (zimage_pread(fd, head, 4, 0) || zimage_pread(fd, tail, 4, (uint64_t)size - 4))
		return -EIO;
	if (!memcmp(head, &(uint32_t){ htole32(ZSTD_MAGIC) }, 4) ||
	    !memcmp(tail, &(uint32_t){ htole32(SEEKTABLE_FOOTER_MAGIC) }, 4))
		*format = IMAGE_ZSTD;
	return 0;
}

char *image_overlay_path(const char *path, const struct image_opts *o)
{
	char *p;

	if (o->overlay)
		return strdup(o->overlay);
	return asprintf(&p, "%s%s", path, OVERLAY_SUFFIX) < 0 ? NULL : p;
}

static int status_of(int err)
{
	return err == -EBADMSG || err == -ESTALE || err == -ENODATA ? IMAGE_DAMAGED
								    : IMAGE_FAILED;
}

static int read_boot(uint8_t boot[OVERLAY_BOOT_LEN])
{
	cleanup_close int fd = open(OVERLAY_BOOT_FILE, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : overlay_boot_read(fd, boot);
}

int source_open_overlay(struct source *s, const struct image_opts *o, bool rw, bool *busy)
{
	struct overlay_base base = overlay_base_of(&s->image.table);
	cleanup_free char *path = image_overlay_path(s->path, o);
	cleanup_free char *why = NULL;
	uint8_t boot[OVERLAY_BOOT_LEN];
	cleanup_close int fd = -1;
	int err;

	if (!path)
		return image_fail(s->path, "out of memory");
	fd = open(path, (rw ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT && !o->overlay)
		return 0;
	if (fd < 0)
		return image_fail(path, "%s", strerror(errno));
	if (flock(fd, (rw ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		if (!busy)
			return image_fail(path, "in use by another process");
		*busy = true;
		return 0;
	}
	err = read_boot(boot);
	if (err)
		return image_fail(OVERLAY_BOOT_FILE, "%s", strerror(-err));
	err = overlay_open(fd, !rw, &base, boot, NULL, &s->overlay, &why);
	if (err) {
		image_fail(path, "%s", why ? why : strerror(-err));
		return status_of(err);
	}
	(void)take_fd(fd);
	s->size = (s->size + OVERLAY_SECTOR - 1) / OVERLAY_SECTOR * OVERLAY_SECTOR;
	return 0;
}

static int open_image(struct source *s, const struct image_opts *o,
		      enum source_overlay how)
{
	cleanup_free char *why = NULL;
	int err = zimage_open(s->fd, &s->image, &why);

	if (err) {
		image_fail(s->path, "%s", why ? why : strerror(-err));
		return status_of(err);
	}
	s->size = s->image.table.size;
	if (how == SOURCE_NO_OVERLAY || o->no_overlay)
		return 0;
	err = source_open_overlay(s, o, how == SOURCE_OVERLAY_RW, NULL);
	if (err)
		seektable_free(&s->image.table);
	return err;
}

static int open_file(struct source *s, enum image_format want)
{
	struct stat st;
	off_t size;
	int err;

	s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return image_fail(s->path, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return image_fail(s->path, "neither a regular file nor a block device");
	err = image_format(s->fd, want, &s->format);
	if (err)
		return image_fail(s->path, "%s", strerror(-err));
	size = lseek(s->fd, 0, SEEK_END);
	if (size < 0)
		return image_fail(s->path, "%s", strerror(errno));
	s->size = (uint64_t)size;
	return 0;
}

int source_open(struct source *s, const char *path, const struct image_opts *o,
		enum source_overlay how, unsigned threads)
{
	unsigned i;
	int status;

	*s = (struct source){ .path = path, .fd = -1, .threads = threads };
	status = open_file(s, o->source_format);
	if (!status && s->format == IMAGE_ZSTD)
		status = open_image(s, o, how);
	if (status) {
		if (s->fd >= 0)
			close(s->fd);
		return status;
	}
	s->thread = calloc(threads, sizeof(*s->thread));
	for (i = 0; s->format == IMAGE_ZSTD && s->thread && i < threads; i++) {
		s->thread[i].dec = zdec_new();
		s->thread[i].frame = malloc(s->image.table.max_frame + 1);
		if (!s->thread[i].dec || !s->thread[i].frame)
			break;
	}
	if (s->thread && (s->format != IMAGE_ZSTD || i == threads))
		return 0;
	source_close(s);
	return image_fail(path, "out of memory");
}

int source_zeros(struct source *s, uint64_t size)
{
	*s = (struct source){ .fd = -1, .size = size };
	return 0;
}

void source_close(struct source *s)
{
	unsigned i;
	int err;

	for (i = 0; s->thread && i < s->threads; i++) {
		zdec_free(s->thread[i].dec);
		free(s->thread[i].frame);
	}
	free(s->thread);
	err = s->overlay ? overlay_close(s->overlay) : 0;
	if (err)
		image_fail(s->path, "overlay: %s", strerror(-err));
	if (s->format == IMAGE_ZSTD)
		zimage_close(&s->image);
	else if (s->fd >= 0)
		close(s->fd);
}

/* Part of one frame of the base; zeros behind its end. Returns how much. */
static int read_base(struct source *s, struct source_thread *t, uint64_t off,
		     uint8_t *buf, size_t *len)
{
	const struct seektable *table = &s->image.table;
	struct seekframe f;
	uint32_t index;
	int err;

	if (off >= table->size) {
		memset(buf, 0, *len);
		return 0;
	}
	index = seektable_find(table, off);
	f = seektable_frame(table, index);
	if (!t->valid || t->index != index) {
		t->valid = false;
		err = zdec_frame(t->dec, &s->image, index, t->frame);
		if (err)
			return err;
		t->index = index;
		t->valid = true;
	}
	if (*len > f.off + f.len - off)
		*len = f.off + f.len - off;
	memcpy(buf, t->frame + (off - f.off), *len);
	return 0;
}

/* Frames of the base; they may end within a sector. */
static int read_frames(struct source *s, struct source_thread *t, uint64_t off,
		       uint8_t *buf, size_t len)
{
	int err = 0;

	while (len && !err) {
		size_t n = len;

		err = read_base(s, t, off, buf, &n);
		off += n;
		buf += n;
		len -= n;
	}
	return err;
}

static int read_zstd(struct source *s, struct source_thread *t, uint64_t off,
		     uint8_t *buf, size_t len)
{
	int err = 0;

	while (len && !err) {
		size_t n = len;
		bool present = false;

		if (s->overlay)
			n = overlay_run(s->overlay, off, len, &present);
		if (present)
			err = zimage_pread(overlay_fd(s->overlay), buf, n,
					   overlay_data_off(s->overlay) + off);
		else
			err = read_frames(s, t, off, buf, n);
		off += n;
		buf += n;
		len -= n;
	}
	return err;
}

static int read_raw(const struct source *s, uint64_t off, void *buf, size_t len)
{
	off_t data = lseek(s->fd, (off_t)off, SEEK_DATA);

	if (data < 0 && errno == ENXIO) {
		struct stat st;

		/* A hole up to the end, or has the end moved? */
		if (fstat(s->fd, &st) < 0)
			return -errno;
		return off + len > (uint64_t)st.st_size ? -ENODATA : 1;
	}
	if (data >= 0 && (uint64_t)data >= off + len)
		return 1;
	return zimage_pread(s->fd, buf, len, off);
}

int source_read(void *ctx, unsigned thread, uint64_t off, void *buf, size_t len)
{
	struct source *s = ctx;

	if (s->format == IMAGE_AUTO)
		return 1;
	if (s->format == IMAGE_RAW)
		return read_raw(s, off, buf, len);
	return read_zstd(s, &s->thread[thread], off, buf, len);
}
