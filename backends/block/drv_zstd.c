/* SPDX-License-Identifier: MIT */
/*
 * Compressed images: the zstd seekable format, read only, and a writable
 * overlay beside it. This file opens and closes; drv_zstd_queue.c moves data.
 *
 * Options: overlay=PATH|none (default: the image's path + ".overlay", made when
 * the disk is writable), cache=SIZE of decompressed frames (64M), threads=N
 * that decompress, readahead=N frames (2).
 */
#include "backends/block/drv_zstd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/block/drivers.h"
#include "backends/block/zimage/syncdir.h"
#include "backends/drvopt.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"

#define CACHE_DEFAULT	  (UINT64_C(64) << 20)
#define CACHE_MAX	  (UINT64_C(64) << 30)
#define READAHEAD_DEFAULT 2
#define READAHEAD_MAX	  16

/* What p->fds hold, in this order; the overlay may be missing. */
enum { FD_IMAGE, FD_BOOT, FD_OVERLAY };

struct zstd_options {
	char *overlay; /* NULL: none */
	bool overlay_default;
	uint64_t cache;
	uint64_t threads, readahead;
};

static int option_set(struct zstd_options *z, const struct drvopt *o)
{
	if (!strcmp(o->key, "overlay")) {
		free(z->overlay);
		z->overlay = strcmp(o->value, "none") ? strdup(o->value) : NULL;
		z->overlay_default = false;
		return *o->value ? 0 : -EINVAL;
	}
	if (!strcmp(o->key, "cache"))
		return blkdrv_parse_size(o->value, &z->cache) || z->cache > CACHE_MAX
			       ? -EINVAL
			       : 0;
	if (!strcmp(o->key, "threads"))
		return drvopt_u64(o, &z->threads) || !z->threads ||
				       z->threads > ZPOOL_THREADS_MAX
			       ? -EINVAL
			       : 0;
	if (!strcmp(o->key, "readahead"))
		return drvopt_u64(o, &z->readahead) || z->readahead > READAHEAD_MAX
			       ? -EINVAL
			       : 0;
	return -EINVAL;
}

/* z->overlay is to be freed, whatever is returned. */
static int options_parse(const struct blkdrv_params *p, struct zstd_options *z,
			 char **why)
{
	const char *s = p->options;
	struct drvopt o;
	int got;

	*z = (struct zstd_options){ .overlay_default = true,
				    .cache = CACHE_DEFAULT,
				    .threads = zpool_default_threads(),
				    .readahead = READAHEAD_DEFAULT };
	if (asprintf(&z->overlay, "%s%s", p->target ? p->target : "", OVERLAY_SUFFIX) <
	    0) {
		z->overlay = NULL;
		return -ENOMEM;
	}
	while ((got = drvopt_next(&s, &o)) > 0 && !(got = option_set(z, &o)))
		;
	if (got == 0)
		return 0;
	if (why)
		*why = blkdrv_why("options: '%s=%s' is not understood; want overlay=PATH "
				  "or none, cache=SIZE up to 64G, threads=1..%d, "
				  "readahead=0..%d",
				  o.key, o.value, ZPOOL_THREADS_MAX, READAHEAD_MAX);
	return -EINVAL;
}

/* ------------------------------------------------------------------- files */

/* The overlay's descriptor or -errno; made if it is missing and to be written. */
static int open_overlay(const struct zstd_options *z, bool readonly, mode_t mode)
{
	int flags = (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
	cleanup_close int fd = open(z->overlay, flags);
	int err;

	if (fd >= 0)
		return take_fd(fd);
	if (errno != ENOENT || readonly)
		return -errno;
	fd = open(z->overlay, flags | O_CREAT, mode & 0666);
	if (fd < 0)
		return -errno;
	err = syncdir_of(z->overlay);
	return err ? err : take_fd(fd);
}

/*
 * What is wrong with the options or the overlay is left for open(), which can
 * say it in words: it finds the descriptor missing. But a reader who names no
 * overlay wants the default one if there is one.
 */
static int open_overlay_file(struct blkdrv_params *p, mode_t mode)
{
	struct zstd_options z;
	int fd = -ENOENT;

	if (!options_parse(p, &z, NULL) && z.overlay && S_ISREG(mode) &&
	    (!p->may_open || p->may_open(p, z.overlay)))
		fd = open_overlay(&z, p->readonly, mode);
	free(z.overlay);
	if (fd >= 0)
		p->fds[p->nfds++] = fd;
	return fd < 0 && fd != -ENOENT && p->readonly && z.overlay_default ? fd : 0;
}

static int zstd_open_files(struct blkdrv_params *p)
{
	cleanup_close int image = -1, boot = -1;
	struct stat st;
	int err;

	if (!p->target || !*p->target)
		return -ENOENT;
	image = open(p->target, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (image < 0 || fstat(image, &st) < 0)
		return -errno;
	boot = open(OVERLAY_BOOT_FILE, O_RDONLY | O_CLOEXEC);
	if (boot < 0)
		return -errno;
	p->fds[FD_IMAGE] = image;
	p->fds[FD_BOOT] = boot;
	p->nfds = FD_OVERLAY;
	err = open_overlay_file(p, st.st_mode);
	if (err) {
		p->nfds = 0;
		return err;
	}
	(void)take_fd(image);
	(void)take_fd(boot);
	return 0;
}

/* -------------------------------------------------------------------- open */

/* Image, cache, overlay: the overlay last, as it takes its descriptor over. */
static int open_layers(struct zstd_dev *d, const struct blkdrv_params *p,
		       const struct zstd_options *z, char **reason)
{
	uint8_t boot[OVERLAY_BOOT_LEN];
	struct overlay_base base;
	int err = zimage_open(p->fds[FD_IMAGE], &d->image, reason);

	if (err)
		return err;
	if (!d->image.table.size)
		err = zimage_why(reason, -EINVAL, "the image is empty");
	if (!err)
		err = zcache_new(&d->image, d->pool, z->cache, &d->cache);
	if (!err && z->overlay && p->nfds == FD_OVERLAY &&
	    !(p->readonly && z->overlay_default))
		err = zimage_why(reason, -ENOENT,
				 "its overlay %s cannot be opened%s; overlay=PATH names "
				 "another, overlay=none does without",
				 z->overlay, p->readonly ? "" : " or made for writing");
	if (!err && p->nfds > FD_OVERLAY) {
		base = overlay_base_of(&d->image.table);
		err = overlay_boot_read(p->fds[FD_BOOT], boot);
		if (!err)
			err = overlay_open(p->fds[FD_OVERLAY], p->readonly, &base, boot,
					   NULL, &d->overlay, reason);
	}
	if (err) {
		zcache_free(d->cache);
		seektable_free(&d->image.table);
	}
	return err;
}

static void set_info(struct zstd_dev *d, const struct blkdrv_params *p)
{
	struct blkdrv_info *i = &d->drv.info;
	uint64_t size = d->image.table.size;

	i->sector_size = p->sector_size ? p->sector_size : OVERLAY_SECTOR;
	/* Behind the end of an image of odd size there are zeros. */
	i->size = (size + i->sector_size - 1) / i->sector_size * i->sector_size;
	i->physical_sector_size = 4096;
	i->readonly = p->readonly || !d->overlay;
	i->flush = !i->readonly;
	i->discard = !i->readonly && overlay_can_discard(d->overlay);
	i->discard_granularity = 4096;
}

/* The descriptors of p are d's when all of it has succeeded. */
static int open_device(struct zstd_dev *d, const struct blkdrv_params *p,
		       const struct zstd_options *z, char **why)
{
	cleanup_free char *reason = NULL;
	int err;

	if (p->sector_size && p->sector_size != 512 && p->sector_size != 4096) {
		*why = blkdrv_why("%s: sector size %u is neither 512 nor 4096", d->name,
				  p->sector_size);
		return -EINVAL;
	}
	err = zpool_new((unsigned)z->threads, &d->pool);
	if (err)
		return err;
	err = open_layers(d, p, z, &reason);
	if (err) {
		*why = blkdrv_why("%s: %s", d->name, reason ? reason : strerror(-err));
		zpool_free(d->pool);
		return err;
	}
	d->readahead = (uint32_t)z->readahead;
	d->flush_task.run = zstd_flush_run;
	pthread_mutex_init(&d->flush_lock, NULL);
	rangelock_init(&d->locks);
	set_info(d, p);
	return 0;
}

static int open_named(const struct blkdrv_params *p, const struct zstd_options *z,
		      struct blkdrv **dev, char **why)
{
	struct zstd_dev *d = calloc(1, sizeof(*d));
	int err = -ENOMEM;

	if (!d)
		return err;
	d->name = strdup(p->target);
	if (d->name)
		err = open_device(d, p, z, why);
	if (err) {
		free(d->name);
		free(d);
		return err;
	}
	close(p->fds[FD_BOOT]);
	d->drv.ops = &drv_zstd;
	*dev = &d->drv;
	return 0;
}

static int zstd_open(const struct blkdrv_params *p, struct blkdrv **dev, char **why)
{
	struct blkdrv_params own = *p;
	struct zstd_options z;
	int err, i;

	*why = NULL;
	err = options_parse(p, &z, why);
	if (!err && !own.nfds) {
		err = zstd_open_files(&own);
		if (err)
			*why = blkdrv_why(
				"%s: the image or its overlay cannot be opened%s: "
				"%s",
				p->target ? p->target : "(no target)",
				p->readonly ? "" : " for writing", strerror(-err));
	}
	if (!err) {
		err = open_named(&own, &z, dev, why);
		for (i = 0; err && !p->nfds && i < own.nfds; i++)
			close(own.fds[i]);
	}
	free(z.overlay);
	return err;
}

static void zstd_close(struct blkdrv *dev)
{
	struct zstd_dev *d = (struct zstd_dev *)dev;
	int err = 0;

	zpool_free(d->pool);
	zcache_free(d->cache);
	if (d->overlay)
		err = overlay_close(d->overlay);
	if (err)
		log_err("%s: overlay: %s", d->name, strerror(-err));
	zimage_close(&d->image);
	rangelock_exit(&d->locks);
	pthread_mutex_destroy(&d->flush_lock);
	free(d->name);
	free(d);
}

/* The image is only read, and shared: it is the overlay that one alone may have. */
static int zstd_let_go(struct blkdrv *dev)
{
	const struct zstd_dev *d = (const struct zstd_dev *)dev;
	int err = d->overlay && !dev->info.readonly ? overlay_flush(d->overlay) : 0;

	if (!err && d->overlay && flock(overlay_fd(d->overlay), LOCK_UN) < 0)
		err = -errno;
	return err;
}

static int zstd_hold(struct blkdrv *dev)
{
	const struct zstd_dev *d = (const struct zstd_dev *)dev;
	const int how = dev->info.readonly ? LOCK_SH : LOCK_EX;

	if (!d->overlay || !flock(overlay_fd(d->overlay), how | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

const struct blkdrv_ops drv_zstd = {
	.name = "zstd",
	.summary = "compressed images (zstd seekable format) with a writable overlay",
	.open_files = zstd_open_files,
	.open = zstd_open,
	.close = zstd_close,
	.let_go = zstd_let_go,
	.hold = zstd_hold,
	.queue_start = zstd_queue_start,
	.queue_stop = zstd_queue_stop,
	.submit = zstd_submit,
	.poll = zstd_poll,
	.arm = zstd_arm,
};
