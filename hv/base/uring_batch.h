/* SPDX-License-Identifier: MIT */
/* io_uring: a batch of operations that end while they are submitted. */
#ifndef TANDEM_HV_BASE_URING_BATCH_H
#define TANDEM_HV_BASE_URING_BATCH_H

#include <liburing.h>
#include <stddef.h>

/*
 * Submits all that was prepared, of which the last n are the batch. Those of them
 * that the kernel did not take, because it is short of memory, become nothing;
 * returns how many.
 */
static inline unsigned uring_batch_submit(struct io_uring *ring, unsigned n)
{
	struct io_uring_sq *sq = &ring->sq;
	unsigned left;

	while (io_uring_sq_ready(ring) && io_uring_submit(ring) > 0)
		;
	left = io_uring_sq_ready(ring);
	if (left > n)
		left = n;
	for (unsigned i = 1; i <= left; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[(sq->sqe_tail - i) & sq->ring_mask];

		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data(sqe, NULL);
	}
	return left;
}

#endif
