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
/* The option's number of at most `max`, or an end with a line. */
uint32_t serve_number(const char *option, const char *arg, uint32_t max);

/* Says itself what is wrong, if anything is. */
typedef int serve_make_fn(struct plat *p, struct evloop *loop, void (*lost)(void *arg),
			  void *lost_arg, void *arg, struct backend **be);

/*
 * Parses a backend program's command line: `argp`, whose input `o` begins with a
 * struct serve_options, with the common options as its child. Then serves until a
 * signal or the hypervisor's end: forks the opener, connects, `make`s the backend,
 * drops rights, starts it. *open_arg: the opener, before make. Returns the exit
 * status.
 */
int serve_main(int argc, char **argv, const struct argp *argp, struct serve_options *o,
	       int (*opener)(const struct opener_rules *rules, struct opener **op),
	       void **open_arg, serve_make_fn *make, void *arg);

#endif
