/* SPDX-License-Identifier: MIT */
/* tandem-netback: a driver domain that serves virtual interfaces. */
#include <argp.h>

#include "backends/net/netback.h"
#include "tools/opener_net.h"
#include "tools/opt.h"
#include "tools/serve.h"

const char *argp_program_version = "tandem-netback " TANDEM_VERSION;

#define MAX_SWITCHES 64

struct options {
	struct serve_options serve; /* first */
	struct netback_config cfg;
	const char *switches[MAX_SWITCHES];
};

enum {
	OPT_QUEUES = 512,
	OPT_STALL,
	OPT_SWITCH,
};

static const struct argp_option option_table[] = {
	{ "max-queues", OPT_QUEUES, "N", 0, "queues a vif may have, 1..16 (8)", 0 },
	{ "switch", OPT_SWITCH, "NAME[,OPTION...]", 0,
	  "have a switch of that name, a bridge for vifs; options: "
	  "uplink=DRIVER:TARGET[;key=value...] (may be given again), ageing=SECONDS, "
	  "mtu=BYTES",
	  0 },
	{ "stall-ms", OPT_STALL, "N", 0,
	  "drop what comes for a guest that has had no room for so long (60000)", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->serve;
		break;
	case OPT_QUEUES:
		o->cfg.max_queues = serve_number("max-queues", arg, NETBACK_MAX_QUEUES);
		break;
	case OPT_STALL:
		o->cfg.stall_ns = serve_number("stall-ms", arg, 3600000) * 1000000ull;
		break;
	case OPT_SWITCH:
		if (o->cfg.nr_switches == MAX_SWITCHES)
			opt_error("--switch: at most %d times", MAX_SWITCHES);
		o->switches[o->cfg.nr_switches++] = arg;
		o->cfg.switches = o->switches;
		break;
	case ARGP_KEY_END:
		if (!o->cfg.max_queues)
			opt_error("--max-queues: want at least 1");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int make(struct plat *p, struct evloop *loop, void (*lost)(void *arg),
		void *lost_arg, void *arg, struct backend **be)
{
	return netback_new(p, loop, arg, lost, lost_arg, be);
}

static const char doc[] =
	"Serves the virtual interfaces that the toolstack made for a driver domain.\v"
	"Attach interfaces with `tandem network-attach GUEST "
	"'bridge=BRIDGE,backend=NAME'`.";

int main(int argc, char **argv)
{
	struct options o = { .cfg = netback_config_default };
	const struct argp_child children[] = { { &serve_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = { option_table, parse_option, NULL, doc,
				   children,	 NULL,	       NULL };

	o.serve.be = &o.cfg.be;
	o.cfg.open_files = opener_net_open;
	return serve_main(argc, argv, &argp, &o.serve, opener_net_start, &o.cfg.open_arg,
			  make, &o.cfg);
}
