/* SPDX-License-Identifier: MIT */
/*
 * "gen": a port from which numbered packets come, and which drops what is sent
 * to it. Each queue is a flow of its own: its packets are numbered from 0, its
 * source port is the first one plus the queue's number, and rate and count are
 * its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/drvopt.h"
#include "backends/net/drivers.h"
#include "backends/net/gen_frame.h"
#include "backends/net/netport.h"

#define GEN_SIZE     64u
#define GEN_SIZE_MIN 60u /* Ethernet's least, its checksum apart */
#define GEN_GSO_MIN  64u
#define GEN_SIZES    3u

/* The usual mix: of 12 packets 7 small ones, 4 of 590 bytes and 1 of 1514. */
static const uint16_t imix_size[GEN_SIZES] = { 64, 590, 1514 };
static const uint8_t imix[] = { 0, 1, 0, 0, 1, 0, 2, 0, 1, 0, 0, 1 };
static const uint8_t one_size[] = { 0 };

struct gen_counts {
	_Alignas(64) netport_count made;
	netport_count made_bytes, back, back_bytes;
};

struct gen {
	struct netdrv drv; /* first */
	struct gen_flow flow;
	uint32_t size; /* 0: imix */
	uint64_t rate, count;
	uint16_t gso;
	bool guest_gso, same;
	struct gen_counts *counts; /* a queue each */
};

struct gen_queue {
	struct netdrv_queue q; /* first */
	struct gen_counts *counts;
	struct gen_frame frame[GEN_SIZES];
	const uint8_t *mix; /* which frame comes when */
	unsigned mix_len, mix_at;
	struct netif_meta meta;
	uint64_t number, count; /* the next; where it ends */
	struct netport_pace pace;
	struct netport_timer timer;
};

/* ----------------------------------------------------------------- options */

static int gen_mac(const struct drvopt *o, uint8_t *mac)
{
	unsigned b[6];
	int end = 0;

	if (sscanf(o->value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3],
		   &b[4], &b[5], &end) != 6 ||
	    end != 17 || strspn(o->value, "0123456789abcdefABCDEF:") != 17 ||
	    o->value[end])
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return 0;
}

static int gen_ip(const struct drvopt *o, uint32_t *ip)
{
	struct in_addr a;

	if (inet_pton(AF_INET, o->value, &a) != 1)
		return -EINVAL;
	*ip = ntohl(a.s_addr);
	return 0;
}

static int gen_u16(const struct drvopt *o, uint64_t least, uint16_t *v)
{
	uint64_t n;

	if (drvopt_u64(o, &n) || n < least || n > UINT16_MAX)
		return -EINVAL;
	*v = (uint16_t)n;
	return 0;
}

static int gen_size(struct gen *g, const struct drvopt *o)
{
	uint16_t size = 0;

	if (strcmp(o->value, "imix") && gen_u16(o, GEN_SIZE_MIN, &size))
		return -EINVAL;
	g->size = size;
	return 0;
}

static int gen_option(struct gen *g, const struct drvopt *o)
{
	if (!strcmp(o->key, "size"))
		return gen_size(g, o);
	if (!strcmp(o->key, "rate"))
		return drvopt_u64(o, &g->rate) || g->rate > NETPORT_RATE_MAX ? -EINVAL
									     : 0;
	if (!strcmp(o->key, "count"))
		return drvopt_u64(o, &g->count);
	if (!strcmp(o->key, "same"))
		return drvopt_bool(o, &g->same);
	if (!strcmp(o->key, "gso"))
		return gen_u16(o, GEN_GSO_MIN, &g->gso);
	if (!strcmp(o->key, "src-mac"))
		return gen_mac(o, g->flow.src_mac);
	if (!strcmp(o->key, "dst-mac"))
		return gen_mac(o, g->flow.dst_mac);
	if (!strcmp(o->key, "src-ip"))
		return gen_ip(o, &g->flow.src_ip);
	if (!strcmp(o->key, "dst-ip"))
		return gen_ip(o, &g->flow.dst_ip);
	if (!strcmp(o->key, "src-port"))
		return gen_u16(o, 0, &g->flow.src_port);
	if (!strcmp(o->key, "dst-port"))
		return gen_u16(o, 0, &g->flow.dst_port);
	if (!strcmp(o->key, "proto") &&
	    (!strcmp(o->value, "udp") || !strcmp(o->value, "tcp"))) {
		g->flow.tcp = o->value[0] == 't';
		return 0;
	}
	return -EINVAL;
}

/* What does not fit together. */
static int gen_check(struct gen *g, const struct netdrv_params *p, char **why)
{
	uint32_t payload = g->size - GEN_TCP_HDR;
	uint32_t mtu;

	if (g->gso)
		g->flow.tcp = true;
	if (g->gso && (!g->size || g->size < GEN_TCP_HDR || payload <= g->gso)) {
		*why = netdrv_why("options: gso=%u: want segments smaller than the "
				  "payload: size=%u or more",
				  g->gso, g->gso + GEN_TCP_HDR + 1);
		return -EINVAL;
	}
	if (g->flow.tcp && g->size && g->size < GEN_TCP_HDR + GEN_NUMBER) {
		*why = netdrv_why("options: size=%u: TCP wants %u bytes or more", g->size,
				  GEN_TCP_HDR + GEN_NUMBER);
		return -EINVAL;
	}
	mtu = g->size ? g->size : imix_size[GEN_SIZES - 1];
	mtu = (g->gso ? g->gso + GEN_TCP_HDR : mtu) - NETIF_ETH_HLEN;
	if (p->mtu && p->mtu < mtu) {
		*why = netdrv_why("options: packets of %u bytes behind the Ethernet "
				  "header are larger than the MTU %u",
				  mtu, p->mtu);
		return -EINVAL;
	}
	if (p->mtu)
		mtu = p->mtu;
	g->drv.info.mtu = p->mtu || mtu > NETPORT_MTU ? mtu : NETPORT_MTU;
	return 0;
}

static int gen_options(struct gen *g, const struct netdrv_params *p, char **why)
{
	const char *options = p->options;
	struct drvopt o;
	int ret;

	g->size = UINT32_MAX;
	g->flow = (struct gen_flow){
		.src_mac = { 0x02, 0, 0, 0, 0, 1 },
		.src_ip = 0xc6120001, /* 198.18.0.1 and 198.19.0.1: for benchmarks */
		.dst_ip = 0xc6130001,
		.src_port = 49152,
		.dst_port = 9, /* discard */
	};
	memcpy(g->flow.dst_mac, p->mac, sizeof(p->mac));
	while ((ret = drvopt_next(&options, &o)) > 0) {
		ret = gen_option(g, &o);
		if (ret)
			break;
	}
	if (ret) {
		*why = netdrv_why(
			"options: '%s=%s' is not understood; want any of "
			"size=%u..%u or size=imix, rate=PACKETS/s (0: no limit), "
			"count=N, same=1, proto=udp or tcp, gso=%u.., src-mac=, "
			"dst-mac=, src-ip=, dst-ip= (IPv4), src-port=, "
			"dst-port=",
			o.key, o.value, GEN_SIZE_MIN, NETPORT_MAX, GEN_GSO_MIN);
		return -EINVAL;
	}
	if (g->size == UINT32_MAX)
		g->size = g->gso ? NETPORT_MAX : GEN_SIZE;
	return gen_check(g, p, why);
}

/* ---------------------------------------------------------- start and stop */

static int gen_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	uint32_t queues = p->queues ? p->queues : 1;
	struct gen *g;
	int err;

	if (p->target) {
		*why = netdrv_why("%s: gen has no target", p->target);
		return -EINVAL;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->drv.ops = &drv_gen;
	g->drv.info.send = (struct netdrv_caps){ true, true, true, true };
	g->drv.info.max_queues = queues;
	err = gen_options(g, p, why);
	if (err)
		goto free;
	err = -ENOMEM;
	g->counts = aligned_alloc(64, queues * sizeof(*g->counts));
	if (!g->counts)
		goto free;
	for (uint32_t i = 0; i < queues; i++)
		g->counts[i] = (struct gen_counts){ 0 };
	*dev = &g->drv;
	return 0;
free:
	free(g);
	return err;
}

static void gen_close(struct netdrv *dev)
{
	struct gen *g = (struct gen *)dev;

	free(g->counts);
	free(g);
}

static int gen_set_guest(struct netdrv *dev, const struct netdrv_caps *caps)
{
	((struct gen *)dev)->guest_gso = caps->csum && caps->tso4;
	return 0;
}

static void gen_timer(struct netport_timer *t)
{
	struct gen_queue *gq =
		(struct gen_queue *)((char *)t - offsetof(struct gen_queue, timer));

	gq->q.client->ready(gq->q.client);
}

static void gen_frames_free(struct gen_queue *gq)
{
	for (unsigned i = 0; i < GEN_SIZES; i++)
		gen_frame_free(&gq->frame[i]);
}

/* A guest that takes no large segments gets the first segment of each. */
static int gen_frames(struct gen_queue *gq, const struct gen *g, uint32_t index)
{
	bool gso = g->gso && g->guest_gso;
	struct gen_flow flow = g->flow;
	int err = 0;

	flow.src_port = (uint16_t)(flow.src_port + index);
	gq->mix = g->size ? one_size : imix;
	gq->mix_len = g->size ? 1 : sizeof(imix);
	if (gso)
		gq->meta = (struct netif_meta){ .csum_blank = true,
						.data_validated = true,
						.gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
						.gso_size = g->gso };
	if (g->size)
		return gen_frame_build(&gq->frame[0], &flow,
				       g->gso && !gso ? g->gso + GEN_TCP_HDR : g->size,
				       gso);
	for (unsigned i = 0; i < GEN_SIZES && !err; i++)
		err = gen_frame_build(&gq->frame[i], &flow, imix_size[i], false);
	return err;
}

static int gen_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			   struct netdrv_client *client, struct netdrv_queue **q)
{
	struct gen *g = (struct gen *)dev;
	struct gen_queue *gq = calloc(1, sizeof(*gq));
	int err;

	if (!gq)
		return -ENOMEM;
	gq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	gq->counts = &g->counts[index];
	gq->count = g->count ? g->count : UINT64_MAX;
	netport_pace_start(&gq->pace, g->rate, worker_now(w));
	err = gen_frames(gq, g, index);
	if (err) {
		gen_frames_free(gq);
		free(gq);
		return err;
	}
	netport_timer_start(&gq->timer, w, gen_timer);
	*q = &gq->q;
	return 0;
}

static void gen_queue_stop(struct netdrv_queue *q)
{
	struct gen_queue *gq = (struct gen_queue *)q;

	netport_timer_stop(&gq->timer);
	gen_frames_free(gq);
	free(gq);
}

/* --------------------------------------------------------------------- path */

static int gen_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct gen_counts *c = ((struct gen_queue *)q)->counts;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += pkts[i]->len;
	netport_add(&c->back, n);
	netport_add(&c->back_bytes, bytes);
	return (int)n;
}

static int gen_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct gen_queue *gq = (struct gen_queue *)q;
	struct gen_frame *f = &gq->frame[gq->mix[gq->mix_at]];

	if (gq->number == gq->count ||
	    !netport_pace_take(&gq->pace, worker_now(q->worker)))
		return 0;
	if (++gq->mix_at == gq->mix_len)
		gq->mix_at = 0;
	gq->number++;
	if (!((struct gen *)q->dev)->same)
		gen_frame_number(f, gq->number - 1);
	netport_add(&gq->counts->made, 1);
	netport_add(&gq->counts->made_bytes, f->len);
	if (f->len > b->iov[0].iov_len && f->len > netbuf_iov_bytes(b)) {
		q->drops++;
		return -EMSGSIZE;
	}
	b->len = f->len;
	b->meta = gq->meta;
	netbuf_fill(b, f->bytes, f->len);
	return 1;
}

static int gen_arm(struct netdrv_queue *q, bool want_recv)
{
	struct gen_queue *gq = (struct gen_queue *)q;

	if (!want_recv || gq->number == gq->count)
		return 0;
	if (!gq->pace.rate || gq->pace.due <= worker_now(q->worker))
		return 1;
	netport_timer_at(&gq->timer, gq->pace.due);
	return 0;
}

static void gen_stats(struct netdrv *dev, char *buf, size_t len)
{
	struct gen *g = (struct gen *)dev;
	uint64_t n[4] = { 0 };

	for (uint32_t i = 0; i < dev->info.max_queues; i++) {
		n[0] += netport_get(&g->counts[i].made);
		n[1] += netport_get(&g->counts[i].made_bytes);
		n[2] += netport_get(&g->counts[i].back);
		n[3] += netport_get(&g->counts[i].back_bytes);
	}
	snprintf(buf, len,
		 "\"made\":%" PRIu64 ",\"made-bytes\":%" PRIu64 ",\"taken\":%" PRIu64
		 ",\"taken-bytes\":%" PRIu64,
		 n[0], n[1], n[2], n[3]);
}

const struct netdrv_ops drv_gen = {
	.name = "gen",
	.summary = "makes numbered packets, drops what is sent; see its options",
	.open = gen_open,
	.close = gen_close,
	.set_guest = gen_set_guest,
	.queue_start = gen_queue_start,
	.queue_stop = gen_queue_stop,
	.send = gen_send,
	.recv = gen_recv,
	.arm = gen_arm,
	.stats = gen_stats,
};
