/* SPDX-License-Identifier: MIT */
/*
 * Queues of netback on the calling thread: fuzz_worker.h's worker, a port that
 * checks what it is sent, a frontend's rings and pages. What does not hold ends
 * the program.
 */
#ifndef TANDEM_TESTS_LIB_NETQSIM_H
#define TANDEM_TESTS_LIB_NETQSIM_H

#include "backends/net/netq.h"
#include "tests/fuzz/fuzz_worker.h"
#include "tests/lib/memplat.h"

#define NETQSIM_PAGES 20u
#define NETQSIM_WAIT  64u /* packets in the port */

/* A packet in the port, on its way to the guest. */
struct netqsim_pkt {
	struct netif_meta meta;
	uint32_t len;
	uint8_t head[64]; /* its first bytes; those behind are 0x5c */
};

struct netqsim {
	struct netdrv port;
	struct netdrv *dev; /* the port, or what is around it */
	struct netdrv_queue pq;
	bool echo;     /* what is sent comes back */
	unsigned room; /* packets that send() takes at once */
	uint64_t sent, sent_bytes;
	struct netqsim_pkt wait[NETQSIM_WAIT];
	unsigned wait_head, wait_tail;
	void (*on_send)(struct netqsim *s, const struct netbuf *b); /* or NULL */

	struct netq *q;
	struct netguard guard;
	struct throttle *throttle;
	bool broken, stopped;

	struct plat *fe;
	struct gnttab_arena *rings, *data;
	struct evtchn *ch;
	struct ring_front tx, rx;
};

/* What a queue is to be: the guest's and the port's sides. */
struct netqsim_config {
	struct netdrv_caps send, guest;
	bool sg, echo, readonly, no_recv;
	uint32_t mtu;
	uint16_t vlan;	      /* of netvlan.h around the port; 0: none */
	uint64_t stall_ns;    /* 0: 60 s */
	uint64_t bytes_per_s; /* 0: no limit */
};

/* Of domain `fe` (2, 3, ...) of hv, served by `be`. */
void netqsim_start(struct netqsim *s, struct memhv *hv, struct plat *be, domid_t fe,
		   const struct netqsim_config *c);
void netqsim_stop(struct netqsim *s);
/* A packet for the guest; false: too many wait. */
bool netqsim_feed(struct netqsim *s, const struct netif_meta *m, uint32_t len);
/* Every request is answered at most once, and in its slot. */
void netqsim_check(const struct netqsim *s);

/* Honest traffic: an RX request for `page`, a packet of 60 bytes from it. */
void netqsim_post(struct netqsim *s, unsigned page);
void netqsim_send(struct netqsim *s, unsigned page, uint8_t mark);

#endif
