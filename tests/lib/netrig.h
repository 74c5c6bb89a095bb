/* SPDX-License-Identifier: MIT */
/*
 * A rig for network drivers: a device, a worker and a queue of it, driven as
 * netback drives them, and packets whose memory ends where their bytes end.
 */
#ifndef TANDEM_TESTS_LIB_NETRIG_H
#define TANDEM_TESTS_LIB_NETRIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/net/netdrv.h"
#include "backends/worker.h"

/* ------------------------------------------------------------------ packets */

#define NETRIG_MAX 65535u
/* Test frames: an Ethernet type of nobody's, so that what else an interface
 * says can be told from them. */
#define NETRIG_ETHERTYPE 0x88b5u

/* A netbuf with memory of its own, a stretch an iovec. */
struct netpkt {
	struct netbuf b;   /* first */
	struct netbuf was; /* iov and iovcnt as they were made */
	uint32_t head;	   /* bytes in front of iov[0] */
};

/* Broadcast from a local address; the bytes behind the header from seed.
 * len >= 14. */
void netrig_frame(uint8_t *frame, uint32_t len, uint64_t seed);
bool netrig_frame_is_ours(const uint8_t *frame, size_t len);

/* A packet to send: iov[0] of min(len, first) bytes (first >= NETBUF_HDR), the rest in
 * so many pieces of sizes from seed. */
struct netpkt *netpkt_new(const uint8_t *frame, uint32_t len, uint32_t first,
			  unsigned pieces, uint64_t seed);
/* Room for `bytes`: iov[0] of NETBUF_HDR (less where bytes are), pieces as above. */
struct netpkt *netpkt_room(uint32_t bytes, unsigned pieces, uint64_t seed);
/* Leaves NETBUF_TAG bytes in front of it. Returns p. */
struct netpkt *netpkt_tag_room(struct netpkt *p);
void netpkt_free(struct netpkt *p);
/* Its first b.len bytes. Fails the test when iov[] is not as it was made. */
void netpkt_bytes(const struct netpkt *p, uint8_t *to);
void netpkt_assert_untouched(const struct netpkt *p);

/* ------------------------------------------------------------------- device */

/* Opens as netback does. The driver's error, and its words (malloc'd or NULL).
 * ops NULL: the one of that name in the table. */
int netrig_try_open(const struct netdrv_ops *ops, const struct netdrv_params *params,
		    struct netdrv **dev, char **why);
/* Fails the cmocka test with the driver's own words. */
struct netdrv *netrig_open(const struct netdrv_ops *ops, const struct netdrv_params *p);

struct netrig {
	struct netdrv *dev;
	struct worker *worker;
	struct netdrv_queue *q;
	uint32_t index;
	struct worker_client client;
	struct netdrv_client news;
	/* Called for each packet on the worker's thread; NULL: none is wanted.
	 * True: counts as received. */
	bool (*got)(struct netrig *rig, const struct netbuf *b);
	void *got_arg;
	struct netpkt *room; /* got's */
	/* Counts. */
	_Atomic uint64_t received, too_large, sleeps, readies;
	/* netrig_recv()'s and netrig_send_all()'s. */
	struct netbuf *want;
	int result;
	bool sending, room_again;
	pthread_mutex_t lock;
	pthread_cond_t cond;
};

/* Queue `index` of dev on a worker of its own. poll_ns as worker_new's. */
void netrig_start(struct netrig *rig, struct netdrv *dev, uint32_t index,
		  uint64_t poll_ns);
void netrig_stop(struct netrig *rig); /* rig->worker is NULL then */

/* One send(). How many were taken. */
int netrig_send(struct netrig *rig, struct netpkt *const *pkts, unsigned n);
/* All of them, waiting for room. False: none came within 5 s. */
bool netrig_send_all(struct netrig *rig, struct netpkt *const *pkts, unsigned n);
/* Waits for a packet: what recv() said, 0 after that time. */
int netrig_recv(struct netrig *rig, struct netpkt *room, int timeout_ms);
/* From now on each packet goes to got() (NULL: none is taken). */
void netrig_stream(struct netrig *rig,
		   bool (*got)(struct netrig *rig, const struct netbuf *b), void *arg);
/* Waits until so many packets were received. False: not within that time. */
bool netrig_wait_received(struct netrig *rig, uint64_t n, int timeout_ms);
/* The queue's drops, read on its worker. */
uint64_t netrig_drops(struct netrig *rig);
/* Calls arm() as before a sleep. */
int netrig_arm(struct netrig *rig, bool want_recv);

/* One of the driver's counters; fails the test if there is none of that name. */
uint64_t netrig_stat(struct netdrv *dev, const char *key);
/* Descriptors that this process has open. */
unsigned netrig_fds(void);

#endif
