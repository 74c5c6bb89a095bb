/* SPDX-License-Identifier: MIT */
/* The sandbox's namespaces: no file, network, System V object or host name of anybody's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/base/sandbox_int.h"

/* Every system that runs us has it, as a directory; what it holds does not matter. */
#define NEW_ROOT "/dev"
#define SPACES \
	(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

static int text_write(const char *path, const char *text)
{
	const size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		err = -errno;
	close(fd);
	return err;
}

/* A user namespace in which we stay who we are, for who may not have the others else. */
static int user_space(uid_t uid, gid_t gid)
{
	char map[64];
	int err;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	err = text_write("/proc/self/uid_map", map);
	if (!err)
		err = text_write("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	return err ? err : text_write("/proc/self/gid_map", map);
}

/* An empty file system, read-only, is all there is. */
static int root_empty(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		  "size=4k,nr_inodes=1") < 0 ||
	    chdir(NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int sandbox_namespaces(void)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	int err;

	if (unshare(SPACES) < 0) {
		if (errno != EPERM)
			return -errno;
		err = user_space(uid, gid);
		if (err)
			return err;
		if (unshare(SPACES) < 0)
			return -errno;
	}
	return root_empty();
}
