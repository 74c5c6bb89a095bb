/* SPDX-License-Identifier: MIT */
/* Batches that end while they are submitted. */
#include "backends/worker.h"
#include "backends/worker_reg.h"
#include "hv/base/uring_batch.h"

unsigned worker_send_held(struct worker *w, unsigned n)
{
	return uring_batch_submit(worker_reg(w)->ring, n);
}
