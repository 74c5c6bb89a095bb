/* SPDX-License-Identifier: MIT */
/* Batches that end while they are submitted. */
#include "backends/worker.h"
#include "backends/worker_reg.h"

unsigned worker_send_held(struct worker *w, unsigned n)
{
	struct io_uring *ring = worker_reg(w)->ring;
	struct io_uring_sq *sq = &ring->sq;
	unsigned left;

	while (io_uring_sq_ready(ring) && io_uring_submit(ring) > 0)
		;
	left = io_uring_sq_ready(ring);
	if (left > n)
		left = n;
	/* the kernel is short of memory: what it has not seen becomes nothing */
	for (unsigned i = 1; i <= left; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[(sq->sqe_tail - i) & sq->ring_mask];

		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data(sqe, NULL);
	}
	return left;
}
