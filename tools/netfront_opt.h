/* SPDX-License-Identifier: MIT */
/* tandem-netfront's command line. */
#ifndef TANDEM_TOOLS_NETFRONT_OPT_H
#define TANDEM_TOOLS_NETFRONT_OPT_H

#include "tools/netfront_prog.h"

struct netfront_options {
	const char *domain;
	unsigned vif, stats_every;
	bool daemonize, info, sandbox;
};

/* Reads the command line; ends the process with status 2 if it makes no sense. */
void netfront_options(int argc, char **argv, struct netfront_options *o,
		      struct netfront_prog *p);

#endif
