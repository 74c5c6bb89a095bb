/* SPDX-License-Identifier: MIT */
/*
 * Raw files and block devices: what one can do. Size, logical block, what
 * O_DIRECT asks for, discard.
 *
 * The logical block is what was asked for, else 512 for a file (partition
 * tables count in it) and the device's own for a block device. Where O_DIRECT
 * needs larger blocks than that, the page cache is used instead, and said so.
 * A size that is no multiple of the logical block is rounded down, and said so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/block/rawfile.h"
#include "hv/base/log.h"

#define ALIGN_MAX 4096u

static int rawfile_raw_size(const struct rawfile *f, uint64_t *size)
{
	struct stat st;

	if (f->blockdev)
		return ioctl(f->fd, BLKGETSIZE64, size) < 0 ? -errno : 0;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

int rawfile_refresh(struct blkdrv *dev)
{
	struct rawfile *f = (struct rawfile *)dev;
	uint64_t size, whole;
	int err = rawfile_raw_size(f, &size);

	if (err)
		return err;
	whole = size - size % dev->info.sector_size;
	if (whole != size)
		log_warn("%s: the last %llu bytes are no whole block and are left out",
			 f->name, (unsigned long long)(size - whole));
	dev->info.size = whole;
	return 0;
}

/* ------------------------------------------------------------------ direct */

/* Is the page cache used whatever the flag says? */
static bool rawfile_in_memory(const struct rawfile *f)
{
	struct statfs fs;

	/* a device's node lies in a tmpfs, its blocks do not */
	return !f->blockdev && !fstatfs(f->fd, &fs) &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static void rawfile_undirect(struct rawfile *f, const char *reason)
{
	int flags = fcntl(f->fd, F_GETFL);

	/* cannot fail: the flag can always be taken away */
	(void)fcntl(f->fd, F_SETFL, flags & ~O_DIRECT);
	f->drv.info.direct = false;
	f->off_align = 1;
	log_warn("%s: no direct I/O (%s): the page cache is used", f->name, reason);
}

/* Kernels before 6.1 do not tell: the smallest read that works does. */
static uint32_t rawfile_probe_align(const struct rawfile *f)
{
	uint32_t align = 512;
	void *buf;

	if (posix_memalign(&buf, ALIGN_MAX, 2 * ALIGN_MAX))
		return ALIGN_MAX;
	while (align < ALIGN_MAX && pread(f->fd, (char *)buf + align, align, 0) < 0 &&
	       errno == EINVAL)
		align *= 2;
	free(buf);
	return align;
}

/* What O_DIRECT asks for; zeroes: it is not possible on this file. */
static void rawfile_direct_align(const struct rawfile *f, uint32_t *mem, uint32_t *off)
{
	struct statx sx;

	if (statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) < 0 ||
	    !(sx.stx_mask & STATX_DIOALIGN)) {
		*mem = *off = rawfile_probe_align(f);
	} else {
		*mem = sx.stx_dio_mem_align;
		*off = sx.stx_dio_offset_align;
	}
}

static void rawfile_direct(struct rawfile *f, bool wanted)
{
	int flags = fcntl(f->fd, F_GETFL);
	uint32_t mem, off;

	f->off_align = 1;
	f->in_memory = rawfile_in_memory(f);
	f->drv.info.direct = flags >= 0 && (flags & O_DIRECT);
	if (!f->drv.info.direct && !wanted)
		return;
	if (!f->drv.info.direct || f->in_memory) {
		rawfile_undirect(f, "not on this file system");
		return;
	}
	rawfile_direct_align(f, &mem, &off);
	if (!mem || !off) {
		rawfile_undirect(f, "not for this file");
	} else if (mem > ALIGN_MAX || off > f->drv.info.sector_size) {
		rawfile_undirect(f, "sector-size is smaller than direct I/O needs");
	} else {
		f->off_align = off;
		if (f->mem_align < mem)
			f->mem_align = mem;
	}
}

/* ------------------------------------------------------------------ blocks */

static int rawfile_blocks(struct rawfile *f, uint32_t wanted, char **why)
{
	struct blkdrv_info *info = &f->drv.info;
	uint32_t logical = 512, physical = 512;
	struct stat st;
	int n;

	if (f->blockdev) {
		if (!ioctl(f->fd, BLKSSZGET, &n) && n > 0)
			logical = (uint32_t)n;
		if (!ioctl(f->fd, BLKPBSZGET, &n) && n > 0)
			physical = (uint32_t)n;
	} else if (!fstat(f->fd, &st) && st.st_blksize >= 4096) {
		physical = 4096;
	}
	if (wanted && wanted != 512 && wanted != 4096) {
		*why = blkdrv_why("%s: sector-size %u: want 512 or 4096", f->name,
				  wanted);
		return -EINVAL;
	}
	info->sector_size = wanted ? wanted : (logical > 512 ? 4096 : 512);
	info->physical_sector_size =
		physical > info->sector_size ? physical : info->sector_size;
	return 0;
}

/* ----------------------------------------------------------------- discard */

/* The number in a file of sysfs, descriptor i of those that were opened. */
static uint32_t rawfile_attr(const struct blkdrv_params *p, int i)
{
	char text[32];
	ssize_t n;

	if (i >= p->nfds)
		return 0;
	n = pread(p->fds[i], text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return (uint32_t)strtoul(text, NULL, 10);
}

/*
 * A request that no device accepts, for the order of the kernel's checks: one
 * that cannot discard says so before it looks at the range.
 */
static bool rawfile_ioctl_known(int fd, unsigned long request)
{
	uint64_t range[2] = { 0, 1 };

	return ioctl(fd, request, range) < 0 && errno == EINVAL;
}

static void rawfile_discard_dev(struct rawfile *f, const struct blkdrv_params *p)
{
	struct blkdrv_info *info = &f->drv.info;
	uint32_t granularity = rawfile_attr(p, 2);

	info->discard = rawfile_ioctl_known(f->fd, BLKDISCARD);
	info->discard_secure = info->discard && rawfile_ioctl_known(f->fd, BLKSECDISCARD);
	info->discard_alignment = rawfile_attr(p, 3);
	info->discard_granularity =
		granularity > info->sector_size ? granularity : info->sector_size;
}

/* Holes, tried out behind the end, where there is nothing to lose. */
static void rawfile_discard_file(struct rawfile *f, uint64_t size)
{
	struct blkdrv_info *info = &f->drv.info;
	uint64_t behind = (size | 0xfffff) + 1;
	struct statfs fs;

	info->discard = !fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)behind, ALIGN_MAX);
	info->discard_granularity = info->sector_size;
	if (!fstatfs(f->fd, &fs) && fs.f_bsize > (long)info->sector_size &&
	    fs.f_bsize <= 1 << 20)
		info->discard_granularity = (uint32_t)fs.f_bsize;
}

int rawfile_caps(struct rawfile *f, const struct blkdrv_params *p, char **why)
{
	struct blkdrv_info *info = &f->drv.info;
	uint64_t size;
	int err = rawfile_raw_size(f, &size);

	if (!f->mem_align)
		f->mem_align = 1;
	info->readonly = p->readonly;
	info->flush = true;
	if (!err)
		err = rawfile_blocks(f, p->sector_size, why);
	if (err)
		return err;
	if (size < info->sector_size) {
		*why = blkdrv_why("%s: has %llu bytes, less than one block of %u; give "
				  "it a size: truncate -s 10G %s",
				  f->name, (unsigned long long)size, info->sector_size,
				  f->name);
		return -EINVAL;
	}
	rawfile_direct(f, p->direct);
	if (!p->readonly && f->blockdev)
		rawfile_discard_dev(f, p);
	else if (!p->readonly)
		rawfile_discard_file(f, size);
	return rawfile_refresh(&f->drv);
}
