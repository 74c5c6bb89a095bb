/* SPDX-License-Identifier: MIT */
/*
 * A switch with ports for tests. The test's thread stands in for the workers:
 * it sends and takes, at times of its own making.
 */
#ifndef TANDEM_TESTS_LIB_SWITCHRIG_H
#define TANDEM_TESTS_LIB_SWITCHRIG_H

#include "backends/net/switch.h"

#define RIG_PORTS  16
#define RIG_QUEUES 4
#define RIG_MS	   UINT64_C(1000000)
#define RIG_S	   (1000 * RIG_MS)
#define RIG_ROOM   70000u

struct switchrig {
	struct worker *worker;
	struct netswitch *sw;
	uint64_t now; /* ns */
	struct switch_port *port[RIG_PORTS];
	struct switch_queue *q[RIG_PORTS][RIG_QUEUES];
	uint32_t nqueues[RIG_PORTS];
	struct netdrv_client client;
	bool on_worker; /* the worker's thread sends, as it does in a backend */
	unsigned ports;
	/* The packet that was taken last. */
	struct netif_meta meta;
	uint32_t len;
	uint8_t data[RIG_ROOM];
};

/* p: NULL is all defaults. The switch is called "rig". */
struct switchrig *switchrig_new(const struct switch_params *p);
void switchrig_free(struct switchrig *r);

/* A port whose queues run; returns its number. p: NULL is all defaults. */
unsigned switchrig_port(struct switchrig *r, const struct switch_port_params *p);
void switchrig_unport(struct switchrig *r, unsigned port);

/* One Ethernet frame: addresses by number (0: broadcast), its bytes follow from
 * the number of the sender. tci 0: no tag. */
void switchrig_send(struct switchrig *r, unsigned port, uint32_t dst, uint32_t src,
		    uint16_t tci, uint32_t len);
/* The same for n bytes of one's own. */
void switchrig_send_raw(struct switchrig *r, unsigned port, const void *frame, size_t len,
			const struct netif_meta *meta);

/* Takes the next packet of any of the port's queues; false: there is none. */
bool switchrig_take(struct switchrig *r, unsigned port);
/* Takes all; how many. */
unsigned switchrig_drain(struct switchrig *r, unsigned port);
/* Drains all ports; bit n: port n had one (of two or more: fails the test). */
unsigned switchrig_who(struct switchrig *r);

/* Of a port's or, with port < 0, of the switch's statistics. */
uint64_t switchrig_stat(struct switchrig *r, int port, const char *key);

/* MAC number n, 02:00:00:..; 0: broadcast. */
void switchrig_mac(uint8_t *mac, uint32_t n);

#endif
