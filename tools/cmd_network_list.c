/* SPDX-License-Identifier: MIT */
/* tandem network-list: vifs, from both ends' directories. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"
#include "tools/cmd_network.h"

/* ------------------------------------------------------------- what was agreed */

static bool flag(const struct dev_xs *d, bool backend, const char *key)
{
	cleanup_free char *value = dev_xs_read(d, backend, key);

	return value && !strcmp(value, "1");
}

/*
 * What packets towards the end that offers `backend`'s keys may carry. A
 * checksum of IPv4 left blank is always possible unless a guest says no.
 */
static json_t *offered(const struct dev_xs *d, bool backend)
{
	static const struct {
		const char *key, *name;
	} features[] = {
		{ "feature-sg", "sg" },
		{ "feature-gso-tcpv4", "tso4" },
		{ "feature-gso-tcpv6", "tso6" },
		{ "feature-ipv6-csum-offload", "csum6" },
	};
	json_t *list = json_array();

	if (!flag(d, backend, "feature-no-csum-offload"))
		json_array_append_new(list, json_string("csum"));
	for (size_t i = 0; i < sizeof(features) / sizeof(*features); i++)
		if (flag(d, backend, features[i].key))
			json_array_append_new(list, json_string(features[i].name));
	return list;
}

static bool has_key(const struct dev_xs *d, const char *key)
{
	cleanup_free char *value = dev_xs_read(d, false, key);

	return value != NULL;
}

static json_int_t queues(const struct dev_xs *d)
{
	cleanup_free char *text = dev_xs_read(d, false, "multi-queue-num-queues");
	uint64_t n;

	return text && !cli_parse_number(text, VIF_QUEUES_MAX, &n) ? (json_int_t)n : 1;
}

/* Both ends have written what they can do, and look at the other's. */
static void add_agreed(json_t *o, const struct dev_xs *d)
{
	json_object_set_new(o, "queues", json_integer(queues(d)));
	json_object_set_new(o, "from_guest", offered(d, true));
	json_object_set_new(o, "to_guest", offered(d, false));
	/* not on the rings: the port cuts large UDP packets for the guest */
	json_object_set_new(o, "port_uso", json_boolean(flag(d, true, "port-uso")));
	json_object_set_new(o, "multicast_control",
			    json_boolean(flag(d, false, "request-multicast-control")));
	json_object_set_new(o, "control_ring", json_boolean(has_key(d, "ctrl-ring-ref")));
	json_object_set_new(o, "split_event_channels",
			    json_boolean(has_key(d, "event-channel-tx") ||
					 has_key(d, "queue-0/event-channel-tx")));
}

/* --------------------------------------------------------------------- a vif */

static json_t *number_or_null(const struct dev_xs *d, const char *key)
{
	cleanup_free char *text = dev_xs_read(d, true, key);
	uint64_t n;

	return text && !cli_parse_number(text, UINT32_MAX, &n)
		       ? json_integer((json_int_t)n)
		       : json_null();
}

/* "pcap:/in.pcap", or the bridge. */
static json_t *port(const struct dev_xs *d)
{
	cleanup_free char *driver = dev_xs_read(d, true, "port-driver");
	cleanup_free char *target = dev_xs_read(d, true, "port-target");
	cleanup_free char *whole = NULL;

	if (!driver)
		return cli_dev_string(d, "bridge");
	if (target && asprintf(&whole, "%s:%s", driver, target) < 0)
		whole = NULL;
	return cli_json_str(whole ? whole : driver);
}

static void add_backend(json_t *o, struct cli *c, const struct dev_xs *d)
{
	static const char *const strings[] = { "bridge", "rate", "ip", "vifname" };
	static const char *const numbers[] = { "mtu", "vlan" };

	cli_dev_add_state(o, d);
	json_object_set_new(o, "mac", cli_dev_string(d, "mac"));
	json_object_set_new(o, "port", port(d));
	json_object_set_new(o, "hotplug_status", cli_dev_string(d, "hotplug-status"));
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		json_object_set_new(o, strings[i], cli_dev_string(d, strings[i]));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		json_object_set_new(o, numbers[i], number_or_null(d, numbers[i]));
	if (dev_xs_state(d) == XenbusStateConnected)
		add_agreed(o, d);
	if (c->stats)
		json_object_set_new(o, "stats", cli_dev_stats(d));
}

struct listing {
	json_t *list;
	const struct cli_domain *dom;
};

static int add_vif(struct cli *c, struct dev_xs *d, bool served, void *arg)
{
	cleanup_free char *state = dev_xs_read(d, false, "state");
	const struct listing *l = arg;
	json_t *o = json_object();

	json_object_set_new(o, "domain", cli_json_str(l->dom->name));
	json_object_set_new(o, "devid", json_integer((json_int_t)d->devid));
	json_object_set_new(o, "frontend_id", json_integer(d->frontend));
	json_object_set_new(o, "frontend_state", cli_json_str(state));
	if (served)
		add_backend(o, c, d);
	if (json_array_append_new(l->list, o))
		return cli_fail(c, "out of memory");
	return 0;
}

/* --------------------------------------------------------------------- text */

/* A list of words with commas between them. */
static const char *words(json_t *o, const char *key, char *buf, size_t size)
{
	json_t *list = json_object_get(o, key), *v;
	size_t i, n = 0;

	snprintf(buf, size, "-");
	json_array_foreach(list, i, v)
	{
		n += (size_t)snprintf(buf + n, n < size ? size - n : 0, "%s%s",
				      i ? "," : "", json_string_value(v));
	}
	return buf;
}

static const char *number(json_t *o, const char *key, char *buf, size_t size)
{
	json_t *v = json_object_get(o, key);

	if (json_is_integer(v))
		snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		snprintf(buf, size, "-");
	return buf;
}

#define ROW "%-16s %5s %-17s %7s %-12s %-20s %6s %s\n"

static void print_row(json_t *o)
{
	char dom[HVCALL_NAME_MAX], id[16], mac[32], be[16], state[16], where[256], q[8];
	char from[64], to[64], both[176] = "-";

	words(o, "from_guest", from, sizeof(from));
	words(o, "to_guest", to, sizeof(to));
	if (json_object_get(o, "queues"))
		snprintf(both, sizeof(both), "from guest: %s; to guest: %s%s", from, to,
			 json_is_true(json_object_get(o, "port_uso")) ? "; port: uso"
								      : "");
	printf(ROW, cli_column(o, "domain", dom, sizeof(dom)),
	       number(o, "devid", id, sizeof(id)), cli_column(o, "mac", mac, sizeof(mac)),
	       number(o, "backend_id", be, sizeof(be)),
	       cli_column(o, "state_name", state, sizeof(state)),
	       cli_column(o, "port", where, sizeof(where)),
	       number(o, "queues", q, sizeof(q)), both);
}

static void print_list(json_t *list)
{
	json_t *o;
	size_t i;

	printf(ROW, "Domain", "Devid", "MAC", "Backend", "State", "Port", "Queues",
	       "Offloads");
	json_array_foreach(list, i, o)
	{
		print_row(o);
		cli_print_stats(o);
	}
}

static int gather(struct cli *c, json_t *list)
{
	struct cli_domain dom;
	struct listing l = { list, &dom };
	uint32_t from = 0;
	int err, status = 0;

	if (c->argc) {
		if (cli_find_domain(c, c->argv[0], &dom))
			return CLI_EXIT_FAILURE;
		status = cli_each_dev(c, &dom, "vif", add_vif, &l);
	}
	while (!c->argc && !status && !(err = cli_next_domain(c, from, &dom))) {
		status = cli_each_dev(c, &dom, "vif", add_vif, &l);
		from = dom.id + 1u;
	}
	if (status < 0)
		return cli_fail(c, "%s: %s", dom.name, cli_strerror(status));
	if (!c->argc && !status && err != -ENOENT)
		return cli_fail(c, "asking for the domains: %s", cli_strerror(err));
	return status;
}

int cli_network_list(struct cli *c)
{
	json_t *list = json_array();
	int status = cli_need_plat(c);

	if (!status)
		status = gather(c, list);
	if (!status && c->json)
		return cli_print_json(c, list);
	if (!status)
		print_list(list);
	json_decref(list);
	return status;
}
