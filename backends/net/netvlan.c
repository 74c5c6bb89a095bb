/* SPDX-License-Identifier: MIT */
/* Tags on the way to a port, and off on the way back. */
#include "backends/net/netvlan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/netport.h"
#include "ringproto/netframe.h"

#define MACS_LEN 12u	 /* what stands in front of a tag */
#define TAG_VID	 0x0fffu /* the rest is priority */

struct netvlan_count {
	_Alignas(64) netport_count tx;
	netport_count rx;
};

struct netvlan {
	struct netdrv drv; /* first */
	struct netdrv *inner;
	uint16_t vlan;
	struct netvlan_count *count; /* of each queue */
};

struct netvlan_queue {
	struct netdrv_queue q; /* first */
	struct netdrv_queue *inner;
	const struct netdrv_ops *ops; /* the inner driver's */
	struct netvlan_count *count;
	uint16_t vlan;
};

/* -------------------------------------------------------------------- tags */

/* Bytes that the packet grows by, or -EINVAL: it has a tag that it may not have. */
static int tag_put(struct netbuf *b, uint16_t vlan)
{
	uint8_t *hdr = b->iov[0].iov_base;
	uint32_t tci;

	if (netframe_be16(hdr + MACS_LEN) == NETFRAME_TYPE_VLAN) {
		if (b->iov[0].iov_len < NETFRAME_ETH_HLEN + NETBUF_TAG)
			return -EINVAL;
		tci = netframe_be16(hdr + MACS_LEN + 2);
		if (tci & TAG_VID)
			return -EINVAL;
		netframe_put_be16(hdr + MACS_LEN + 2, tci | vlan);
		return 0;
	}
	memmove(hdr - NETBUF_TAG, hdr, MACS_LEN);
	hdr -= NETBUF_TAG;
	netframe_put_be16(hdr + MACS_LEN, NETFRAME_TYPE_VLAN);
	netframe_put_be16(hdr + MACS_LEN + 2, vlan);
	b->iov[0] = (struct iovec){ hdr, b->iov[0].iov_len + NETBUF_TAG };
	b->len += NETBUF_TAG;
	return NETBUF_TAG;
}

/* The packet is its sender's again: what the port did not take may be sent once more. */
static void tag_undo(struct netbuf *b, uint8_t grown)
{
	uint8_t *hdr = (uint8_t *)b->iov[0].iov_base + grown;

	if (!grown) { /* the priority was the guest's */
		netframe_put_be16(hdr + MACS_LEN + 2,
				  netframe_be16(hdr + MACS_LEN + 2) & ~TAG_VID);
		return;
	}
	memmove(hdr, hdr - NETBUF_TAG, MACS_LEN);
	b->iov[0] = (struct iovec){ hdr, b->iov[0].iov_len - NETBUF_TAG };
	b->len -= NETBUF_TAG;
}

/* The packet begins NETBUF_TAG bytes in front of hdr, and afterwards at hdr. */
static bool tag_take(struct netbuf *b, uint8_t *hdr, uint16_t vlan)
{
	const uint8_t *tag = hdr - NETBUF_TAG + MACS_LEN;

	if (b->len < NETFRAME_ETH_HLEN + NETBUF_TAG ||
	    netframe_be16(tag) != NETFRAME_TYPE_VLAN ||
	    (netframe_be16(tag + 2) & TAG_VID) != vlan)
		return false;
	memmove(hdr, hdr - NETBUF_TAG, MACS_LEN);
	b->len -= NETBUF_TAG;
	return true;
}

/* -------------------------------------------------------------------- path */

static int netvlan_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct netvlan_queue *vq = (struct netvlan_queue *)q;
	struct netbuf *out[NETDRV_BATCH];
	uint8_t number[NETDRV_BATCH], grown[NETDRV_BATCH];
	unsigned ready = 0, sent = 0, taken;

	for (unsigned i = 0; i < n; i++) {
		int more = tag_put(pkts[i], vq->vlan);

		if (more < 0)
			continue;
		out[ready] = pkts[i];
		grown[ready] = (uint8_t)more;
		number[ready++] = (uint8_t)i;
	}
	if (ready)
		sent = (unsigned)vq->ops->send(vq->inner, out, ready);
	q->drops = vq->inner->drops;
	for (unsigned i = 0; i < ready; i++)
		tag_undo(out[i], grown[i]);
	taken = sent < ready ? number[sent] : n;
	if (taken != sent)
		netport_add(&vq->count->tx, taken - sent);
	return (int)taken;
}

static int recv_tagged(struct netvlan_queue *vq, struct netbuf *b, bool *ours)
{
	const struct iovec room = b->iov[0];
	uint8_t *hdr = room.iov_base;
	int got;

	b->iov[0] = (struct iovec){ hdr - NETBUF_TAG, room.iov_len + NETBUF_TAG };
	got = vq->ops->recv(vq->inner, b);
	b->iov[0] = room;
	*ours = got > 0 && tag_take(b, hdr, vq->vlan);
	return got;
}

static int netvlan_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct netvlan_queue *vq = (struct netvlan_queue *)q;
	bool ours;
	int got;

	if (vq->ops->tags_beside) {
		got = vq->ops->recv(vq->inner, b);
		ours = got > 0 && b->vlan == vq->vlan;
	} else {
		got = recv_tagged(vq, b, &ours);
	}
	q->drops = vq->inner->drops;
	if (got <= 0 || ours)
		return got;
	netport_add(&vq->count->rx, 1);
	return -EMSGSIZE;
}

static int netvlan_arm(struct netdrv_queue *q, bool want_recv)
{
	struct netvlan_queue *vq = (struct netvlan_queue *)q;

	return vq->ops->arm ? vq->ops->arm(vq->inner, want_recv) : 0;
}

/* ---------------------------------------------------------- start and stop */

static int netvlan_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			       struct netdrv_client *client, struct netdrv_queue **q)
{
	struct netvlan *v = (struct netvlan *)dev;
	struct netvlan_queue *vq = calloc(1, sizeof(*vq));
	int err;

	if (!vq)
		return -ENOMEM;
	vq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	vq->ops = v->inner->ops;
	vq->vlan = v->vlan;
	vq->count = &v->count[index];
	err = vq->ops->queue_start(v->inner, index, w, client, &vq->inner);
	if (err) {
		free(vq);
		return err;
	}
	atomic_store_explicit(&vq->count->tx, 0, memory_order_relaxed);
	atomic_store_explicit(&vq->count->rx, 0, memory_order_relaxed);
	*q = &vq->q;
	return 0;
}

static void netvlan_queue_stop(struct netdrv_queue *q)
{
	struct netvlan_queue *vq = (struct netvlan_queue *)q;

	vq->ops->queue_stop(vq->inner);
	free(vq);
}

static int netvlan_set_guest(struct netdrv *dev, const struct netdrv_caps *caps)
{
	struct netdrv *inner = ((struct netvlan *)dev)->inner;

	return inner->ops->set_guest ? inner->ops->set_guest(inner, caps) : 0;
}

static void netvlan_close(struct netdrv *dev)
{
	struct netvlan *v = (struct netvlan *)dev;

	v->inner->ops->close(v->inner);
	free(v->count);
	free(v);
}

static void netvlan_stats(struct netdrv *dev, char *buf, size_t len)
{
	struct netdrv *inner = ((struct netvlan *)dev)->inner;

	*buf = '\0';
	if (inner->ops->stats)
		inner->ops->stats(inner, buf, len);
}

static const struct netdrv_ops netvlan_ops = {
	.name = "vlan",
	.summary = "another driver's packets of one VLAN",
	.close = netvlan_close,
	.set_guest = netvlan_set_guest,
	.queue_start = netvlan_queue_start,
	.queue_stop = netvlan_queue_stop,
	.send = netvlan_send,
	.recv = netvlan_recv,
	.arm = netvlan_arm,
	.stats = netvlan_stats,
};

int netvlan_wrap(struct netdrv **dev, uint16_t vlan)
{
	struct netvlan *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->count = aligned_alloc(64, (*dev)->info.max_queues * sizeof(*v->count));
	if (!v->count) {
		free(v);
		return -ENOMEM;
	}
	memset(v->count, 0, (*dev)->info.max_queues * sizeof(*v->count));
	v->drv = (struct netdrv){ .ops = &netvlan_ops, .info = (*dev)->info };
	v->inner = *dev;
	v->vlan = vlan;
	if (v->inner->ops->tags_beside)
		v->inner->ops->tags_beside(v->inner);
	*dev = &v->drv;
	return 0;
}

struct netvlan_drops netvlan_drops(const struct netdrv *dev)
{
	const struct netvlan *v = (const struct netvlan *)dev;
	struct netvlan_drops sum = { 0 };

	for (uint32_t i = 0; i < dev->info.max_queues; i++) {
		sum.tx += netport_get(&v->count[i].tx);
		sum.rx += netport_get(&v->count[i].rx);
	}
	return sum;
}
