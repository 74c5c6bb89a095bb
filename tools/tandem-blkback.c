/* SPDX-License-Identifier: MIT */
/* tandem-blkback: a driver domain that serves virtual disks. */
#include <argp.h>
#include <linux/capability.h>
#include <string.h>

#include "backends/block/blkback.h"
#include "backends/device.h"
#include "hv/base/log.h"
#include "ringproto/blkif.h"
#include "tools/opener_block.h"
#include "tools/opt.h"
#include "tools/serve.h"

const char *argp_program_version = "tandem-blkback " TANDEM_VERSION;

struct options {
	struct serve_options serve; /* first */
	struct blkback_config cfg;
};

enum {
	OPT_QUEUES = 512,
	OPT_ORDER,
	OPT_INDIRECT,
	OPT_PERSISTENT,
};

static const struct argp_option option_table[] = {
	{ "max-queues", OPT_QUEUES, "N", 0, "queues a disk may have, 1..64 (16)", 0 },
	{ "max-ring-order", OPT_ORDER, "N", 0, "log2 of the ring pages, 0..4 (4)", 0 },
	{ "max-indirect", OPT_INDIRECT, "N", 0, "segments a request, 0..4096 (256)", 0 },
	{ "max-persistent", OPT_PERSISTENT, "N", 0,
	  "grants a queue keeps mapped; 0: do not offer it (1056)", 0 },
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
		o->cfg.max_queues = serve_number("max-queues", arg, DEVICE_MAX_QUEUES);
		break;
	case OPT_ORDER:
		o->cfg.max_ring_order =
			serve_number("max-ring-order", arg, BLKIF_MAX_RING_ORDER);
		break;
	case OPT_INDIRECT:
		o->cfg.max_indirect =
			serve_number("max-indirect", arg, BLKIF_MAX_INDIRECT_SEGMENTS);
		break;
	case OPT_PERSISTENT:
		o->cfg.max_persistent = serve_number("max-persistent", arg, 1u << 20);
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
	int err = blkback_new(p, loop, arg, lost, lost_arg, be);

	if (err)
		log_err("cannot start: %s", strerror(-err));
	return err;
}

static const char doc[] =
	"Serves the virtual disks that the toolstack made for a driver domain.\v"
	"Attach disks with `tandem block-attach GUEST "
	"'vdev=xvda,backend=NAME,target=...'`.";

int main(int argc, char **argv)
{
	struct options o = { .cfg = blkback_config_default };
	const struct argp_child children[] = { { &serve_argp, 0, NULL, 0 }, { 0 } };
	const struct argp argp = { option_table, parse_option, NULL, doc,
				   children,	 NULL,	       NULL };

	o.serve.be = &o.cfg.be;
	o.serve.caps = 1ull << CAP_IPC_LOCK; /* registered buffers */
	o.cfg.open_files = opener_block_open;
	return serve_main(argc, argv, &argp, &o.serve, opener_block_start,
			  &o.cfg.open_arg, make, &o.cfg);
}
