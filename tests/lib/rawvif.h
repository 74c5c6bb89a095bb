/* SPDX-License-Identifier: MIT */
/*
 * A network frontend by hand, and netback to talk to: for tests that want to
 * see, or break, single ring slots and keys. Over the platform in memory.
 */
#ifndef TANDEM_TESTS_LIB_RAWVIF_H
#define TANDEM_TESTS_LIB_RAWVIF_H

#include "backends/net/netback.h"
#include "ringproto/netif_pkt.h"
#include "tests/lib/rawback.h"

#define RV_MAC "00:16:3e:01:02:03"

/* netback; cfg NULL: the default. */
void rawvif_back(struct rawback *rb, const struct netback_config *cfg);
/* The toolstack's part. keys: further ones of the backend's, or NULL. */
void rawvif_attach(struct rawback *rb, unsigned devid, const char *driver,
		   const char *target, const char *options, const char *const *keys);

struct rawvif {
	struct rawback *rb;
	unsigned devid;
	struct gnttab_arena *rings, *tx_data, *rx_data; /* data: 256 pages each */
	struct ring_front tx, rx;
	struct evtchn *tx_ch, *rx_ch; /* the same if not split */
	unsigned posted;	      /* RX requests */
};

enum {
	RV_SPLIT = 1,	/* two event channels */
	RV_GSO = 2,	/* feature-sg, feature-gso-tcpv4, v6 */
	RV_NO_CSUM = 4, /* feature-no-csum-offload */
	RV_MCAST = 8,	/* request-multicast-control */
	RV_EMPTY = 16,	/* no RX request is posted */
};

/* Publishes rings; waits for Connected. */
bool rawvif_connect(struct rawvif *f, struct rawback *rb, unsigned devid, unsigned flags);
void rawvif_close(struct rawvif *f);
/* Rings and keys of one queue (prefix "" or "queue-N/") without waiting. */
void rawvif_publish(struct rawvif *f, struct rawback *rb, unsigned devid,
		    const char *prefix, unsigned flags);
void rawvif_free(struct rawvif *f);

/* One TX request as it is; rawvif_push() shows what was put. */
void rawvif_tx(struct rawvif *f, const struct netif_tx_request *req);
void rawvif_extra(struct rawvif *f, const struct netif_extra_info *x);
void rawvif_push(struct rawvif *f);
/* The next TX response; false after 5 s. */
bool rawvif_tx_response(struct rawvif *f, struct netif_tx_response *rsp);
/* A packet of `len` bytes that follow from the seed, in slots of at most `slot`
 * bytes from page `page` on; its status, 99 for no answer. */
int rawvif_send(struct rawvif *f, unsigned page, unsigned len, unsigned slot,
		uint32_t seed);

/* Posts RX requests up to n in all. */
void rawvif_post(struct rawvif *f, unsigned n);
/* The next packet received, copied into buf (65536 bytes): its length, or
 * -errno as netif_rx_take(), or -ETIMEDOUT after ms. Posts again what it took. */
int rawvif_recv(struct rawvif *f, struct netif_pkt *p, uint8_t *buf, unsigned ms);

/* A counter out of the backend's `stats`; -1: there is none. */
long rawvif_stat(struct rawback *rb, unsigned devid, const char *name);

#endif
