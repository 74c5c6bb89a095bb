/* SPDX-License-Identifier: MIT */
/* The sandbox: privileges, limits, and the order of its parts. */
#include "hv/base/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/base/sandbox_int.h"

static int limit_set(int what, uint64_t value)
{
	struct rlimit rl;

	if (getrlimit((__rlimit_resource_t)what, &rl) < 0)
		return -errno;
	if (value < rl.rlim_max)
		rl.rlim_max = value;
	rl.rlim_cur = rl.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &rl) < 0 ? -errno : 0;
}

static int limits_drop(const struct sandbox_spec *spec)
{
	int err = limit_set(RLIMIT_CORE, 0);

	if (!err && spec->nofile)
		err = limit_set(RLIMIT_NOFILE, spec->nofile);
	if (!err && spec->memory)
		err = limit_set(RLIMIT_AS, spec->memory);
	return err;
}

static int caps_drop(uint64_t keep)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct cap[2];

	if (syscall(SYS_capget, &hdr, cap) < 0)
		return -errno;
	/* fails without CAP_SETPCAP, and then there is nothing to drop */
	for (int i = 0; i < 64; i++)
		if (!(keep & 1ull << i))
			(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	/* cannot fail where there are ambient capabilities */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));

		cap[i].permitted &= mask;
		cap[i].effective = cap[i].permitted;
		cap[i].inheritable = 0;
	}
	return syscall(SYS_capset, &hdr, cap) < 0 ? -errno : 0;
}

int sandbox_enter(const struct sandbox_spec *spec)
{
	int landlock, missing = 0, err;

	/* where a system forbids them it says so in many ways */
	if (spec->isolate && sandbox_namespaces())
		missing |= SANDBOX_NO_NAMESPACES;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	landlock = sandbox_landlock(spec);
	/* with opening allowed it is all that says where */
	if (landlock < 0 && (landlock != -ENOSYS || spec->dirs))
		return landlock;
	if (landlock < 0)
		missing |= SANDBOX_NO_LANDLOCK;
	err = limits_drop(spec);
	if (!err)
		err = caps_drop(spec->caps);
	if (!err)
		err = sandbox_seccomp(spec);
	return err ? err : missing;
}

/* What a restricted ring may be asked to do, and register. */
static const uint8_t ring_ops[] = {
	IORING_OP_NOP,		IORING_OP_READV,	  IORING_OP_WRITEV,
	IORING_OP_READ,		IORING_OP_WRITE,	  IORING_OP_READ_FIXED,
	IORING_OP_WRITE_FIXED,	IORING_OP_FSYNC,	  IORING_OP_SYNC_FILE_RANGE,
	IORING_OP_FALLOCATE,	IORING_OP_POLL_ADD,	  IORING_OP_POLL_REMOVE,
	IORING_OP_TIMEOUT,	IORING_OP_TIMEOUT_REMOVE, IORING_OP_LINK_TIMEOUT,
	IORING_OP_ASYNC_CANCEL, IORING_OP_FADVISE,	  IORING_OP_MADVISE,
	IORING_OP_SENDMSG,	IORING_OP_RECVMSG,	  IORING_OP_SEND,
	IORING_OP_RECV,		IORING_OP_CLOSE,	  IORING_OP_FILES_UPDATE,
	IORING_OP_MSG_RING,	IORING_OP_URING_CMD,
};
static const uint8_t ring_registers[] = {
	IORING_REGISTER_BUFFERS,	IORING_UNREGISTER_BUFFERS,
	IORING_REGISTER_FILES,		IORING_UNREGISTER_FILES,
	IORING_REGISTER_FILES_UPDATE,	IORING_REGISTER_BUFFERS2,
	IORING_REGISTER_BUFFERS_UPDATE, IORING_REGISTER_FILES2,
	IORING_REGISTER_FILES_UPDATE2,	IORING_REGISTER_EVENTFD,
	IORING_UNREGISTER_EVENTFD,	IORING_REGISTER_PROBE,
	IORING_REGISTER_RING_FDS,	IORING_UNREGISTER_RING_FDS,
	IORING_REGISTER_IOWQ_AFF,	IORING_REGISTER_IOWQ_MAX_WORKERS,
	IORING_REGISTER_SYNC_CANCEL,
};

int sandbox_uring_restrict(int ring_fd)
{
	struct io_uring_restriction r[sizeof(ring_ops) + sizeof(ring_registers) + 2] = {
		{ 0 }
	};
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(ring_ops); i++) {
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n++].sqe_op = ring_ops[i];
	}
	for (size_t i = 0; i < sizeof(ring_registers); i++) {
		r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
		r[n++].register_op = ring_registers[i];
	}
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[n++].sqe_flags = IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK |
			   IOSQE_IO_HARDLINK | IOSQE_ASYNC | IOSQE_CQE_SKIP_SUCCESS;
	if (syscall(SYS_io_uring_register, ring_fd, IORING_REGISTER_RESTRICTIONS, r, n) <
		    0 ||
	    syscall(SYS_io_uring_register, ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL,
		    0) < 0)
		return -errno;
	return 0;
}
