/* SPDX-License-Identifier: MIT */
/* What the files of the switch share. */
#ifndef TANDEM_BACKENDS_NET_SWITCH_INT_H
#define TANDEM_BACKENDS_NET_SWITCH_INT_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "backends/net/netinbox.h"
#include "backends/net/netport.h"
#include "backends/net/netseg.h"
#include "backends/net/switch.h"

#define SWITCH_BUCKETS 4096u
#define SWITCH_MOVE_MS 1000u /* an address moves no more often */
#define SWITCH_AGE_MS  100u  /* between calls of switch_mac_age() */

/* Counters of a queue; its worker writes them. */
enum switch_count {
	SWC_IN, /* from the port */
	SWC_IN_BYTES,
	SWC_OUT, /* taken by it */
	SWC_OUT_BYTES,
	SWC_FORWARDED, /* of IN: to one port */
	SWC_FLOODED,   /* to all that may see it */
	SWC_COPIES,    /* that flooding made */
	SWC_DROP_VLAN, /* in a VLAN that is not its port's, or the receiver's */
	SWC_DROP_ISOLATED,
	SWC_DROP_LOCAL,	   /* its receiver is where it came from */
	SWC_DROP_RESERVED, /* link-local: for the switch itself */
	SWC_DROP_MTU,	   /* larger than the receiver's MTU */
	SWC_DROP_FULL,	   /* no room at the receiver */
	SWC_DROP_OFFLOAD,  /* of those taken: cannot be cut or summed */
	SWC_DROP_ROOM,	   /* of those taken: larger than the taker's room */
	SWC_CUT,	   /* of those taken: in software */
	SWC_SUMMED,
	SWC_LEARNED,
	SWC_MOVED,
	SWC_MOVE_REFUSED,
	SWC_LEARN_LIMITED,
	SWC_EVICTED, /* the port's own oldest, for a new one */
	SWC_AGED,
	SWITCH_COUNTS,
};

/*
 * An address that was learned. It belongs to one port for good, so whoever
 * finds its key knows its port: there is nothing that could be torn.
 */
struct switch_mac {
	_Atomic uint64_t key;	/* VLAN << 48 | MAC; 0: free */
	_Atomic uintptr_t next; /* or the chain's end: bucket << 1 | 1 */
	_Atomic uint32_t seen;	/* ms */
	uint32_t moved_at;	/* ms; under the lock */
	bool moved;
	_Atomic bool pinned; /* neither ages nor moves */
	struct switch_port *port;
};

/* What is being cut into frames for a port that takes no large ones. */
struct switch_cut {
	bool going;
	struct netseg seg;
	struct netbuf pkt;
};

struct switch_queue {
	/* Odd: in switch_forward(), where it may look at any port. */
	alignas(64) _Atomic uint32_t section;
	netport_count count[SWITCH_COUNTS];
	struct switch_port *port;
	struct netinbox *box;
	/* Who serves it; NULL: nobody. What it was set to, only its own worker
	 * changes. */
	_Atomic(struct worker *) worker;
	struct netdrv_client *client;
	uint32_t viewed; /* packets of the inbox that are in view */
	struct switch_cut cut;
};

struct switch_port {
	struct netswitch *sw;
	uint32_t index;
	char *label;
	uint16_t vlan;
	bool trunk_all, isolated, uplink;
	uint64_t trunk[64];
	uint32_t mtu;
	struct netdrv_caps caps;
	uint32_t nqueues;
	_Atomic uint32_t started;
	struct switch_queue *queue;
	/* Addresses; all but `limited` under the table's lock. */
	uint32_t nmacs, rotor;
	_Atomic uint32_t used;
	uint32_t second, learned; /* in that second */
	_Atomic uint32_t limited; /* the second in which no more is learned */
	struct switch_mac *mac;
};

struct netswitch {
	char name[SWITCH_NAME_MAX];
	struct switch_params p;
	/* The control thread's. */
	struct netswitch *next;
	uint32_t ports_in_use;
	uint64_t retired[SWITCH_COUNTS]; /* of ports that are gone */

	_Atomic uint32_t nports; /* beyond it there is none */
	_Atomic(struct switch_port *) port[SWITCH_PORTS];
	/* The table of addresses: workers never wait for its lock. */
	pthread_mutex_t mac_lock;
	uint64_t seed[2];
	uint32_t age_next; /* port */
	_Atomic uint32_t aged_at;
	_Atomic uint32_t macs;
	_Atomic uintptr_t bucket[SWITCH_BUCKETS];
};

static inline uint32_t switch_ms(uint64_t now)
{
	return (uint32_t)(now / 1000000u);
}

static inline void switch_count(struct switch_queue *q, enum switch_count c, uint64_t n)
{
	netport_add(&q->count[c], n);
}

/* switch_take.c: a packet for q, whose worker this is, without its inbox. False: it
 * has to go there. */
bool switch_hand_over(struct switch_queue *q, const struct netbuf *b);

/* switch_mac.c */
int switch_mac_init(struct netswitch *sw);
static inline uint64_t switch_mac_key(uint16_t vlan, const uint8_t *mac)
{
	return (uint64_t)vlan << 48 | (uint64_t)mac[0] << 40 | (uint64_t)mac[1] << 32 |
	       (uint64_t)mac[2] << 24 | (uint64_t)mac[3] << 16 | (uint64_t)mac[4] << 8 |
	       mac[5];
}
/* Where the address is, or NULL. In a section. */
struct switch_port *switch_mac_lookup(struct netswitch *sw, uint64_t key, uint32_t ms);
/* The address sent something from q's port. In a section. */
void switch_mac_learn(struct switch_queue *q, uint64_t key, uint32_t ms);
/* Control thread: it is here and stays. -EEXIST */
int switch_mac_pin(struct switch_port *port, uint64_t key);
void switch_mac_forget(struct switch_port *port);
/* Forgets what is over at one port, another one each time. In a section. */
void switch_mac_age(struct switch_queue *q, uint32_t ms);

#endif
