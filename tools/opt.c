/* SPDX-License-Identifier: MIT */
/* Command lines by argp, errors of one line. */
#include "tools/opt.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define EXIT_USAGE 2

static argp_parser_t inner;

static error_t outer(int key, char *arg, struct argp_state *state)
{
	/* getopt has said what is wrong: argp would add where to read on */
	if (key == ARGP_KEY_INIT)
		state->err_stream = NULL;
	return inner(key, arg, state);
}

void opt_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	struct argp one = *argp;

	inner = argp->parser;
	one.parser = outer;
	if (argp_parse(&one, argc, argv, 0, NULL, input))
		exit(EXIT_USAGE);
}

void opt_error(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	exit(EXIT_USAGE);
}
