/* SPDX-License-Identifier: MIT */
/*
 * The switch in this process: named, it learns where MAC addresses are, and
 * joins the vifs of one backend with each other and with uplinks.
 *
 * A switch has ports, a port has queues, a queue has an inbox (netinbox.h) and
 * belongs to one worker. switch_forward() runs on the sender's worker and copies
 * packets into the inboxes of those that get them; it never waits: for no lock,
 * no other worker and no port that does not take what it is sent.
 *
 * VLANs: inside, each packet is of one VLAN, 0 being that of ports that nobody
 * gave one. A port sends and receives at most one VLAN untagged and any number
 * tagged (802.1Q); what comes in another one is dropped. Addresses are learned
 * a VLAN.
 *
 * Offloads are carried as they are. A port that cannot carry them gets what it
 * can (checksums filled in, segments cut) at its own worker's cost.
 */
#ifndef TANDEM_BACKENDS_NET_SWITCH_H
#define TANDEM_BACKENDS_NET_SWITCH_H

#include "backends/net/netdrv.h"

struct netswitch;
struct switch_port;
struct switch_queue;
struct switch_uplink;

#define SWITCH_NAME_MAX	   32u /* NUL included */
#define SWITCH_PORTS	   1024u
#define SWITCH_QUEUES	   64u /* a port */
#define SWITCH_VLAN_MAX	   4094u
#define SWITCH_VLAN_NONE   0xffffu /* no VLAN untagged */
#define SWITCH_AGEING	   300u	   /* s */
#define SWITCH_AGEING_MAX  1000000u
#define SWITCH_MACS	   256u /* learned at a vif, at most */
#define SWITCH_MACS_UPLINK 4096u
#define SWITCH_MACS_MAX	   65536u

/* ------------------------------------------ what the program does; control thread */

struct switch_params {
	uint32_t ageing;      /* s that a silent address is kept; 0: SWITCH_AGEING */
	uint32_t mtu;	      /* of ports that ask for none; 0: 1500 */
	uint32_t inbox_bytes; /* that may wait for a queue; 0: 1 MiB */
};

/* Makes a switch. p: NULL is all defaults. -EEXIST, -EINVAL, -errno; *why as
 * netdrv_ops.open's. */
int switch_create(const char *name, const struct switch_params *p, char **why);
/* -EBUSY: it has ports. -ENOENT */
int switch_destroy(const char *name);
/* NULL and *why, which names those that there are. */
struct netswitch *switch_find(const char *name, char **why);

/*
 * Joins a port of the outside to a switch: dev's queue 0 is driven on w, which
 * runs. It gets and sends every VLAN tagged and VLAN 0 untagged. dev stays the
 * caller's, who closes it after switch_remove_uplink(). `label`: for statistics.
 */
int switch_add_uplink(const char *name, struct netdrv *dev, const char *label,
		      struct worker *w, struct switch_uplink **up, char **why);
/* From another thread than its worker's. NULL is allowed. */
void switch_remove_uplink(struct switch_uplink *up);

/* --------------------------------------------------------------------- ports */

struct switch_port_params {
	const char *label;  /* for messages and statistics */
	uint16_t vlan;	    /* untagged: 0, 1..SWITCH_VLAN_MAX, SWITCH_VLAN_NONE */
	bool trunk_all;	    /* every other VLAN, tagged */
	uint64_t trunk[64]; /* or these: bit n % 64 of [n / 64] */
	bool isolated;	    /* speaks to no other isolated port */
	uint32_t macs;	    /* addresses learned here; 0: SWITCH_MACS */
	uint32_t mtu;	    /* 0: the switch's */
	uint32_t queues;    /* 0: 1 */
	const uint8_t *mac; /* is here and nowhere else (untagged); NULL: not known */
};

/* Control thread. -EINVAL, -EEXIST (the MAC is another port's), -ENOSPC, -errno.
 * *why as above. */
int switch_port_add(struct netswitch *sw, const struct switch_port_params *p,
		    struct switch_port **port, char **why);
/* Control thread, after its queues stopped. */
void switch_port_remove(struct switch_port *port);
/* What the port can carry besides the plainest; before its first queue starts. */
void switch_port_caps(struct switch_port *port, const struct netdrv_caps *caps);
uint32_t switch_port_mtu(const struct switch_port *port);

/* The worker's. client->ready(): there is something to take. -EINVAL: no such
 * queue. -EBUSY: it runs. */
int switch_queue_start(struct switch_port *port, uint32_t index, struct worker *w,
		       struct netdrv_client *client, struct switch_queue **q);
void switch_queue_stop(struct switch_queue *q);

/* Packets from the port, n <= NETDRV_BATCH, as netdrv_ops.send() has them. now:
 * worker_now()'s clock. */
void switch_forward(struct switch_queue *q, struct netbuf *const *pkts, unsigned n,
		    uint64_t now);

/*
 * The next packet for the port, as its caps want it: a view that is valid until
 * switch_done(); hdr is memory that it may use. Several may be in view.
 */
bool switch_next(struct switch_queue *q, struct netbuf *b, uint8_t hdr[NETBUF_HDR]);
/* Those in view have gone (their packets and bytes count). */
void switch_done(struct switch_queue *q, uint32_t packets, uint64_t bytes);
/* As netdrv_ops.recv() and arm(). */
int switch_take(struct switch_queue *q, struct netbuf *b);
int switch_arm(struct switch_queue *q);
/* Packets for this queue that were lost: full, too large. */
uint64_t switch_lost(const struct switch_queue *q);

/* JSON pairs as netdrv_ops.stats(): of a port; of a switch with its uplinks.
 * Counters that are zero are left out. */
void switch_port_stats(struct switch_port *port, char *buf, size_t len);
void switch_stats(struct netswitch *sw, char *buf, size_t len);

#endif
