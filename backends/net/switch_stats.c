/* SPDX-License-Identifier: MIT */
/* The switch's counters as JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/net/switch_int.h"

static const char *const names[SWITCH_COUNTS] = {
	[SWC_IN] = "in",
	[SWC_IN_BYTES] = "in_bytes",
	[SWC_OUT] = "out",
	[SWC_OUT_BYTES] = "out_bytes",
	[SWC_FORWARDED] = "forwarded",
	[SWC_FLOODED] = "flooded",
	[SWC_COPIES] = "flood_copies",
	[SWC_DROP_VLAN] = "drop_vlan",
	[SWC_DROP_ISOLATED] = "drop_isolated",
	[SWC_DROP_LOCAL] = "drop_local",
	[SWC_DROP_RESERVED] = "drop_reserved",
	[SWC_DROP_MTU] = "drop_mtu",
	[SWC_DROP_FULL] = "drop_full",
	[SWC_DROP_OFFLOAD] = "drop_offload",
	[SWC_DROP_ROOM] = "drop_room",
	[SWC_CUT] = "cut",
	[SWC_SUMMED] = "summed",
	[SWC_LEARNED] = "learned",
	[SWC_MOVED] = "moved",
	[SWC_MOVE_REFUSED] = "move_refused",
	[SWC_LEARN_LIMITED] = "learn_limited",
	[SWC_EVICTED] = "evicted",
	[SWC_AGED] = "aged",
};

static const char *const drops[NETINBOX_DROPS] = {
	[NETINBOX_DROP_BYTES] = "inbox_drop_bytes",
	[NETINBOX_DROP_PACKETS] = "inbox_drop_packets",
	[NETINBOX_DROP_SIZE] = "inbox_drop_size",
	[NETINBOX_DROP_CLOSED] = "inbox_drop_closed",
};

struct text {
	char *buf;
	size_t len;
};

/* Appends; what does not fit whole is left out. */
static void say(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf, t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->len) {
		if (t->len)
			t->buf[0] = '\0';
		return;
	}
	t->buf += n;
	t->len -= (size_t)n;
}

static void port_sum(const struct switch_port *port, uint64_t *sum)
{
	for (uint32_t i = 0; i < port->nqueues; i++)
		for (int c = 0; c < SWITCH_COUNTS; c++)
			sum[c] += netport_get(&port->queue[i].count[c]);
}

/* Counters that are zero are left out. */
static void say_count(struct text *t, const char *name, uint64_t n)
{
	if (n)
		say(t, ",\"%s\":%" PRIu64, name, n);
}

static void say_counts(struct text *t, const uint64_t *sum)
{
	for (int c = 0; c < SWITCH_COUNTS; c++)
		say_count(t, names[c], sum[c]);
}

static void say_inboxes(struct text *t, const struct switch_port *port)
{
	uint32_t packets, waiting = 0;
	size_t bytes, all = 0;
	uint64_t n;

	for (int d = 0; d < NETINBOX_DROPS; d++) {
		n = 0;
		for (uint32_t i = 0; i < port->nqueues; i++)
			n += netinbox_dropped(port->queue[i].box, d);
		say_count(t, drops[d], n);
	}
	for (uint32_t i = 0; i < port->nqueues; i++) {
		netinbox_depth(port->queue[i].box, &packets, &bytes);
		waiting += packets;
		all += bytes;
	}
	say_count(t, "inbox_packets", waiting);
	say_count(t, "inbox_bytes", all);
}

static void say_port(struct text *t, const struct switch_port *port)
{
	uint64_t sum[SWITCH_COUNTS] = { 0 };

	port_sum(port, sum);
	say(t, "\"macs\":%u", atomic_load_explicit(&port->used, memory_order_relaxed));
	say_counts(t, sum);
	say_inboxes(t, port);
}

void switch_port_stats(struct switch_port *port, char *buf, size_t len)
{
	struct text t = { buf, len };

	say(&t, "\"switch\":\"%s\",", port->sw->name);
	say_port(&t, port);
}

void switch_stats(struct netswitch *sw, char *buf, size_t len)
{
	uint64_t sum[SWITCH_COUNTS];
	struct text t = { buf, len };
	const char *comma = "";

	memcpy(sum, sw->retired, sizeof(sum));
	for (uint32_t i = 0; i < sw->nports; i++)
		if (sw->port[i])
			port_sum(sw->port[i], sum);
	say(&t, "\"name\":\"%s\",\"ports\":%u,\"macs\":%u", sw->name, sw->ports_in_use,
	    sw->macs);
	say_counts(&t, sum);
	say(&t, ",\"uplinks\":{");
	for (uint32_t i = 0; i < sw->nports; i++) {
		if (!sw->port[i] || !sw->port[i]->uplink)
			continue;
		say(&t, "%s\"%s\":{", comma, sw->port[i]->label);
		say_port(&t, sw->port[i]);
		say(&t, "}");
		comma = ",";
	}
	say(&t, "}");
}
