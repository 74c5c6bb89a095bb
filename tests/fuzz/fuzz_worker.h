/* SPDX-License-Identifier: MIT */
/* The worker of the fuzz targets; see fuzz_worker.c. */
#ifndef TANDEM_TESTS_FUZZ_FUZZ_WORKER_H
#define TANDEM_TESTS_FUZZ_FUZZ_WORKER_H

#include "backends/worker.h"

/* The one worker, made new. */
struct worker *fuzz_worker(void);
/* One round of it. */
void fuzz_worker_round(void);

#endif
