/* SPDX-License-Identifier: MIT */
/* Landlock, by its system calls: files, and where the kernel has it TCP and signals. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/sandbox_int.h"

/* Of later kernels than this header knows. */
#define FS_TRUNCATE  (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5: not handled, ioctls are seccomp's */
#define NET_TCP_ALL  3ull	  /* ABI 4: bind, connect */
#define SCOPE_ALL    3ull	  /* ABI 6: abstract unix sockets, signals */

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

static int ruleset_new(int abi)
{
	struct ruleset_attr attr = {
		.fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	size_t size = sizeof(attr.fs);
	long fd;

	if (abi >= 2)
		attr.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		attr.fs |= FS_TRUNCATE;
	if (abi >= 4) {
		attr.net = NET_TCP_ALL;
		size += sizeof(attr.net);
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_ALL;
		size += sizeof(attr.scoped);
	}
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	return fd < 0 ? -errno : (int)fd;
}

static int ruleset_allow(int ruleset, const char *dir, bool readonly, int abi)
{
	cleanup_close int fd = open(dir, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr attr = {
		.allowed_access =
			LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = fd,
	};

	if (fd < 0)
		return -errno;
	if (!readonly)
		attr.allowed_access |=
			LANDLOCK_ACCESS_FS_WRITE_FILE | (abi >= 3 ? FS_TRUNCATE : 0);
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr,
		       0) < 0
		       ? -errno
		       : 0;
}

int sandbox_landlock(const struct sandbox_spec *spec)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	cleanup_close int ruleset = -1;
	int err = 0;

	if (abi < 1)
		return -ENOSYS;
	ruleset = ruleset_new((int)abi);
	if (ruleset < 0)
		return ruleset;
	for (const char *const *d = spec->dirs; d && *d && !err; d++)
		err = ruleset_allow(ruleset, *d, spec->dirs_readonly, (int)abi);
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		err = -errno;
	return err;
}
