/* SPDX-License-Identifier: MIT */
/* The state directory and its sockets. */
#include "tools/hvd_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/base/statedir.h"

#define LOCK_NAME "lock"
#define DIR_MAX	  90 /* with "/xenstored/socket" it still fits a sockaddr_un */

static const struct {
	const char *name;
	int type;
} sockets[HVD_DIR_NR] = {
	[HVD_DIR_HV] = { STATEDIR_HV_SOCKET, SOCK_SEQPACKET },
	[HVD_DIR_XS] = { STATEDIR_XS_SOCKET, SOCK_STREAM },
};

struct hvd_dir {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int lock;
	int fd[HVD_DIR_NR];
	bool bound[HVD_DIR_NR];
};

/* A path in the directory; the length was checked by dir_path_set(). */
static const char *dir_join(const struct hvd_dir *d, const char *name, char *buf)
{
	/* cannot overflow: see there */
	snprintf(buf, sizeof(d->path), "%.*s/%s", DIR_MAX, d->path, name);
	return buf;
}

static int dir_path_set(struct hvd_dir *d, const char *path)
{
	int err;

	if (path)
		err = snprintf(d->path, DIR_MAX + 1, "%s", path) > DIR_MAX ? -ENAMETOOLONG
									   : 0;
	else
		err = statedir_path(d->path, DIR_MAX + 1, "");
	if (err)
		log_err("the state directory's path is too long for a socket (more than "
			"%d bytes): choose another with --dir",
			DIR_MAX);
	return err;
}

/* Makes `path` if it is missing, and sees that it is nobody else's. */
static int dir_make(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		log_err("%s: cannot make the directory: %s", path, strerror(errno));
		return -errno;
	}
	if (lstat(path, &st) < 0) {
		log_err("%s: %s", path, strerror(errno));
		return -errno;
	}
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077))
		return 0;
	log_err("%s: must be a directory of the user %u with mode 0700", path,
		(unsigned)geteuid());
	return -EPERM;
}

static int dir_lock(struct hvd_dir *d)
{
	char path[sizeof(d->path)], pid[16] = "";
	int err;

	dir_join(d, LOCK_NAME, path);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0) {
		err = -errno;
		log_err("%s: %s", path, strerror(-err));
		return err;
	}
	if (flock(d->lock, LOCK_EX | LOCK_NB) < 0) {
		/* the pid is a courtesy */
		(void)!pread(d->lock, pid, sizeof(pid) - 1, 0);
		pid[strcspn(pid, "\n")] = '\0';
		log_err("%s: another instance runs here (pid %s)", d->path, pid);
		return -EBUSY;
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) < 0 || pwrite(d->lock, pid, strlen(pid), 0) < 0) {
		err = -errno;
		log_err("%s: %s", path, strerror(-err));
		return err;
	}
	return 0;
}

static int dir_bind(struct hvd_dir *d, enum hvd_dir_socket which)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, sockets[which].type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	dir_join(d, sockets[which].name, addr.sun_path);
	/* what is there is a dead instance's: the lock is ours */
	if (fd < 0 || (unlink(addr.sun_path) < 0 && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		goto fail;
	d->fd[which] = fd;
	d->bound[which] = true;
	if (!listen(fd, 128))
		return 0;
	fd = -1;
fail:
	err = -errno;
	log_err("%s: %s", addr.sun_path, strerror(-err));
	if (fd >= 0)
		close(fd);
	return err;
}

int hvd_dir_open(const char *path, struct hvd_dir **dir)
{
	struct hvd_dir *d = calloc(1, sizeof(*d));
	char sub[sizeof(d->path)];
	int err;

	if (!d)
		return -ENOMEM;
	d->lock = -1;
	for (int i = 0; i < HVD_DIR_NR; i++)
		d->fd[i] = -1;
	err = dir_path_set(d, path);
	if (!err)
		err = dir_make(d->path);
	if (!err)
		err = dir_lock(d);
	if (!err)
		err = dir_make(dir_join(d, "xenstored", sub));
	for (int i = 0; !err && i < HVD_DIR_NR; i++)
		err = dir_bind(d, (enum hvd_dir_socket)i);
	if (err)
		hvd_dir_close(d);
	else
		*dir = d;
	return err;
}

int hvd_dir_take(struct hvd_dir *dir, enum hvd_dir_socket which)
{
	int fd = dir->fd[which];

	dir->fd[which] = -1;
	return fd;
}

void hvd_dir_close(struct hvd_dir *d)
{
	char path[sizeof(d->path)];

	if (!d)
		return;
	for (int i = 0; i < HVD_DIR_NR; i++) {
		if (d->fd[i] >= 0)
			close(d->fd[i]);
		/* cannot fail in a way that matters: the next instance replaces it */
		if (d->bound[i])
			(void)unlink(dir_join(d, sockets[i].name, path));
	}
	if (d->lock >= 0)
		close(d->lock);
	free(d);
}
