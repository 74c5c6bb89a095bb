/* SPDX-License-Identifier: MIT */
/*
 * tandem-netfront: packets from nowhere as fast as they go, and counted as they
 * come. For benchmarks of the path alone.
 */
#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "ringproto/netif_pkt.h"
#include "tools/netfront_prog.h"

#define BATCH	  64u
#define ETHERTYPE 0x88b5 /* for local experiments (IEEE 802) */
#define WAIT_US	  100000

/* Each page gets the frame once: what it holds stays. */
struct gen {
	struct netfront_thread *t;
	uint8_t head[NETIF_ETH_HLEN];
	struct tandem_net_pkt tx[BATCH], rx[BATCH];
};

static void make_head(struct gen *g)
{
	struct tandem_net_info i;
	const uint16_t type = htons(ETHERTYPE);

	tandem_net_get_info(g->t->p->net, &i);
	memset(g->head, 0xff, 6); /* to anybody */
	memcpy(g->head + 6, i.mac, 6);
	memcpy(g->head + 12, &type, sizeof(type));
}

static unsigned gen_send(struct gen *g)
{
	unsigned bytes = g->t->p->gen;
	int n = tandem_net_room(g->t->q, g->tx, BATCH, bytes), sent;

	if (n <= 0)
		return 0;
	for (int i = 0; i < n; i++) {
		memcpy(g->tx[i].iov[0].iov_base, g->head, sizeof(g->head));
		g->tx[i].len = bytes;
		g->tx[i].gso_type = 0;
		g->tx[i].csum_blank = false;
	}
	sent = tandem_net_commit(g->t->q, g->tx, (unsigned)n);
	tandem_net_kick(g->t->q);
	g->t->tx_packets += (unsigned)sent;
	g->t->tx_bytes += (uint64_t)sent * bytes;
	return (unsigned)sent;
}

static unsigned sink_recv(struct gen *g)
{
	int n = tandem_net_recv(g->t->q, g->rx, BATCH);

	if (n <= 0)
		return 0;
	for (int i = 0; i < n; i++)
		g->t->rx_bytes += g->rx[i].len;
	g->t->rx_packets += (unsigned)n;
	tandem_net_done(g->t->q, g->rx, (unsigned)n);
	return (unsigned)n;
}

void gen_run(struct netfront_thread *t)
{
	struct netfront_prog *p = t->p;
	struct gen g = { .t = t };
	unsigned want = (p->sink ? TANDEM_NET_RX : 0) | (p->gen ? TANDEM_NET_TX : 0);

	make_head(&g);
	while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
		unsigned n = p->sink ? sink_recv(&g) : 0;

		if (p->gen)
			n += gen_send(&g);
		if (!n && tandem_net_wait(t->q, want, WAIT_US) & TANDEM_NET_CHANGED &&
		    tandem_net_error(p->net)) {
			atomic_store(&p->err, tandem_net_error(p->net));
			return;
		}
	}
}
