/* SPDX-License-Identifier: MIT */
/* Raw files and block devices: opening and the image's lock. */
#include "backends/block/rawfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "backends/drvopt.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"

/* Where the locks lie: far behind any byte that is used. The one for I/O
 * covers all below, so that it also meets the locks of other programs. */
#define LOCK_ALIVE (INT64_C(1) << 62)

#define WAIT_STEP_NS	5000000
#define WAIT_DYING_MS	30000 /* I/O of a dead predecessor */
#define WAIT_RELEASE_MS 200   /* between its lock's end and the device's release */

enum rawfile_lock { RAWFILE_LOCK_IO, RAWFILE_LOCK_ALIVE };

static struct flock rawfile_range(enum rawfile_lock which, bool readonly)
{
	return (struct flock){
		.l_type = readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = which == RAWFILE_LOCK_IO ? 0 : LOCK_ALIVE,
		.l_len = which == RAWFILE_LOCK_IO ? LOCK_ALIVE : 1,
	};
}

/* 0, -EAGAIN: somebody else has it; -errno: no such locks here. */
static int rawfile_lock(int fd, enum rawfile_lock which, bool readonly)
{
	struct flock l = rawfile_range(which, readonly);

	if (!fcntl(fd, F_OFD_SETLK, &l))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

static void rawfile_unlock(int fd, enum rawfile_lock which)
{
	struct flock l = rawfile_range(which, false);

	l.l_type = F_UNLCK;
	/* cannot fail in a way that matters: there are no such locks here */
	(void)fcntl(fd, F_OFD_SETLK, &l);
}

static bool rawfile_locked(int fd, enum rawfile_lock which)
{
	struct flock l = rawfile_range(which, false);

	return !fcntl(fd, F_OFD_GETLK, &l) && l.l_type != F_UNLCK;
}

static void rawfile_pause(void)
{
	struct timespec ts = { .tv_nsec = WAIT_STEP_NS };

	/* cannot fail in a way that matters: a signal makes it shorter */
	(void)nanosleep(&ts, NULL);
}

/* A regular file or a block device, whatever else the name may stand for. */
static int rawfile_open_one(const char *path, int flags)
{
	cleanup_close int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ENOTBLK;
	if (fcntl(fd, F_SETFL, flags & O_DIRECT) < 0)
		return -errno;
	return take_fd(fd);
}

static int rawfile_open_io(const char *path, int flags, bool direct)
{
	int fd = rawfile_open_one(path, flags | (direct ? O_DIRECT : 0));

	if (direct && (fd == -EINVAL || fd == -EOPNOTSUPP))
		fd = rawfile_open_one(path, flags);
	return fd;
}

/* As rawfile_open_io, and nobody else in the system may use the block device,
 * be it a mounted file system. */
static int rawfile_open_exclusive(const char *path, int flags, bool direct, int alive)
{
	for (int ms = 0;; ms += WAIT_STEP_NS / 1000000) {
		int fd = rawfile_open_io(path, flags | O_EXCL, direct);
		bool dying = rawfile_locked(alive, RAWFILE_LOCK_IO);

		if (fd != -EBUSY || rawfile_locked(alive, RAWFILE_LOCK_ALIVE) ||
		    ms >= (dying ? WAIT_DYING_MS : WAIT_RELEASE_MS))
			return fd;
		rawfile_pause();
	}
}

/* For open(), which may not open any more: what the kernel says of a disk's
 * discards. Partitions share their disk's. 0..2, into fds. */
static int rawfile_open_attrs(const struct stat *st, int *fds)
{
	static const char *const names[] = { "queue/discard_granularity",
					     "../queue/discard_granularity" };
	char dir[64], path[128];

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(st->st_rdev),
		 minor(st->st_rdev));
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		fds[0] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[0] >= 0)
			break;
	}
	if (fds[0] < 0)
		return 0;
	snprintf(path, sizeof(path), "%s/discard_alignment", dir);
	fds[1] = open(path, O_RDONLY | O_CLOEXEC);
	return fds[1] < 0 ? 1 : 2;
}

static bool rawfile_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int rawfile_open_files(struct blkdrv_params *p)
{
	int flags = p->readonly ? O_RDONLY : O_RDWR;
	cleanup_close int alive = -1;
	cleanup_close int io = -1;
	struct stat sa, si;

	if (!p->target || !*p->target)
		return -ENOENT;
	alive = rawfile_open_one(p->target, flags);
	if (alive < 0)
		return alive;
	if (fstat(alive, &sa) < 0)
		return -errno;
	if (S_ISBLK(sa.st_mode) && !p->readonly)
		io = rawfile_open_exclusive(p->target, flags, p->direct, alive);
	else
		io = rawfile_open_io(p->target, flags, p->direct);
	if (io < 0)
		return io;
	if (fstat(io, &si) < 0)
		return -errno;
	if (!rawfile_same(&sa, &si))
		return -ESTALE;
	p->fds[0] = take_fd(io);
	p->fds[1] = take_fd(alive);
	p->nfds = 2;
	if (S_ISBLK(sa.st_mode) && !p->readonly)
		p->nfds += rawfile_open_attrs(&sa, &p->fds[2]);
	return 0;
}

static int rawfile_refuse(const struct rawfile *f, bool readonly, char **why)
{
	*why = blkdrv_why("%s: in use: %s; detach it there, or attach it read-only "
			  "everywhere",
			  f->name,
			  readonly ? "a backend or another program writes to it"
				   : "another backend or program has it open");
	return -EBUSY;
}

static int rawfile_lock_both(struct rawfile *f, bool readonly, char **why)
{
	int err = rawfile_lock(f->alive_fd, RAWFILE_LOCK_ALIVE, readonly);

	if (err == -EAGAIN)
		return rawfile_refuse(f, readonly, why);
	if (err)
		goto unlockable;
	for (int ms = 0; ms < WAIT_DYING_MS; ms += WAIT_STEP_NS / 1000000) {
		err = rawfile_lock(f->fd, RAWFILE_LOCK_IO, readonly);
		if (!err)
			return 0;
		if (err != -EAGAIN)
			goto unlockable;
		if (ms == 1000)
			log_warn("%s: waiting for the I/O of its last user to end",
				 f->name);
		rawfile_pause();
	}
	return rawfile_refuse(f, readonly, why);

unlockable:
	log_warn("%s: cannot be locked (%s): nothing keeps a second writer away", f->name,
		 strerror(-err));
	return 0;
}

static int rawfile_options(struct rawfile *f, const char *options, char **why)
{
	struct drvopt o;
	uint64_t n;
	int ret;

	f->want_fixed = true;
	while ((ret = drvopt_next(&options, &o)) > 0) {
		if (!strcmp(o.key, "fixed") && !drvopt_bool(&o, &f->want_fixed))
			continue;
		if (!strcmp(o.key, "mem-align") && !drvopt_u64(&o, &n) && n &&
		    n <= 4096 && !(n & (n - 1))) {
			f->mem_align = (uint32_t)n;
			continue;
		}
		ret = -EINVAL;
		break;
	}
	if (ret < 0)
		*why = blkdrv_why("options: '%s=%s' is not understood; want "
				  "fixed=on|off or mem-align=1..4096 (a power of two)",
				  o.key, o.value);
	return ret;
}

static int rawfile_take(struct rawfile *f, const struct blkdrv_params *p, char **why)
{
	struct stat st;
	int err;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	f->blockdev = S_ISBLK(st.st_mode);
	err = rawfile_options(f, p->options, why);
	if (!err)
		err = rawfile_lock_both(f, p->readonly, why);
	if (!err)
		err = rawfile_caps(f, p, why);
	if (!err && f->in_memory)
		rawmap_open(&f->map, f->fd, f->drv.info.size);
	return err;
}

int rawfile_open(struct rawfile *f, const struct blkdrv_params *p, char **why)
{
	struct blkdrv_params own = *p;
	int err = 0;

	*why = NULL;
	if (!own.nfds)
		err = rawfile_open_files(&own);
	if (err) {
		*why = blkdrv_why("%s: cannot be opened%s: %s",
				  p->target ? p->target : "(no target)",
				  p->readonly ? "" : " for writing", strerror(-err));
		return err;
	}
	if (own.nfds < 2)
		return -EINVAL;
	f->fd = own.fds[0];
	f->alive_fd = own.fds[1];
	f->name = strdup(p->target);
	err = f->name ? rawfile_take(f, &own, why) : -ENOMEM;
	if (err)
		free(f->name);
	/* the first two stay open if it went well; the caller's if it did not */
	for (int i = err ? 0 : 2; i < own.nfds && !(err && p->nfds); i++)
		close(own.fds[i]);
	return err;
}

int rawfile_let_go(struct blkdrv *dev)
{
	struct rawfile *f = (struct rawfile *)dev;

	if (!dev->info.readonly && fdatasync(f->fd) < 0)
		return -errno;
	rawfile_unlock(f->fd, RAWFILE_LOCK_IO);
	rawfile_unlock(f->alive_fd, RAWFILE_LOCK_ALIVE);
	return 0;
}

int rawfile_hold(struct blkdrv *dev)
{
	cleanup_free char *why = NULL;

	return rawfile_lock_both((struct rawfile *)dev, dev->info.readonly, &why);
}

void rawfile_close(struct rawfile *f)
{
	rawmap_close(&f->map);
	close(f->fd);
	close(f->alive_fd);
	free(f->name);
}
