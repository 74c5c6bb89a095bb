/* SPDX-License-Identifier: MIT */
/* A board for tests (fakepc.h) with most of the PC's devices, as a guest leaves them. */
#ifndef TANDEM_TESTS_LIB_FULLPC_H
#define TANDEM_TESTS_LIB_FULLPC_H

#include "tests/lib/fakepc.h"

#define FULLPC_TOYS 2
#define FULLPC_MAX  (1u << 20) /* bytes of its saved state, at most */

/* Two of one name. */
struct fulltoy {
	struct pcdev dev;
	uint32_t word;
	bool busy;
};

struct fullpc {
	struct fakepc *f;
	struct fulltoy toy[FULLPC_TOYS];
};

/* Ends the test if it cannot. */
void fullpc_open(struct fullpc *p);
void fullpc_close(struct fullpc *p);
/* Some registers of all devices, and timers that run. */
void fullpc_use(struct fullpc *p);

#endif
