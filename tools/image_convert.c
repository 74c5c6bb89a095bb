/* SPDX-License-Identifier: MIT */
/* tandem image create, convert, commit: everything that writes an image. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/image_int.h"

#define RAW_CHUNK (1u << 20)
/* An empty image of more than this has frames of the largest size: what they
 * hold is the same, and its table stays small. */
#define CREATE_BIG (UINT64_C(16) << 30)

struct convert {
	struct source *src;
	struct progress progress;
};

static int read_from_source(void *ctx, unsigned thread, uint64_t off, void *buf,
			    size_t len)
{
	return source_read(((struct convert *)ctx)->src, thread, off, buf, len);
}

static bool show_progress(void *ctx, uint64_t done)
{
	progress_show(&((struct convert *)ctx)->progress, done);
	return !image_signal;
}

/* The line for an error of reading src or writing out. */
static int told(const struct source *src, const struct output *out, int err, bool reading)
{
	if (image_signal)
		return IMAGE_FAILED; /* whoever pressed Ctrl-C knows */
	if (!reading)
		return image_fail(out->path, "%s", strerror(-err));
	if (err == -ENODATA && src->format == IMAGE_RAW)
		return image_fail(src->path, "became shorter while it was read");
	return image_fail(src->path, "%s", zdec_strerror(err));
}

/* Compresses src to out. 0 or IMAGE_FAILED, told. */
static int image_compress(struct source *src, struct output *out,
			  const struct image_opts *o, const char *what)
{
	struct convert c = { .src = src };
	struct zwriter w = {
		.fd = out->fd,
		.frame_size = o->frame_size ? o->frame_size : ZIMAGE_FRAME_DEFAULT,
		.level = o->level,
		.threads = o->threads,
		.size = src->size,
		.ctx = &c,
		.read = read_from_source,
		.progress = show_progress,
	};
	enum zwriter_where where;
	int err;

	if (src->size / w.frame_size >= ZIMAGE_FRAMES_MAX)
		return image_fail(out->path,
				  "too many frames: a larger --frame-size helps");
	progress_begin(&c.progress, what, src->size, o->progress);
	err = zwriter_run(&w, &where);
	progress_end(&c.progress);
	return err ? told(src, out, err, where == ZWRITER_READ) : 0;
}

static int write_at(int fd, const uint8_t *p, size_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* Copies src into a raw file; what is zero stays a hole. */
static int write_raw(struct source *src, struct output *out, const struct image_opts *o)
{
	cleanup_free uint8_t *buf = malloc(RAW_CHUNK);
	struct progress p;
	bool reading = false;
	uint64_t off = 0;
	int err = 0;

	if (!buf)
		return image_fail(out->path, "out of memory");
	if (ftruncate(out->fd, (off_t)src->size) < 0)
		return image_fail(out->path, "%s", strerror(errno));
	progress_begin(&p, "convert", src->size, o->progress);
	while (off < src->size && !err && !image_signal) {
		size_t len = src->size - off < RAW_CHUNK ? src->size - off : RAW_CHUNK;
		int got = source_read(src, 0, off, buf, len);

		reading = got < 0;
		if (reading)
			err = got;
		else if (got == 0 && (buf[0] || memcmp(buf, buf + 1, len - 1)))
			err = write_at(out->fd, buf, len, off);
		off += len;
		progress_show(&p, off);
	}
	progress_end(&p);
	return err || image_signal ? told(src, out, err, reading) : 0;
}

/* A leftover overlay would be taken for the new image's. */
static int refuse_overlay(const char *path)
{
	cleanup_free char *overlay = NULL;
	struct stat st;

	if (asprintf(&overlay, "%s%s", path, OVERLAY_SUFFIX) < 0) {
		overlay = NULL;
		return image_fail(path, "out of memory");
	}
	if (stat(overlay, &st) == 0 && st.st_size > 0)
		return image_fail(overlay, "is in the way: the overlay of an older %s",
				  path);
	return 0;
}

static int write_image(struct source *src, const char *path, enum image_format format,
		       const struct image_opts *o, const char *what)
{
	struct output out;
	int status;

	status = format == IMAGE_ZSTD ? refuse_overlay(path) : 0;
	if (!status)
		status = output_open(&out, path, o->force, -1);
	if (status)
		return status;
	if (format == IMAGE_ZSTD)
		status = image_compress(src, &out, o, what);
	else
		status = write_raw(src, &out, o);
	if (!status)
		status = output_commit(&out, o->force);
	output_drop(&out);
	return status;
}

int image_create(const struct image_opts *o)
{
	enum image_format format = image_format_named(o->file[0], o->format);
	struct image_opts opts = *o;
	struct source src;
	int status;

	if (!opts.frame_size && o->size > CREATE_BIG)
		opts.frame_size = ZIMAGE_FRAME_MOST;
	if (format == IMAGE_ZSTD && o->size % OVERLAY_SECTOR)
		return image_fail(o->file[0], "--size must be a multiple of 512");
	source_zeros(&src, o->size);
	if (format == IMAGE_ZSTD)
		return write_image(&src, o->file[0], format, &opts, "create");
	/* A raw file of zeros is one hole. */
	src.size = 0;
	struct output out;

	status = output_open(&out, o->file[0], o->force, -1);
	if (status)
		return status;
	if (ftruncate(out.fd, (off_t)o->size) < 0)
		status = image_fail(o->file[0], "%s", strerror(errno));
	else
		status = output_commit(&out, o->force);
	output_drop(&out);
	return status;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int image_convert(const struct image_opts *o)
{
	struct source src;
	int status;

	if (same_file(o->file[0], o->file[1]))
		return image_fail(o->file[1], "is the source itself");
	status = source_open(&src, o->file[0], o, SOURCE_OVERLAY, o->threads);
	if (status)
		return IMAGE_FAILED;
	status = write_image(&src, o->file[1], image_format_named(o->file[1], o->format),
			     o, "convert");
	source_close(&src);
	return status;
}

/* The frame size of a base, to be kept by its successor. */
static uint32_t frame_size_of(const struct seektable *t)
{
	if (t->uniform >= ZIMAGE_FRAME_LEAST && t->uniform <= ZIMAGE_FRAME_MOST &&
	    t->uniform % OVERLAY_SECTOR == 0)
		return t->uniform;
	return ZIMAGE_FRAME_DEFAULT;
}

/*
 * Writes the new base and puts it into the old one's place. The overlay learns
 * first that it is merged into that one: whenever the machine stops, the base
 * that is there and the overlay agree.
 */
static int commit_to(struct source *src, const char *path, const struct image_opts *o)
{
	struct image_opts opts = *o;
	struct overlay_base next;
	struct seektable table;
	struct output out;
	int status, err;

	if (!opts.frame_size)
		opts.frame_size = frame_size_of(&src->image.table);
	status = output_open(&out, path, true, src->image.fd);
	if (status)
		return status;
	status = image_compress(src, &out, &opts, "commit");
	if (status)
		goto drop;
	err = fsync(out.fd) < 0 ? -errno : seektable_read(out.fd, &table, NULL);
	if (!err) {
		next = overlay_base_of(&table);
		seektable_free(&table);
		err = overlay_mark_merged(src->overlay, &next);
	}
	status = err ? image_fail(path, "%s", strerror(-err)) : output_commit(&out, true);
	if (status)
		goto drop;
	err = overlay_reset(src->overlay);
	if (err) /* the next who opens it does this */
		status = image_fail(path, "committed, but the overlay is not emptied: %s",
				    strerror(-err));
drop:
	output_drop(&out);
	return status;
}

int image_commit(const struct image_opts *o)
{
	cleanup_free char *path = realpath(o->file[0], NULL);
	struct source src;
	int status;

	if (!path)
		return image_fail(o->file[0], "%s", strerror(errno));
	status = source_open(&src, o->file[0], o, SOURCE_OVERLAY_RW, o->threads);
	if (status)
		return IMAGE_FAILED;
	if (src.format != IMAGE_ZSTD)
		status = image_fail(o->file[0], "not a zstd image");
	else if (!src.overlay)
		printf("%s: no overlay, nothing to commit\n", o->file[0]);
	else
		status = commit_to(&src, path, o);
	source_close(&src);
	return status;
}
