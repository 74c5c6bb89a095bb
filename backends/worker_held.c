/* SPDX-License-Identifier: MIT */
/* Batches that end while they are submitted. */
#include <string.h>

#include "backends/worker.h"
#include "backends/worker_reg.h"
#include "hv/base/uring_batch.h"

struct io_uring_sqe *worker_sqe_held(struct worker *w, struct worker_op *op)
{
	struct io_uring *ring = worker_reg(w)->ring;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	while (!sqe) {
		/* cannot fail for long: the kernel takes them once completions,
		 * which go to an unbounded overflow list, made room */
		(void)io_uring_submit(ring);
		sqe = io_uring_get_sqe(ring);
	}
	memset(sqe, 0, sizeof(*sqe));
	io_uring_sqe_set_data(sqe, op);
	return sqe;
}

unsigned worker_send_held(struct worker *w, unsigned n)
{
	return uring_batch_submit(worker_reg(w)->ring, n);
}
