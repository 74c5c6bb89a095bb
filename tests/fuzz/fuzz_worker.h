/* SPDX-License-Identifier: MIT */
/* The worker of the fuzz targets; see fuzz_worker.c. */
#ifndef TANDEM_TESTS_FUZZ_FUZZ_WORKER_H
#define TANDEM_TESTS_FUZZ_FUZZ_WORKER_H

#include "backends/worker.h"

/* The one worker, made new. */
struct worker *fuzz_worker(void);
/* As it is. */
struct worker *fuzz_worker_get(void);
/* One round of it; how much its clients did, or have to do still. */
int fuzz_worker_round(void);

#endif
