/* SPDX-License-Identifier: MIT */
/* Command lines by argp, but for its second line: what is wrong is said in one. */
#ifndef TANDEM_TOOLS_OPT_H
#define TANDEM_TOOLS_OPT_H

#include <argp.h>

/* As argp_parse(), once in a program; exits with 2 if the command line is wrong. */
void opt_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Says what is wrong, and exits with 2. */
void opt_error(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
