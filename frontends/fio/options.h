/* SPDX-License-Identifier: MIT */
/* The engine's own options, as fio fills them in. */
#ifndef TANDEM_FRONTENDS_FIO_OPTIONS_H
#define TANDEM_FRONTENDS_FIO_OPTIONS_H

#include <fio.h>

#include "frontends/include/tandem.h"

#define POLL_US_DEFAULT (-2) /* libtandem's */
#define POLL_US_ALWAYS	(-1)

struct engine_options {
	void *pad; /* fio's */
	char *hv_dir, *platform, *abi;
	unsigned int ring_depth, queues, max_segments;
	int poll_us;
	unsigned int no_persistent, no_indirect;
};

extern struct fio_option engine_option_list[];

/* What they mean to libtandem, for a disk that `queues` jobs share. */
struct tandem_opts engine_tandem_opts(const struct engine_options *eo, unsigned queues,
				      unsigned depth);

#endif
