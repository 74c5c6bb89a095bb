/* SPDX-License-Identifier: MIT */
/*
 * The ports that the contract of network drivers is tested on: a row each, with
 * what stands at the other end. A new driver adds rows to netcase.c; what it needs
 * besides stands in a file of its own.
 */
#ifndef TANDEM_TESTS_LIB_NETCASE_H
#define TANDEM_TESTS_LIB_NETCASE_H

#include <limits.h>
#include <sys/types.h>

#include "backends/net/netdrv.h"

struct netcase_dev;

/* A way to ask for a port that must be refused. */
struct netcase_bad {
	const char *target, *options;
	int err; /* 0: -EINVAL */
};

struct netcase {
	const char *name, *driver;
	const char *target, *options; /* unless setup() says otherwise */
	const struct netdrv_ops *ops; /* NULL: the one of that name in the table */
	/* NULL, or why this case cannot run here. */
	const char *(*impossible)(void);
	/* Makes the other end, before open; may change d->params. NULL: no need. */
	void (*setup)(struct netcase_dev *d);
	void (*teardown)(struct netcase_dev *d); /* after close */
	/* The other end, on the test's thread. NULL: it cannot.
	 * take: the next frame that the port sent out. Bytes; 0: none in that time.
	 * give: a frame for the port. False: it could not. */
	ssize_t (*take)(struct netcase_dev *d, void *frame, size_t size, int timeout_ms);
	bool (*give)(struct netcase_dev *d, const void *frame, size_t len);
	bool comes;	  /* packets come without give() */
	uint32_t max_len; /* the longest frame that take and give see; 0: NETRIG_MAX */
	uint32_t min_len; /* the shortest; 0: 14 */
	uint32_t wakes;	  /* rounds of the test of wake-ups; 0: 100000 */
	const struct netcase_bad *bad; /* ends with an entry of nothing */
};

struct netcase_dev {
	const struct netcase *c;
	struct netdrv *dev;
	struct netdrv_params params;
	char dir[64], path[128], out[160], text[256]; /* setup's, "": none */
	off_t at;				      /* setup's */
	int fd;					      /* setup's; -1: none */
	void *end;				      /* setup's */
};

const struct netcase *netcase_nth(unsigned i); /* NULL at the end */

/* A device with its other end; queues as netdrv_params.queues. Fails the test if
 * that cannot be. */
struct netcase_dev *netcase_open(const struct netcase *c, uint32_t queues);
void netcase_close(struct netcase_dev *d);

/* netpipe.c: a port by hand whose other end is a socket; what the contract's
 * test itself is tried on, and the smallest driver with a descriptor. */
extern const struct netdrv_ops netpipe;

#endif
