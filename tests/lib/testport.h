/* SPDX-License-Identifier: MIT */
/*
 * "test": a port for tests of netback, in place of every driver: it checks that
 * each packet keeps netdrv.h's contract, keeps what is sent to it or sends it
 * back, and gives what a test puts in. Executables that use it wrap
 * netdrv_find() (-Wl,--wrap=netdrv_find).
 */
#ifndef TANDEM_TESTS_LIB_TESTPORT_H
#define TANDEM_TESTS_LIB_TESTPORT_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/net/netdrv.h"
#include "backends/net/netinbox.h"

#define TESTPORT_QUEUES 16u
#define TESTPORT_KEEP	4096u

struct testport_pkt {
	struct netif_meta meta;
	uint32_t queue, len;
	uint8_t *bytes;
};

struct testport {
	struct netdrv drv; /* first */
	bool echo;	   /* target "echo": what is sent comes back */
	struct netdrv_caps guest;
	struct netinbox *box[TESTPORT_QUEUES];
	_Atomic bool full; /* send() takes nothing */
	pthread_mutex_t lock;
	struct testport_pkt sent[TESTPORT_KEEP]; /* the first; under lock */
	unsigned kept;
	_Atomic uint64_t nr_sent, bytes_sent;
	struct testport *next;
};

/* What the next port to be opened is; all zero: 4 queues, MTU 1500, carries all. */
extern struct netdrv_info testport_info;
/* The last port that was opened with this target, or NULL. */
struct testport *testport_find(const char *target);

/* Puts a packet on its way to the guest. False: too many wait already. */
bool testport_feed(struct testport *tp, uint32_t queue, const struct netif_meta *m,
		   const uint8_t *bytes, uint32_t len);
/* Waits until n packets have been sent (10 s). */
bool testport_wait(struct testport *tp, uint64_t n);
/* Forgets what was sent. */
void testport_clear(struct testport *tp);

#endif
