/* SPDX-License-Identifier: MIT */
/* tandem-netfront: what was negotiated, and what has moved. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/netfront_prog.h"

static void print_features(const char *way, const struct tandem_net_features *f)
{
	static const char *const names[] = { "sg", "csum", "csum6", "tso4", "tso6" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unsigned bit = 1u << i;

		printf("%s-%s: %s%s\n", way, names[i], f->active & bit ? "on" : "off",
		       f->active & bit	       ? ""
		       : !(f->requested & bit) ? " [requested off]"
		       : !(f->offered & bit)   ? " [not offered]"
					       : " [needs another]");
	}
}

/* Of the tap alone: netif has no word for it. */
static void print_uso(const struct netfront_prog *p, const struct tandem_net_info *i)
{
	bool active = p->tap && bridge_uso(p, i);

	printf("tx-uso: %s%s\n", active ? "on" : "off",
	       active	     ? ""
	       : p->uso_off  ? " [requested off]"
	       : !p->tap     ? " [no tap]"
	       : !p->has_uso ? " [not offered]"
			     : " [needs another]");
}

static const char *on(bool b)
{
	return b ? "on" : "off";
}

void info_print(const struct netfront_prog *p)
{
	struct tandem_net_info i;

	tandem_net_get_info(p->net, &i);
	printf("mac: %02x:%02x:%02x:%02x:%02x:%02x\n", i.mac[0], i.mac[1], i.mac[2],
	       i.mac[3], i.mac[4], i.mac[5]);
	printf("mtu: %u\ncarrier: %s\n", i.mtu, on(i.carrier));
	printf("queues: %u [asked %u, offered %u]\n", i.rings, i.queues, i.max_queues);
	print_features("tx", &i.tx);
	print_uso(p, &i);
	print_features("rx", &i.rx);
	printf("split-event-channels: %s\n", on(i.split));
	printf("control-ring: %s\n", on(i.ctrl));
	printf("toeplitz-hash: %s\n", on(i.hash));
	printf("multicast-control: %s\n", on(i.mcast_control));
	printf("staged-grants: %u\n", i.staged);
	printf("reconnects: %u\n", i.reconnects);
	fflush(stdout);
}

static void print_stats(const struct tandem_net_info *i)
{
	const struct tandem_net_stats *s = &i->stats;
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{ "tx_packets", s->tx_packets }, { "tx_bytes", s->tx_bytes },
		{ "tx_refused", s->tx_refused }, { "tx_errors", s->tx_errors },
		{ "tx_dropped", s->tx_dropped }, { "tx_lost", s->tx_lost },
		{ "rx_packets", s->rx_packets }, { "rx_bytes", s->rx_bytes },
		{ "rx_bad", s->rx_bad },	 { "rx_unwanted", s->rx_unwanted },
		{ "notifies", s->notifies },	 { "notifies_saved", s->notifies_saved },
		{ "sleeps", s->sleeps },	 { "staged", i->staged },
		{ "reconnects", i->reconnects }, { "last_pause_us", i->last_pause_us },
		{ "carrier", i->carrier },
	};

	for (unsigned n = 0; n < sizeof(counters) / sizeof(counters[0]); n++)
		printf("%s\"%s\":%" PRIu64, n ? "," : "{", counters[n].name,
		       counters[n].value);
	printf("}\n");
	fflush(stdout);
}

void info_stats(struct tandem_net *net)
{
	struct tandem_net_info i;

	tandem_net_get_info(net, &i);
	print_stats(&i);
}
