/* SPDX-License-Identifier: MIT */
/* tandem-netfront's command line. */
#include "tools/netfront_opt.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "hv/base/log.h"
#include "hv/base/num.h"
#include "tools/opt.h"

enum {
	OPT_OFFLOAD = 256,
	OPT_MAC,
	OPT_DAEMONIZE,
	OPT_STATS,
	OPT_INFO,
	OPT_GEN,
	OPT_SINK,
	OPT_SECONDS,
	OPT_POLL,
	OPT_NO_SPLIT,
	OPT_NO_CTRL,
	OPT_NO_STAGING,
	OPT_HASH,
	OPT_CONNECT,
	OPT_RECONNECT,
	OPT_PLATFORM,
	OPT_NO_SANDBOX,
};

static const struct argp_option option_table[] = {
	{ "domain", 'd', "NAME", 0, "the guest's domain, or its id", 0 },
	{ "vif", 'n', "N", 0, "number of its vif (0)", 0 },
	{ "tap", 't', "NAME", 0, "bridge the vif to this tap, made if it is not there",
	  0 },
	{ "gen", OPT_GEN, "BYTES", 0, "no tap: send packets of so many bytes", 0 },
	{ "sink", OPT_SINK, NULL, 0, "no tap: take what comes, and count it", 0 },
	{ "seconds", OPT_SECONDS, "N", 0, "end after so long; --gen, --sink: 10", 0 },
	{ "queues", 'q', "N", 0, "pairs of rings, and queues of the tap (1)", 0 },
	{ "offload", OPT_OFFLOAD, "LIST", 0,
	  "KEY=off,...: do without sg, csum, csum6, tso4, tso6, uso; tx-KEY, rx-KEY: one "
	  "way",
	  0 },
	{ "hash", OPT_HASH, NULL, 0, "ask for a Toeplitz hash to choose queues", 0 },
	{ "no-split", OPT_NO_SPLIT, NULL, 0, "one event channel for both rings", 0 },
	{ "no-ctrl", OPT_NO_CTRL, NULL, 0, "no control ring", 0 },
	{ "no-staging", OPT_NO_STAGING, NULL, 0, "no pages that stay mapped", 0 },
	{ "mac", OPT_MAC, "MAC", 0, "the tap's address, instead of the vif's", 0 },
	{ "poll-us", OPT_POLL, "N", 0,
	  "poll at most N microseconds before sleeping; 0: never; always (100)", 0 },
	{ "connect-ms", OPT_CONNECT, "N", 0, "wait for the backend so long (10000)", 0 },
	{ "reconnect-ms", OPT_RECONNECT, "N", 0,
	  "end when the backend is gone for longer; 0: wait for ever (0)", 0 },
	{ "info", OPT_INFO, NULL, 0, "connect, print what was negotiated, end", 0 },
	{ "stats-every", OPT_STATS, "S", 0, "print the counters every S seconds, as JSON",
	  0 },
	{ "daemonize", OPT_DAEMONIZE, NULL, 0,
	  "go into the background when the vif is connected", 0 },
	{ "platform", OPT_PLATFORM, "SPEC", 0, "proc (the default), fault:...", 0 },
	{ "no-sandbox", OPT_NO_SANDBOX, NULL, 0, "keep all rights: for debugging", 0 },
	{ "verbose", 'v', NULL, 0, "say what happens", 0 },
	{ 0 },
};

struct parsing {
	struct netfront_options *o;
	struct netfront_prog *p;
};

static unsigned number(const char *option, const char *arg, uint64_t min, uint64_t max)
{
	uint64_t n = 0;

	if (num_parse_u64(arg, max, &n) || n < min)
		opt_error("--%s %s: want a number from %llu to %llu", option, arg,
			  (unsigned long long)min, (unsigned long long)max);
	return (unsigned)n;
}

/* One KEY=on|off of --offload. */
static void offload(struct netfront_prog *p, char *word)
{
	struct tandem_net_opts *o = &p->opts;
	static const char *const names[] = { "sg", "csum", "csum6", "tso4", "tso6" };
	char *value = strchr(word, '='), *key = word;
	bool tx = true, rx = true, off;
	unsigned i;

	if (!value)
		opt_error("--offload %s: want KEY=on or KEY=off", word);
	*value++ = '\0';
	off = !strcmp(value, "off");
	if (!off && strcmp(value, "on"))
		opt_error("--offload %s=%s: want on or off", word, value);
	if (!strncmp(key, "tx-", 3) || !strncmp(key, "rx-", 3)) {
		tx = key[0] == 't';
		rx = !tx;
		key += 3;
	}
	if (!strcmp(key, "uso") && tx) { /* the tap's alone: the vif has none */
		p->uso_off = off;
		return;
	}
	for (i = 0; i < 5 && strcmp(key, names[i]); i++)
		;
	if (i == 5)
		opt_error("--offload %s: want sg, csum, csum6, tso4 or tso6, perhaps "
			  "with tx- or rx- in front, or uso",
			  word);
	if (tx)
		o->tx_off = off ? o->tx_off | 1u << i : o->tx_off & ~(1u << i);
	if (rx)
		o->rx_off = off ? o->rx_off | 1u << i : o->rx_off & ~(1u << i);
}

static void offloads(struct netfront_prog *p, const char *arg)
{
	cleanup_free char *list = strdup(arg);
	char *save = NULL;

	if (!list)
		return;
	for (char *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save))
		offload(p, w);
}

static void set_mac(struct netfront_prog *p, const char *arg)
{
	uint8_t *m = p->mac;
	int end = 0;

	if (strlen(arg) != 17 ||
	    sscanf(arg, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m[0], &m[1], &m[2],
		   &m[3], &m[4], &m[5], &end) != 6 ||
	    end != 17 || m[0] & 1)
		opt_error("--mac %s: want a unicast address such as 00:16:3e:01:02:03",
			  arg);
	p->has_mac = true;
}

static void set_poll(struct netfront_prog *p, const char *arg)
{
	unsigned us = !strcmp(arg, "always") ? TANDEM_NET_POLL_ALWAYS
					     : number("poll-us", arg, 0, 1000000);

	p->opts.poll_us = us ? us : TANDEM_NET_POLL_NEVER;
}

static void check(const struct parsing *in)
{
	struct netfront_prog *p = in->p;
	bool none = p->gen || p->sink;

	if (!in->o->domain)
		opt_error("--domain: whose vif?");
	if (none && p->tap)
		opt_error("--tap: not with --gen or --sink");
	if (!none && !p->tap && !in->o->info)
		opt_error("want one of --tap, --gen, --sink, --info");
	if (p->tap && p->opts.queues > TAP_MAX_QUEUES)
		opt_error("--queues %u: a tap has %d at most", p->opts.queues,
			  TAP_MAX_QUEUES);
	if (none && !p->seconds)
		p->seconds = 10;
}

/* Those with a word of their own; the rest is switches. */
static error_t parse_more(int key, char *arg, struct netfront_options *o,
			  struct netfront_prog *p)
{
	switch (key) {
	case OPT_OFFLOAD:
		offloads(p, arg);
		break;
	case OPT_MAC:
		set_mac(p, arg);
		break;
	case OPT_STATS:
		o->stats_every = number("stats-every", arg, 1, 86400);
		break;
	case OPT_GEN:
		p->gen = number("gen", arg, 14, 65535);
		break;
	case OPT_SECONDS:
		p->seconds = number("seconds", arg, 1, 86400);
		break;
	case OPT_POLL:
		set_poll(p, arg);
		break;
	case OPT_CONNECT:
		p->opts.connect_ms = number("connect-ms", arg, 1, 3600000);
		break;
	case OPT_RECONNECT:
		p->opts.reconnect_ms = number("reconnect-ms", arg, 0, 3600000);
		break;
	case OPT_PLATFORM:
		p->opts.platform = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parsing *in = state->input;
	struct tandem_net_opts *opts = &in->p->opts;
	const struct {
		int key;
		bool *set;
	} switches[] = {
		{ OPT_DAEMONIZE, &in->o->daemonize },
		{ OPT_INFO, &in->o->info },
		{ OPT_SINK, &in->p->sink },
		{ OPT_NO_SPLIT, &opts->no_split },
		{ OPT_NO_CTRL, &opts->no_ctrl },
		{ OPT_NO_STAGING, &opts->no_staging },
		{ OPT_HASH, &opts->hash },
	};

	for (unsigned i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (switches[i].key == key) {
			*switches[i].set = true;
			return 0;
		}
	switch (key) {
	case 'd':
		in->o->domain = arg;
		break;
	case 'n':
		in->o->vif = number("vif", arg, 0, UINT32_MAX);
		break;
	case 't':
		in->p->tap = arg;
		break;
	case 'q':
		opts->queues = number("queues", arg, 1, TANDEM_NET_MAX_QUEUES);
		break;
	case 'v':
		in->p->verbose = true;
		log_set_level(LOG_INFO);
		break;
	case OPT_NO_SANDBOX:
		in->o->sandbox = false;
		break;
	case ARGP_KEY_ARG:
		opt_error("%s: no such argument", arg);
		break;
	case ARGP_KEY_END:
		check(in);
		break;
	default:
		return parse_more(key, arg, in->o, in->p);
	}
	return 0;
}

static const char doc[] =
	"The guest's side of a virtual network interface, as a tap that any program "
	"uses, or as a generator and a sink of packets.\v"
	"Attach the vif with `tandem network-attach`. A tap takes the vif's address and "
	"MTU; put it into a network namespace to keep it apart from the host.";

void netfront_options(int argc, char **argv, struct netfront_options *o,
		      struct netfront_prog *p)
{
	struct parsing in = { o, p };
	const struct argp argp = { option_table, parse, NULL, doc, NULL, NULL, NULL };

	o->sandbox = true;
	p->opts.queues = 1;
	p->opts.poll_us = 100;
	opt_parse(&argp, argc, argv, &in);
}
