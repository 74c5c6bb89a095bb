/* SPDX-License-Identifier: MIT */
/*
 * Registration: what a worker's I/O uses often is made known to the kernel
 * once, so that an operation takes no reference and pins no page.
 */
#include "backends/worker_reg.h"

#include <errno.h>
#include <string.h>

#include "backends/worker.h"

void worker_reg_init(struct worker_reg *reg, struct io_uring *ring)
{
	memset(reg, 0, sizeof(*reg));
	reg->ring = ring;
	reg->files_ready = !io_uring_register_files_sparse(ring, WORKER_REG_FILES);
	reg->bufs_ready = !io_uring_register_buffers_sparse(ring, WORKER_REG_BUFS);
}

void worker_reg_exit(struct worker_reg *reg)
{
	reg->files_ready = reg->bufs_ready = false;
}

int worker_file_get(struct worker *w, int fd)
{
	struct worker_reg *reg = worker_reg(w);
	int slot = -1, err;

	if (!reg->files_ready)
		return -EOPNOTSUPP;
	for (int i = 0; i < WORKER_REG_FILES; i++) {
		if (reg->file[i].users && reg->file[i].fd == fd) {
			reg->file[i].users++;
			return i;
		}
		if (!reg->file[i].users && slot < 0)
			slot = i;
	}
	if (slot < 0)
		return -ENOSPC;
	err = io_uring_register_files_update(reg->ring, (unsigned)slot, &fd, 1);
	if (err < 0)
		return err;
	reg->file[slot].fd = fd;
	reg->file[slot].users = 1;
	return slot;
}

void worker_file_put(struct worker *w, int index)
{
	struct worker_reg *reg = worker_reg(w);
	int none = -1;

	if (index < 0 || --reg->file[index].users)
		return;
	/* cannot fail: the slot is ours and in range */
	(void)io_uring_register_files_update(reg->ring, (unsigned)index, &none, 1);
}

int worker_buf_get(struct worker *w, void *base, size_t len)
{
	struct worker_reg *reg = worker_reg(w);
	struct iovec iov = { .iov_base = base, .iov_len = len };
	__u64 tag = 0;
	int slot = -1, err;

	if (!reg->bufs_ready)
		return -EOPNOTSUPP;
	for (int i = 0; i < WORKER_REG_BUFS; i++) {
		if (reg->buf[i].users && reg->buf[i].base == base &&
		    reg->buf[i].len == len) {
			reg->buf[i].users++;
			return i;
		}
		if (!reg->buf[i].users && slot < 0)
			slot = i;
	}
	if (slot < 0)
		return -ENOSPC;
	err = io_uring_register_buffers_update_tag(reg->ring, (unsigned)slot, &iov, &tag,
						   1);
	if (err < 0)
		return err;
	reg->buf[slot].base = base;
	reg->buf[slot].len = len;
	reg->buf[slot].users = 1;
	return slot;
}

void worker_buf_put(struct worker *w, int index)
{
	struct worker_reg *reg = worker_reg(w);
	struct iovec none = { 0 };
	__u64 tag = 0;

	if (index < 0 || --reg->buf[index].users)
		return;
	/* cannot fail: the slot is ours and in range */
	(void)io_uring_register_buffers_update_tag(reg->ring, (unsigned)index, &none,
						   &tag, 1);
}
