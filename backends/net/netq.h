/* SPDX-License-Identifier: MIT */
/*
 * One queue of a virtual interface: a TX and an RX ring, their event channels,
 * and a queue of the port.
 *
 * netq.c owns the life of a queue and its rounds, netq_tx.c the way from the
 * guest to the port, netq_rx.c the way back. Everything runs on the queue's
 * worker but netq_new(), _start(), _stop(), _free() and the setters, which are the
 * control thread's.
 */
#ifndef TANDEM_BACKENDS_NET_NETQ_H
#define TANDEM_BACKENDS_NET_NETQ_H

#include <stdatomic.h>

#include "backends/net/netcap.h"
#include "backends/net/netdrv.h"
#include "backends/net/netgref.h"
#include "backends/net/netguard.h"
#include "backends/net/nethash.h"
#include "backends/net/netinbox.h"
#include "backends/throttle.h"
#include "backends/worker.h"
#include "hv/plat/plat.h"

/* Counters; written by the worker, read by the control thread. "tx" is what the
 * guest sends. */
#define NETQ_COUNTERS(X)                                                              \
	X(TX_PACKETS, "tx_packets")                                                   \
	X(TX_BYTES, "tx_bytes")                                                       \
	X(TX_GSO, "tx_gso")                                                           \
	X(TX_ERRORS, "tx_errors") /* malformed, or a page that cannot be read */      \
	X(TX_SPOOFED, "tx_spoofed")                                                   \
	X(TX_NO_ROOM, "tx_dropped_port") /* the port took no more */                  \
	X(TX_THROTTLED, "tx_throttled")	 /* packets that waited for the rate limit */ \
	X(RX_PACKETS, "rx_packets")                                                   \
	X(RX_BYTES, "rx_bytes")                                                       \
	X(RX_GSO, "rx_gso")                                                           \
	X(RX_ERRORS, "rx_errors")     /* a page that cannot be written */             \
	X(RX_FILTERED, "rx_filtered") /* multicast that was not asked for */          \
	X(RX_PORT_LOST, "rx_dropped_port")                                            \
	X(RX_STALLED, "rx_dropped_stalled")	 /* the guest had no room for long */ \
	X(RX_STEER_DROPS, "rx_dropped_steering") /* the other queue had no room */    \
	X(RX_WAITED, "rx_waited")     /* rounds that ended for lack of room */        \
	X(TX_DEPTH, "tx_queue_depth") /* gauges: requests on the ring in the last */  \
	X(RX_DEPTH, "rx_queue_depth") /* round that had something to do */            \
	X(NOTIFIED, "notifications_sent")                                             \
	X(UNNOTIFIED, "notifications_saved")                                          \
	X(EVENTS, "events")                                                           \
	X(MAPPED, "pages_mapped") /* for one packet only */                           \
	X(MULTICAST, "multicast_requests")

enum netq_counter {
#define X(id, name) NETQ_##id,
	NETQ_COUNTERS(X)
#undef X
		NETQ_NR_COUNTERS,
};
extern const char *const netq_counter_names[NETQ_NR_COUNTERS];

struct netq_config {
	struct plat *plat;
	domid_t frontend;
	uint32_t index, nr_queues;
	grant_ref_t tx_ref, rx_ref;
	evtchn_port_t tx_port, rx_port; /* the frontend's; the same: one channel */
	struct netdrv *port;
	struct netguard *guard;
	struct throttle *throttle; /* NULL: none */
	struct netdrv_caps guest;  /* what the guest can receive */
	bool sg;		   /* more than one slot a packet */
	/* Of all queues, for packets that the hash gives to another one than the
	 * port; NULL: none. */
	struct netinbox *const *inbox;
	uint64_t stall_ns;
	struct worker *worker;
	/* On the worker's thread. broken: at most once, the peer broke the
	 * protocol. stopped: once after netq_stop(), the last call. */
	void (*broken)(void *arg, int err);
	void (*stopped)(void *arg);
	/* `stalled` has changed. */
	void (*news)(void *arg);
	void *arg;
};

#define NETQ_TAG_ROOM 16u /* NETBUF_TAG, and what is behind it is aligned */

/* A packet of the guest on its way to the port, within a round. */
struct netq_tx {
	struct netbuf b; /* iov[0]: hdr */
	int16_t status;	 /* its answer */
	struct netif_pkt p;
	void *addr[NETIF_FATAL_SLOTS];
	_Alignas(16) uint8_t tag_room[NETQ_TAG_ROOM]; /* right in front of hdr */
	uint8_t hdr[NETBUF_HDR];
};

/* A frame cut out of a large segment. */
struct netq_seg {
	struct netbuf b;
	_Alignas(16) uint8_t tag_room[NETQ_TAG_ROOM];
	uint8_t hdr[NETBUF_HDR];
};

/* What a round on the way to the port works with; each worker has one for all its
 * queues, so that it stays in the cache. */
struct netq_scratch {
	struct netq_tx tx[NETDRV_BATCH];
	struct netq_seg seg[NETDRV_BATCH];
};
/* This thread's. */
struct netq_scratch *netq_scratch(void);

/* A buffer of the guest's, taken from the RX ring and not answered yet. */
struct netq_rxreq {
	grant_ref_t gref;
	uint16_t id;
	bool mapped;   /* for this packet only */
	uint8_t *addr; /* NULL: it cannot be written, and is answered with an error */
};

#define NETQ_RX_AHEAD 256u /* a power of two, the ring's slots */

struct netq {
	struct worker_client client; /* first */
	struct netdrv_client port_client;
	struct worker *worker;
	struct netdrv_queue *pq;
	const struct netdrv_ops *ops;
	struct ring_back tx, rx;
	bool failed, stopping, finished;
	bool held;	      /* held_pkt waits for the rate limit */
	bool cut;	      /* the port has no TSO */
	bool starving;	      /* the port may have packets, the guest has no room */
	_Atomic bool stalled; /* for so long that they are dropped */
	uint64_t starving_since;
	uint32_t rx_need;	     /* requests that a packet may take, at most */
	uint32_t rx_reserve;	     /* of these, for extras */
	uint32_t rx_head, rx_tail;   /* rxreq[head..tail) are taken */
	const struct netgref *grefs; /* pages that stay mapped */
	struct nethash hash;
	struct netcap *cap;	 /* gets copies; NULL: nobody does */
	struct netinbox *replay; /* packets beside the port's; NULL: none */
	struct gnttab_mapper *mapper;
	struct netq_chan {
		struct netq *q;
		struct evtchn *ch;
		struct worker_op op, cancel_op;
		bool polled, cancelling;
	} chan[2]; /* TX and RX; the second is unused where they share one */
	unsigned nr_chans;
	_Atomic uint64_t count[NETQ_NR_COUNTERS];
	uint64_t port_drops; /* as of the last round, of pq->drops */

	struct netq_config cfg;
	void *tx_page, *rx_page;
	struct netq_rxreq rxreq[NETQ_RX_AHEAD];
	/* Their pages, the first ones again behind the last: any packet's are in a row */
	struct iovec rxiov[NETQ_RX_AHEAD + NETBUF_IOVS];
	_Alignas(16) uint8_t rx_tag_room[NETQ_TAG_ROOM];
	uint8_t rx_hdr[NETBUF_HDR];
	struct netif_pkt held_pkt;
};

static inline void netq_count(struct netq *q, enum netq_counter c, uint64_t n)
{
	/* one writer: a load and a store are enough */
	atomic_store_explicit(&q->count[c],
			      atomic_load_explicit(&q->count[c], memory_order_relaxed) +
				      n,
			      memory_order_relaxed);
}

static inline void netq_gauge(struct netq *q, enum netq_counter c, uint64_t n)
{
	atomic_store_explicit(&q->count[c], n, memory_order_relaxed);
}

/* Maps the rings and binds the channels. -errno as plat.h; -EPROTO bad ring. */
int netq_new(const struct netq_config *cfg, struct netq **q);
/* Begins to serve. -errno of the driver. */
int netq_start(struct netq *q);
/* Takes no more requests; `stopped` follows. */
void netq_stop(struct netq *q);
/* After `stopped`, or if netq_start() failed or was not called. */
void netq_free(struct netq *q);
/* Between two rounds; return when it is so. */
void netq_set_throttle(struct netq *q, struct throttle *t);
void netq_set_hash(struct netq *q, const struct nethash *h);
void netq_set_grefs(struct netq *q, const struct netgref *t);
void netq_set_capture(struct netq *q, struct netcap *cap);
/* Of a started queue: from now on its guest gets what is put into the inbox, too;
 * NULL: no longer, and what is left in it is dropped. It goes with the queue.
 * -ENOMEM */
int netq_set_replay(struct netq *q, struct netinbox *box);

/* ---- netq_tx.c, netq_rx.c, for netq.c ---- */

/* A batch each; how many packets or requests were moved, or -EPROTO. */
int netq_tx_run(struct netq *q);
int netq_rx_run(struct netq *q);
/* A packet for the guest from somewhere else on this worker, now. False: there is no
 * room, nothing has happened. */
bool netq_rx_take(struct netq *q, const struct netbuf *b);
/* Unmaps what is taken and not answered, without an answer. */
void netq_rx_drop(struct netq *q);
/* The table of pages has changed: what is taken finds its pages anew. */
void netq_rx_remap(struct netq *q);
/* As if the guest had always had room: what it has is looked at anew. */
void netq_rx_unstall(struct netq *q);
/* Requests that the largest packet takes, and those of them that are extras. */
void netq_rx_size(struct netq *q);

/* A guest's page: kept mapped, or mapped now (*mapped). NULL: it cannot be. */
void *netq_map(struct netq *q, grant_ref_t ref, int prot, bool *mapped);

#endif
