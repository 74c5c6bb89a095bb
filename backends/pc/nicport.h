/* SPDX-License-Identifier: MIT */
/*
 * Where an emulated network card's cable ends: frames go out by nicport_send(), and
 * come in by the card's receive(). Behind it is a network driver of backends/net
 * (nicport_net.h), or a test.
 *
 * All of it is called with the board's lock held, and with private memory: what a card
 * sends it has copied out of the guest's memory once.
 */
#ifndef TANDEM_BACKENDS_PC_NICPORT_H
#define TANDEM_BACKENDS_PC_NICPORT_H

#include "backends/net/netdrv.h"
#include "backends/pc/bus.h"

#define NIC_FRAME_MIN 60u	     /* without the FCS; shorter ones are padded */
#define NIC_TX_MAX    (65535u + 18u) /* an IP packet, its Ethernet header and a tag */
#define NIC_FCS	      4u
/* How long a frame waits for a card that is on and has no room. */
#define NIC_WAIT  (100 * PC_NS / 1000)
#define NIC_RETRY (PC_NS / 1000) /* and how often that is looked at */
/* When a card goes on with a ring that one turn did not end. */
#define NIC_AGAIN (PC_NS / 50000)

struct nicport;

/* A frame for the card: whole, NIC_FRAME_MIN bytes at least, without FCS. */
struct nicframe {
	const uint8_t *data;
	uint32_t len;
	bool validated; /* its checksums are right, nobody need look */
};

struct nicport_card {
	/* True: taken, or not wanted. False: the card has no room, it comes again. */
	bool (*receive)(void *card, const struct nicframe *f);
	/* It had none for NIC_WAIT: this frame is lost. */
	void (*missed)(void *card);
};

/* What is behind the port. */
struct nicport_ops {
	/* A frame, or a large segment, leaves; it is copied, or lost. */
	void (*send)(struct nicport *p, const struct netbuf *b);
	/* Is there room for the largest? */
	bool (*may_send)(struct nicport *p);
	/* The frame that waits for the card; false: there is none. It is there until
	 * pop(). */
	bool (*peek)(struct nicport *p, struct nicframe *f);
	void (*pop)(struct nicport *p);
};

struct nicport { /* first member of its own struct */
	const struct nicport_ops *ops;
	bool tso4, tso6; /* large segments that send() takes */
	/* The card's, by nicport_attach(). */
	struct pcbus *b;
	const struct nicport_card *card;
	void *card_arg;
	struct pctimer retry;
	uint64_t full_since; /* a frame waits; 0: none does */
};

void nicport_attach(struct nicport *p, struct pcbus *b, const struct nicport_card *card,
		    void *arg);
/* The card's end. Frames that come are lost. */
void nicport_detach(struct nicport *p);

/* Hands the card what waits for it: the port's, when there is news, and the card's,
 * when it has room again. */
void nicport_run(struct nicport *p);

/* May the card send now? If not it tries again in NIC_AGAIN. */
static inline bool nicport_may_send(struct nicport *p)
{
	return p->ops->may_send(p);
}
/* A frame, of NIC_TX_MAX bytes at most; less than a header is dropped. */
void nicport_send(struct nicport *p, uint8_t *frame, uint32_t len);
/*
 * A TCP or UDP packet over IP to be cut into frames of mss bytes of payload each, for
 * all of `len` bytes whatever its lengths say. It is changed. -EINVAL: it is no such
 * packet, and is gone.
 */
int nicport_send_large(struct nicport *p, uint8_t *frame, uint32_t len, uint32_t mss);

/* ------------------------------------------------------ what cards compute alike */

/* The FCS as it stands behind a frame. */
uint32_t nic_fcs(const uint8_t *frame, size_t len);
/* The CRC that multicast filters take bits of: the last register's content, most
 * significant bit first on the wire (be), or last. */
uint32_t nic_crc_le(const uint8_t *addr);
uint32_t nic_crc_be(const uint8_t *addr);

/* What a receiver that looks at checksums finds. */
struct nicsum {
	bool ip, tcp, udp;   /* what it is; tcp and udp: no fragment */
	bool ip4;	     /* with a header checksum, which */
	bool ip_bad, l4_bad; /* is wrong; tcp's or udp's is */
	bool l4_none;	     /* UDP without one */
};
struct nicsum nic_sum(const struct nicframe *f);

/* Fills in the header checksum of an IPv4 packet, the checksum of a TCP or UDP packet;
 * what it is not is left alone. */
void nic_sum_ip(uint8_t *frame, uint32_t len);
void nic_sum_l4(uint8_t *frame, uint32_t len, uint8_t proto);

#endif
