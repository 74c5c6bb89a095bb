/* SPDX-License-Identifier: MIT */
/*
 * A card's port on a network driver (backends/net/netdrv.h: a tap, a switch...): what
 * netback is to a paravirtual guest.
 *
 * What the card sends is put into an inbox that a worker takes from; it does all that
 * may take long, cutting large segments for a driver that cannot, too. What the
 * driver gives, the worker takes in batches and hands over with the board's lock held.
 */
#ifndef TANDEM_BACKENDS_PC_NICPORT_NET_H
#define TANDEM_BACKENDS_PC_NICPORT_NET_H

#include "backends/pc/nicport.h"

struct nicnet;

struct nicnet_config {
	struct netdrv *dev;    /* open; its first queue is used. Stays the caller's */
	struct worker *worker; /* runs */
	/* The board's lock. Never held while nicnet_new() and _free() are called. */
	void (*lock)(void *arg);
	void (*unlock)(void *arg);
	void *lock_arg;
};

/* What a nicnet counted; read under the board's lock. */
struct nicnet_counts {
	uint64_t tx_packets, tx_bytes; /* given to the driver */
	uint64_t tx_errors;	       /* no packets that it could be given */
	uint64_t tx_dropped;	       /* no room */
	uint64_t rx_packets, rx_bytes; /* handed to the card */
	uint64_t rx_dropped;	       /* by the driver */
};

/* -errno, of the driver too. The card's constructor gets nicnet_port(). */
int nicnet_new(const struct nicnet_config *cfg, struct nicnet **out);
struct nicport *nicnet_port(struct nicnet *n);
void nicnet_counts(struct nicnet *n, struct nicnet_counts *c);
/* After the card's end (pcbus_fini(), under the board's lock): then the driver's queue
 * ends. NULL is allowed. */
void nicnet_free(struct nicnet *n);

#endif
