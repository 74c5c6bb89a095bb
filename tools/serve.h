/* SPDX-License-Identifier: MIT */
/*
 * What the backend programs share: their common options, and the life of the
 * process from connecting to its end.
 */
#ifndef TANDEM_TOOLS_SERVE_H
#define TANDEM_TOOLS_SERVE_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/backend.h"
#include "tools/opener.h"

#define SERVE_MAX_ALLOW 16

struct serve_options {
	const char *domain, *platform;
	char *allow[SERVE_MAX_ALLOW];
	struct opener_rules rules; /* of allow[] */
	bool sandbox;
	uint64_t caps; /* that the sandbox keeps, 1 << CAP_* */
	struct backend_config *be;
};

/* An argp of the common options; its input is a struct serve_options. */
extern const struct argp serve_argp;
/* A number of at most `max`, or argp's error. */
uint32_t serve_number(struct argp_state *state, const char *arg, uint32_t max);

/*
 * Serves until a signal or the hypervisor's end: connects, `make`s the backend,
 * drops rights, starts it. Returns the exit status.
 */
int serve_run(const struct serve_options *o,
	      int (*make)(struct plat *p, struct evloop *loop, void (*lost)(void *arg),
			  void *lost_arg, void *arg, struct backend **be),
	      void *arg);
/* Before forking the opener: signals, limits. */
void serve_prepare(void);
void serve_end(struct serve_options *o);

#endif
