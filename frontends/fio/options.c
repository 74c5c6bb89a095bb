/* SPDX-License-Identifier: MIT */
/* The engine's own options. */
#include "frontends/fio/options.h"

#include <optgroup.h>

#define POOL_LIMIT ((size_t)64 << 30) /* as much as the jobs ask for */

#define ENGINE_OPTION(n, t, h)                                                    \
	.name = "tandem_" #n, .alias = #n, .lname = #n, .type = (t), .help = (h), \
	.off1 = offsetof(struct engine_options, n), .category = FIO_OPT_C_ENGINE, \
	.group = FIO_OPT_G_INVALID

struct fio_option engine_option_list[] = {
	{ ENGINE_OPTION(hv_dir, FIO_OPT_STR_STORE,
			"State directory of tandem-hvd (default: $TANDEM_DIR)") },
	{ ENGINE_OPTION(platform, FIO_OPT_STR_STORE, "Platform (default: proc)") },
	{ ENGINE_OPTION(abi, FIO_OPT_STR_STORE,
			"Ring ABI: native, x86_64-abi or x86_32-abi") },
	{ ENGINE_OPTION(ring_depth, FIO_OPT_INT,
			"Requests that the ring should hold (default: iodepth)") },
	{ ENGINE_OPTION(queues, FIO_OPT_INT,
			"Rings for the jobs to share, at most (default: one a job)") },
	{ ENGINE_OPTION(max_segments, FIO_OPT_INT, "Pages of a request, at most") },
	{ ENGINE_OPTION(poll_us, FIO_OPT_INT,
			"Longest busy poll in us; 0 never, -1 always (default: 100)"),
	  .def = "-2", .minval = POLL_US_DEFAULT },
	{ ENGINE_OPTION(no_persistent, FIO_OPT_STR_SET, "No persistent grants") },
	{ ENGINE_OPTION(no_indirect, FIO_OPT_STR_SET, "No indirect segments") },
	{ .name = NULL },
};

struct tandem_opts engine_tandem_opts(const struct engine_options *eo, unsigned queues,
				      unsigned depth)
{
	struct tandem_opts o = {
		.platform = eo->platform,
		.abi = eo->abi,
		.queues = queues,
		.rings = eo->queues,
		.depth = eo->ring_depth ? eo->ring_depth : depth,
		.max_segments = eo->max_segments,
		.pool_bytes = POOL_LIMIT,
		.no_persistent = eo->no_persistent,
		.no_indirect = eo->no_indirect,
	};

	if (eo->poll_us == POLL_US_ALWAYS)
		o.poll_us = TANDEM_POLL_ALWAYS;
	else if (!eo->poll_us)
		o.poll_us = TANDEM_POLL_NEVER;
	else if (eo->poll_us > 0)
		o.poll_us = (unsigned)eo->poll_us;
	return o;
}
