/* SPDX-License-Identifier: MIT */
/*
 * Negotiation (PROTOCOLS.md, netif): what the backend offers, our rings and keys.
 * Runs at each connect, with a different backend perhaps.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/net/netfront.h"
#include "hv/base/cleanup.h"
#include "hv/base/num.h"

#define MTU_DEFAULT 1500u
#define MTU_MIN	    68u
#define MTU_MAX	    (XEN_NETIF_MAX_TX_SIZE - NETIF_ETH_HLEN)

/* What the backend offers before the rings exist. */
struct offer {
	unsigned tx; /* TANDEM_NET_* */
	uint32_t queues, mtu;
	bool copy, split, ctrl, mcast;
};

static int read_offloads(struct xenbus_front *x, unsigned *tx)
{
	static const struct {
		const char *key;
		unsigned bit;
	} keys[] = {
		{ "feature-sg", TANDEM_NET_SG },
		{ "feature-no-csum-offload", TANDEM_NET_CSUM },
		{ "feature-ipv6-csum-offload", TANDEM_NET_CSUM6 },
		{ "feature-gso-tcpv4", TANDEM_NET_TSO4 },
		{ "feature-gso-tcpv6", TANDEM_NET_TSO6 },
	};

	*tx = 0;
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		bool set;
		int err = xenbus_read_flag(x, keys[i].key, &set);

		if (err)
			return err;
		/* the one that says what is not there */
		if (set != (keys[i].bit == TANDEM_NET_CSUM))
			*tx |= keys[i].bit;
	}
	return 0;
}

static int read_offer(struct tandem_net *net, struct offer *o)
{
	struct xenbus_front *x = &net->front.xb;
	int err;

	if ((err = read_offloads(x, &o->tx)) ||
	    (err = xenbus_read_flag(x, "feature-rx-copy", &o->copy)) ||
	    (err = xenbus_read_flag(x, "feature-split-event-channels", &o->split)) ||
	    (err = xenbus_read_flag(x, "feature-ctrl-ring", &o->ctrl)) ||
	    (err = xenbus_read_flag(x, "feature-multicast-control", &o->mcast)) ||
	    (err = xenbus_read_u32(x, "mtu", MTU_MAX, UINT32_MAX, &o->mtu)) ||
	    (err = xenbus_read_u32(x, "multi-queue-max-queues", 1, UINT32_MAX,
				   &o->queues)))
		return err;
	if (!o->copy)
		return xenbus_fail(x, -EPROTO,
				   "%s/feature-rx-copy is not 1: the backend cannot copy",
				   x->backend);
	if (!o->queues)
		o->queues = 1;
	return 0;
}

/* Takes away what needs something that is not there. */
static unsigned consistent(unsigned f)
{
	if (!(f & TANDEM_NET_SG) || !(f & TANDEM_NET_CSUM))
		f &= ~TANDEM_NET_TSO4;
	if (!(f & TANDEM_NET_SG) || !(f & TANDEM_NET_CSUM6))
		f &= ~TANDEM_NET_TSO6;
	return f;
}

/* The smallest of: what our directory says, what the backend's does, what packets
 * can carry. */
static unsigned choose_mtu(const struct tandem_net *net, const struct offer *o)
{
	const struct tandem_net_info *i = &net->info;
	unsigned mtu = net->own_mtu;

	if (!mtu)
		mtu = o->mtu == MTU_MAX ? MTU_DEFAULT : o->mtu;
	if (o->mtu < mtu)
		mtu = o->mtu;
	if (mtu > MTU_DEFAULT && !(i->tx.active & i->rx.active & TANDEM_NET_SG))
		mtu = MTU_DEFAULT;
	return mtu < MTU_MIN ? MTU_MIN : mtu > MTU_MAX ? MTU_MAX : mtu;
}

static void choose(struct tandem_net *net, const struct offer *o)
{
	const struct tandem_net_opts *opts = &net->opts;
	struct tandem_net_info *i = &net->info;

	net->nr_rings = o->queues < net->nr_queues ? o->queues : net->nr_queues;
	net->split = o->split && !opts->no_split;
	net->use_ctrl = o->ctrl && !opts->no_ctrl && (opts->hash || !opts->no_staging);
	net->use_mcast = o->mcast && opts->mcast_control;
	pthread_mutex_lock(&net->lock);
	i->tx.requested = TANDEM_NET_ALL & ~opts->tx_off;
	i->tx.offered = o->tx;
	i->tx.active = consistent(i->tx.requested & o->tx);
	i->rx.requested = TANDEM_NET_ALL & ~opts->rx_off;
	/* what we say that we take, the backend may send */
	i->rx.offered = i->rx.active = consistent(i->rx.requested);
	i->rings = net->nr_rings;
	i->max_queues = o->queues;
	i->split = net->split;
	i->ctrl = net->use_ctrl;
	i->mcast_control = net->use_mcast;
	i->hash = false;
	i->asking = net->use_ctrl;
	i->staged = 0;
	i->mtu = choose_mtu(net, o);
	pthread_mutex_unlock(&net->lock);
}

/* --------------------------------------------------------------------- keys */

static int write_ring_keys(struct tandem_net *net, xenstore_tx_t tx, unsigned i)
{
	const struct tandem_net_queue *q = &net->queues[i];
	const grant_ref_t *refs = net->ring_pages->refs + (size_t)i * 2;
	const struct {
		const char *key;
		uint32_t value;
	} keys[] = {
		{ "tx-ring-ref", refs[0] },
		{ "rx-ring-ref", refs[1] },
		{ net->split ? "event-channel-tx" : "event-channel", q->tx.ch->port },
		{ "event-channel-rx", q->rx.ch->port },
	};
	char dir[24] = "", key[64];
	int err = 0;

	if (net->nr_rings > 1)
		snprintf(dir, sizeof(dir), "queue-%u/", i);
	for (unsigned k = 0; k < (net->split ? 4 : 3) && !err; k++) {
		snprintf(key, sizeof(key), "%s%s", dir, keys[k].key);
		err = xenbus_write_u32(&net->front.xb, tx, key, keys[k].value);
	}
	return err;
}

/* Keys of an earlier connection must not be taken for this one's. */
static int remove_old_keys(struct tandem_net *net, xenstore_tx_t tx)
{
	static const char *const keys[] = {
		"tx-ring-ref",
		"rx-ring-ref",
		"event-channel",
		"event-channel-tx",
		"event-channel-rx",
		"ctrl-ring-ref",
		"event-channel-ctrl",
		"multi-queue-num-queues",
		"request-multicast-control",
	};
	char key[32];
	int err = 0;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]) && !err; i++)
		err = xenbus_remove(&net->front.xb, tx, keys[i]);
	for (unsigned i = 0; i < net->nr_queues && !err; i++) {
		snprintf(key, sizeof(key), "queue-%u", i);
		err = xenbus_remove(&net->front.xb, tx, key);
	}
	return err;
}

static int write_features(struct tandem_net *net, xenstore_tx_t tx)
{
	unsigned rx = net->info.rx.active;
	const struct {
		const char *key;
		bool on;
	} keys[] = {
		{ "request-rx-copy", true },
		{ "feature-rx-notify", true },
		{ "feature-sg", rx & TANDEM_NET_SG },
		{ "feature-no-csum-offload", !(rx & TANDEM_NET_CSUM) },
		{ "feature-ipv6-csum-offload", rx & TANDEM_NET_CSUM6 },
		{ "feature-gso-tcpv4", rx & TANDEM_NET_TSO4 },
		{ "feature-gso-tcpv6", rx & TANDEM_NET_TSO6 },
	};
	int err = 0;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]) && !err; i++)
		err = xenbus_write(&net->front.xb, tx, keys[i].key,
				   keys[i].on ? "1" : "0");
	return err;
}

static int write_keys(struct xenbus_front *x, xenstore_tx_t tx, void *arg)
{
	struct tandem_net *net = arg;
	uint32_t ctrl = net->nr_rings * 2;
	int err = remove_old_keys(net, tx);

	if (!err)
		err = write_features(net, tx);
	if (!err && net->nr_rings > 1)
		err = xenbus_write_u32(x, tx, "multi-queue-num-queues", net->nr_rings);
	for (unsigned i = 0; i < net->nr_rings && !err; i++)
		err = write_ring_keys(net, tx, i);
	if (!err && net->use_mcast)
		err = xenbus_write(x, tx, "request-multicast-control", "1");
	if (!err && net->use_ctrl)
		err = xenbus_write_u32(x, tx, "ctrl-ring-ref",
				       net->ring_pages->refs[ctrl]);
	if (!err && net->use_ctrl)
		err = xenbus_write_u32(x, tx, "event-channel-ctrl", net->ctrl.ch->port);
	return err;
}

int net_publish(struct tandem_net *net)
{
	struct xenbus_front *x = &net->front.xb;
	struct offer o;
	int err = read_offer(net, &o);

	if (err)
		return err;
	choose(net, &o);
	err = net_rings_new(net);
	if (err)
		return err;
	err = xenbus_transact(x, write_keys, net);
	if (!err)
		err = xenbus_switch_state(x, XenbusStateConnected);
	if (!err)
		return 0;
	net_rings_drop(net);
	return xenbus_fail(x, err, "%s: the rings cannot be published: %s", x->path,
			   strerror(-err));
}

/* -------------------------------------------------------------- read besides */

static int parse_mac(const char *text, uint8_t mac[6])
{
	unsigned m[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4],
		   &m[5], &end) != 6 ||
	    text[end] || strlen(text) != 17)
		return -EINVAL;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	return 0;
}

int net_read_own(struct tandem_net *net)
{
	struct xenbus_front *x = &net->front.xb;
	cleanup_free char *mac = xenbus_read_own(x, "mac");
	cleanup_free char *mtu = xenbus_read_own(x, "mtu");
	uint64_t v = 0;

	if (!mac || parse_mac(mac, net->info.mac))
		return xenbus_fail(x, -EPROTO,
				   "%s/mac: \"%.40s\" is not an address such as "
				   "00:16:3e:01:02:03",
				   x->path, mac ? mac : "");
	if (mtu && (num_parse_u64(mtu, MTU_MAX, &v) || v < MTU_MIN))
		return xenbus_fail(x, -EPROTO,
				   "%s/mtu: \"%.40s\" is not a number from %u to %u",
				   x->path, mtu, MTU_MIN, MTU_MAX);
	net->own_mtu = (unsigned)v;
	return 0;
}

int net_read_carrier(struct tandem_net *net, bool *carrier)
{
	uint32_t v;
	int err = xenbus_read_u32(&net->front.xb, "carrier", 1, UINT32_MAX, &v);

	if (!err)
		*carrier = v != 0;
	return err;
}
