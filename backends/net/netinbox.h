/* SPDX-License-Identifier: MIT */
/*
 * An inbox: packets that any thread puts and one worker takes.
 *
 * It holds copies, so what the sender's iovecs point at is free again when
 * netinbox_put() returns, and what stands in the inbox can no longer be changed
 * by a guest. It is bounded in bytes and packets: a full one drops and counts.
 * No producer waits for another one or for the consumer; no call allocates.
 *
 * Packets are taken in the order in which their producers found room for them.
 * One whose producer was interrupted in the middle of its copy holds back those
 * behind it until that producer goes on; nobody waits for that either.
 */
#ifndef TANDEM_BACKENDS_NET_NETINBOX_H
#define TANDEM_BACKENDS_NET_NETINBOX_H

#include "backends/net/netdrv.h"

struct netinbox;

#define NETINBOX_BYTES_MIN (256u << 10)
#define NETINBOX_BYTES_MAX (64u << 20)
#define NETINBOX_LEN_MAX   (0xffffu + 4u) /* the longest packet and a VLAN tag */

enum netinbox_drop {
	NETINBOX_DROP_BYTES,   /* over the cap in bytes */
	NETINBOX_DROP_PACKETS, /* over the cap in packets */
	NETINBOX_DROP_SIZE,   /* longer than NETINBOX_LEN_MAX, or than the taker's room */
	NETINBOX_DROP_CLOSED, /* nobody takes */
	NETINBOX_DROPS,
};

/*
 * Caps are rounded up to powers of two; bytes, which count packets in lines of
 * 64, to at least NETINBOX_BYTES_MIN. Memory is used as packets first fill it.
 * -errno
 */
int netinbox_new(struct netinbox **box, size_t bytes, uint32_t packets);
/* No producer is left, and it was stopped. NULL is allowed. */
void netinbox_free(struct netinbox *box);

/* -------------------------------------------------------------- any thread */

/* Copies the packet in. 0; -ENOBUFS, -EMSGSIZE, -ESHUTDOWN: dropped, counted. */
int netinbox_put(struct netinbox *box, const struct netbuf *b);

/* Drops so far, of each reason. */
uint64_t netinbox_dropped(const struct netinbox *box, enum netinbox_drop why);
uint64_t netinbox_dropped_all(const struct netinbox *box);
/* Packets and bytes (in whole lines) that wait now. */
void netinbox_depth(const struct netinbox *box, uint32_t *packets, size_t *bytes);

/* ------------------------------------------------------ the taker's worker */

/* From now on puts are kept. client->ready() is called on w when there is
 * something after netinbox_arm(). -errno */
int netinbox_start(struct netinbox *box, struct worker *w, struct netdrv_client *client);
/* What is left is dropped; ready() is not called any more. */
void netinbox_stop(struct netinbox *box);

/* Is there nothing, not even a packet that is being put? */
bool netinbox_empty(const struct netinbox *box);
/* A view of the nth packet that waits (0: the next). It is valid until it is
 * skipped; iov[0] is as netdrv.h wants it for send(). False: there is none. */
bool netinbox_peek(const struct netinbox *box, uint32_t nth, struct netbuf *b);
/* The first n are done with; each was peeked at. */
void netinbox_skip(struct netinbox *box, uint32_t n);
/* Copies the next one into b's room and skips it: as netdrv_ops.recv(). */
int netinbox_take(struct netinbox *box, struct netbuf *b);
/* As netdrv_ops.arm(). */
int netinbox_arm(struct netinbox *box);

#endif
