/* SPDX-License-Identifier: MIT */
/*
 * What the files of netfront share: the vif and its queues.
 *
 * A queue lives as long as the vif, and so do the pages that its packets lie in:
 * what the caller holds stays valid over a reconnect. Rings and event channels
 * come and go with the backend. Where a backend offers fewer rings than there
 * are queues, the others send through queue `to`, and receive nothing.
 *
 * A page of the transmit arena never becomes one of the receive arena, and both
 * belong to one queue of one vif and one backend domain: what a page still holds
 * was sent to, or came from, that domain (XSA-403). The backend can only read the
 * transmit arena.
 *
 * Locks: netq.lock guards the queue; its owner's thread and the control thread
 * take it, and other queues' owners if they send through it. net.lock guards what
 * tandem_net_get_info() shows. Order: queues by index, then net.lock.
 *
 * Threads: the control thread (front.h) alone talks to xenstore, makes and drops
 * rings and runs the control ring.
 */
#ifndef TANDEM_FRONTENDS_NET_NETFRONT_H
#define TANDEM_FRONTENDS_NET_NETFRONT_H

#include "frontends/front.h"
#include "frontends/include/tandem_net.h"
#include "frontends/qlock.h"
#include "hv/base/adapt.h"
#include "ringproto/netif_pkt.h"

#define NET_PAGES     NETIF_RING_SLOTS /* of an arena: a slot has one at most */
#define NET_MCASTS    64u
#define NET_KEY_BYTES 40u /* of a Toeplitz key */

/* Where a page is. */
enum net_page {
	PAGE_FREE,
	PAGE_RING, /* on the ring: sent, or posted to be filled */
	PAGE_OUT,  /* the caller has it */
};

/* One direction's pages. */
struct net_pages {
	struct gnttab_arena *arena; /* NULL until the queue is used */
	uint32_t nr_free;
	uint16_t free[NET_PAGES]; /* a stack */
	uint8_t at[NET_PAGES];	  /* enum net_page */
};

struct net_tx {
	struct ring_front ring;
	struct net_pages pages; /* a page's number is the id that it is sent with */
	struct evtchn *ch;
	uint32_t promised; /* slots that room needs: its pages, and an extra each */
	uint32_t extras;   /* slots of extras in flight */
};

struct net_rx {
	struct ring_front ring;
	struct net_pages pages;
	struct evtchn *ch;	  /* tx.ch unless split */
	uint16_t page[NET_PAGES]; /* that is posted in a slot */
};

struct tandem_net_queue {
	struct qlock lock;
	bool running;	  /* there are rings, and the backend is Connected */
	_Atomic bool cut; /* an event channel is dead */
	unsigned active;  /* copy of net.active_tx, _rx */
	unsigned active_rx;
	struct net_tx tx;
	struct net_rx rx;
	struct tandem_net_stats stats;
	/* The cold part. */
	struct tandem_net *net;
	unsigned index;
	unsigned senders; /* other queues that send through this one */
	_Atomic(struct tandem_net_queue *) to;
	/* Its owner's. */
	struct adapt adapt;
	unsigned seen;	      /* of net.changes */
	unsigned idle_events; /* in a row, with nothing to find */
	_Atomic bool asleep;  /* or armed for an event loop */
	bool armed;
	int wake;  /* eventfd: look again */
	int epoll; /* for tandem_net_fd(), -1 until asked for */
};

/* What is said over the control ring, in this order; see ctrl.c. */
enum net_ctrl_step {
	CTRL_HASH_ALGORITHM,
	CTRL_HASH_KEY,
	CTRL_HASH_MAX, /* entries of the mapping */
	CTRL_HASH_SIZE,
	CTRL_HASH_MAPPING,
	CTRL_HASH_TYPES, /* that the backend knows */
	CTRL_HASH_FLAGS,
	CTRL_STAGE_MAX, /* of each queue: pages that it may stage, */
	CTRL_STAGE,	/* those pages */
	CTRL_END,
};

struct net_ctrl {
	struct ring_front ring;
	struct evtchn *ch; /* NULL: there is none */
	uint8_t *scratch;  /* a granted page for tables */
	grant_ref_t scratch_ref;
	bool cut;
	bool waiting; /* an answer is owed to `asked` */
	struct xen_netif_ctrl_request asked;
	enum net_ctrl_step step;
	unsigned queue; /* of the last two */
	uint32_t told;	/* by a question about a size or flags */
};

struct tandem_net {
	struct front front; /* first */
	struct tandem_net_opts opts;
	unsigned nr_queues; /* as asked for */
	unsigned nr_rings;  /* of this connection */
	unsigned own_mtu;   /* of our directory; 0: none */
	bool split, use_ctrl, use_mcast;
	bool up; /* rings run; written under all queues' locks */
	struct tandem_net_queue *queues;
	struct gnttab_arena *ring_pages;
	struct net_ctrl ctrl;
	uint8_t hash_key[NET_KEY_BYTES];
	_Atomic unsigned changes;
	_Atomic int err; /* why it is gone */
	pthread_mutex_t lock;
	struct tandem_net_info info;
	uint8_t mcast[NET_MCASTS][6];
	unsigned nr_mcast;
};

/* ------------------------------------------------- tx.c, rx.c: under q->lock */

/* Takes answers. False: the backend broke the protocol. */
bool net_tx_reap(struct tandem_net_queue *q);
/* Shows the backend what is on the ring. */
void net_tx_push(struct tandem_net_queue *q);
/* Slots that room() may promise. */
static inline uint32_t net_tx_slots(const struct tandem_net_queue *q)
{
	return ring_front_free(&q->tx.ring) - q->tx.promised;
}
/* Asks for multicast or ends it. -EAGAIN: no room on the ring. */
int net_tx_mcast(struct tandem_net_queue *q, const uint8_t addr[6], bool add);
/* What is in flight is lost, room is not. */
void net_tx_forget(struct tandem_net_queue *q);
/* Posts all pages that are free. */
void net_rx_post(struct tandem_net_queue *q);
void net_rx_push(struct tandem_net_queue *q);
/* What is posted is free again. */
void net_rx_forget(struct tandem_net_queue *q);
/* Nothing more is believed of this queue's rings. */
void net_queue_break(struct tandem_net_queue *q);

static inline void net_page_give(struct net_pages *p, uint16_t page)
{
	p->at[page] = PAGE_FREE;
	p->free[p->nr_free++] = page;
}

/* The queue that q sends through, locked. */
static inline struct tandem_net_queue *net_sender_lock(struct tandem_net_queue *q)
{
	for (;;) {
		struct tandem_net_queue *to =
			atomic_load_explicit(&q->to, memory_order_acquire);

		qlock_lock(&to->lock);
		if (to == atomic_load_explicit(&q->to, memory_order_relaxed))
			return to;
		qlock_unlock(&to->lock);
	}
}

/* ------------------------------------------------------------------- wait.c */

void net_queue_wake(struct tandem_net_queue *q);
/* Takes an event; notices that the channel is dead. Under q->lock. */
void net_queue_ack(struct tandem_net_queue *q, struct evtchn *ch);
/* Points the queue's epoll, if it has one, at other event channels. */
void net_queue_watch(struct tandem_net_queue *q, bool on);

/* ------------------------------------------------------ keys.c, the negotiation */

/* Backend is InitWait: what it offers, rings, keys, state Connected. */
int net_publish(struct tandem_net *net);
/* mac, mtu and handle of our directory, once. */
int net_read_own(struct tandem_net *net);
/* The backend's link: has it changed? */
int net_read_carrier(struct tandem_net *net, bool *carrier);

/* ------------------------------------------------------------ rings.c, life.c */

/* Rings, pages and event channels for nr_rings queues. */
int net_rings_new(struct tandem_net *net);
/* Frees rings and event channels; queues are not running. */
void net_rings_drop(struct tandem_net *net);
/* Lets the queues run, or takes them off their rings. */
void net_rings_start(struct tandem_net *net);
void net_rings_stop(struct tandem_net *net);
/* Frees the pages. */
void net_pages_free(struct tandem_net *net);
/* Something of the info changed: tells all queues. */
void net_changed(struct tandem_net *net);

extern const struct front_ops net_front_ops;

/* ----------------------------------------------- ctrl.c, on the control thread */

/* Says the next thing, takes answers. -EPROTO: not an answer to what was asked. */
int net_ctrl_run(struct tandem_net *net);

/* tandem_net_open() on a platform that is open already and that the vif takes
 * over, also on error. For tests. */
int net_open_plat(struct plat *plat, const char *devid,
		  const struct tandem_net_opts *opts, struct tandem_net **net,
		  char **why);
/* The same without connecting: the caller drives front_round(). For fuzzing. */
int net_prepare_plat(struct plat *plat, const char *devid,
		     const struct tandem_net_opts *opts, struct tandem_net **net);

#endif
