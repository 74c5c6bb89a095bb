/* SPDX-License-Identifier: MIT */
/* The fault driver's log of what it told the inner driver. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backends/block/drv_fault.h"
#include "hv/base/log.h"

_Static_assert(sizeof(struct fault_record) == 40, "a file format");

int fault_log_open(const struct fault_plan *plan, struct blkdrv_params *p)
{
	int fd;

	if (p->may_open && !p->may_open(p, plan->log))
		return -EACCES;
	if (p->nfds == BLKDRV_MAX_FDS)
		return -EMFILE;
	fd = open(plan->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return -errno;
	p->fds[p->nfds++] = fd;
	return 0;
}

void fault_log(int fd, enum fault_log_kind kind, const struct blkdrv_io *io, uint64_t id,
	       int result)
{
	struct fault_record r = { .magic = FAULT_LOG_MAGIC,
				  .kind = (uint8_t)kind,
				  .result = result,
				  .id = id };
	struct iovec iov[IOV_MAX] = { { .iov_base = &r, .iov_len = sizeof(r) } };
	size_t want = sizeof(r);
	int n = 1;

	if (io) {
		r.op = (uint8_t)io->op;
		r.offset = io->offset;
		r.len = io->len;
	}
	if (kind == FAULT_LOG_BEGIN && io->op == BLKDRV_WRITE) {
		for (; n <= io->iovcnt && n < IOV_MAX; n++)
			iov[n] = io->iov[n - 1];
		want += io->len;
	}
	if (writev(fd, iov, n) != (ssize_t)want)
		log_err("fault driver: a record of the log is incomplete");
}
