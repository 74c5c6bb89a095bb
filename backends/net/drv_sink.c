/* SPDX-License-Identifier: MIT */
/* "sink": a port that takes every packet and gives none; a benchmark's end. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/net/drivers.h"
#include "backends/net/netport.h"

struct sink_queue {
	struct netdrv_queue q; /* first */
	struct sink_counts *counts;
};

/* Of one queue, on a cache line of its own. */
struct sink_counts {
	_Alignas(64) netport_count packets;
	netport_count bytes;
	netport_count multicast; /* broadcast, too */
};

struct sink {
	struct netdrv drv; /* first */
	struct sink_counts *counts;
};

static int sink_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	uint32_t queues = p->queues ? p->queues : 1;
	struct sink *sink;

	if (p->target || p->options) {
		*why = netdrv_why("%s: sink has no target and no options",
				  p->target ? p->target : p->options);
		return -EINVAL;
	}
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return -ENOMEM;
	sink->counts = aligned_alloc(64, queues * sizeof(*sink->counts));
	if (!sink->counts) {
		free(sink);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < queues; i++)
		sink->counts[i] = (struct sink_counts){ 0 };
	sink->drv.ops = &drv_sink;
	sink->drv.info = (struct netdrv_info){
		.send = { .csum = true, .csum6 = true, .tso4 = true, .tso6 = true },
		.mtu = p->mtu ? p->mtu : NETPORT_MTU,
		.max_queues = queues,
		.no_recv = true,
	};
	*dev = &sink->drv;
	return 0;
}

static void sink_close(struct netdrv *dev)
{
	struct sink *sink = (struct sink *)dev;

	free(sink->counts);
	free(sink);
}

static int sink_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			    struct netdrv_client *client, struct netdrv_queue **q)
{
	struct sink_queue *sq = calloc(1, sizeof(*sq));

	if (!sq)
		return -ENOMEM;
	sq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	sq->counts = &((struct sink *)dev)->counts[index];
	*q = &sq->q;
	return 0;
}

static void sink_queue_stop(struct netdrv_queue *q)
{
	free(q);
}

/* As any port would, it looks at where a packet goes. */
static int sink_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct sink_counts *c = ((struct sink_queue *)q)->counts;
	uint64_t bytes = 0, multicast = 0;

	for (unsigned i = 0; i < n; i++) {
		bytes += pkts[i]->len;
		multicast += *(const uint8_t *)pkts[i]->iov[0].iov_base & 1u;
	}
	netport_add(&c->packets, n);
	netport_add(&c->bytes, bytes);
	netport_add(&c->multicast, multicast);
	return (int)n;
}

static void sink_stats(struct netdrv *dev, char *buf, size_t len)
{
	struct sink *sink = (struct sink *)dev;
	uint64_t packets = 0, bytes = 0, multicast = 0;

	for (uint32_t i = 0; i < dev->info.max_queues; i++) {
		packets += netport_get(&sink->counts[i].packets);
		bytes += netport_get(&sink->counts[i].bytes);
		multicast += netport_get(&sink->counts[i].multicast);
	}
	snprintf(buf, len,
		 "\"taken\":%" PRIu64 ",\"taken-bytes\":%" PRIu64
		 ",\"taken-multicast\":%" PRIu64,
		 packets, bytes, multicast);
}

const struct netdrv_ops drv_sink = {
	.name = "sink",
	.summary = "takes every packet and gives none",
	.open = sink_open,
	.close = sink_close,
	.queue_start = sink_queue_start,
	.queue_stop = sink_queue_stop,
	.send = sink_send,
	.stats = sink_stats,
};
