/* SPDX-License-Identifier: MIT */
/* Files and buffers registered with a worker's io_uring, counted. */
#ifndef TANDEM_BACKENDS_WORKER_REG_H
#define TANDEM_BACKENDS_WORKER_REG_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>

#define WORKER_REG_FILES 512
#define WORKER_REG_BUFS	 512

struct worker_reg {
	struct io_uring *ring;
	bool files_ready, bufs_ready;
	struct {
		int fd;
		unsigned users;
	} file[WORKER_REG_FILES];
	struct {
		void *base;
		size_t len;
		unsigned users;
	} buf[WORKER_REG_BUFS];
};

struct worker;
struct worker_reg *worker_reg(struct worker *w);

void worker_reg_init(struct worker_reg *reg, struct io_uring *ring);
void worker_reg_exit(struct worker_reg *reg);

#endif
