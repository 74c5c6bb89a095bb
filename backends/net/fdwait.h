/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a port's descriptor in the worker's io_uring. The kernel may
 * answer after the queue has gone, so this is memory of its own, which goes
 * with the last answer. All on the worker's thread.
 */
#ifndef TANDEM_BACKENDS_NET_FDWAIT_H
#define TANDEM_BACKENDS_NET_FDWAIT_H

#include "backends/net/netdrv.h"
#include "backends/worker.h"

struct fdwait {
	struct worker_op in, out; /* polls for POLLIN, POLLOUT */
	struct worker_op failed;  /* for the owner's SQEs; counts what failed */
	struct worker_op end;
	struct worker *worker;
	struct netdrv_client *client; /* NULL: stopped */
	int fd;
	bool in_armed, out_armed;
	uint64_t failures; /* answers to `failed` that were errors */
	unsigned ends;	   /* answers that a stop waits for */
};

/* fd stays the caller's. NULL: out of memory. */
struct fdwait *fdwait_new(struct worker *w, int fd, struct netdrv_client *client);
/* client->ready() once the descriptor can be read, written. */
void fdwait_arm(struct fdwait *f, bool in, bool out);
/* No more calls to the client. */
void fdwait_free(struct fdwait *f);

#endif
