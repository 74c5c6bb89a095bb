/* SPDX-License-Identifier: MIT */
/* What the syntaxes of disk strings and of vif strings share. */
#ifndef TANDEM_TOOLS_SPEC_SCAN_H
#define TANDEM_TOOLS_SPEC_SCAN_H

#include <stddef.h>

/* First member of a syntax's own struct. */
struct spec_scan {
	const char *what; /* "disk string", for messages */
	size_t max;	  /* bytes of one string */
	char **why;
	int err; /* the first error; *why goes with it, but for -ENOMEM */
};

/* Keeps the first error and its line. Returns s->err. */
int spec_why(struct spec_scan *s, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Calls take() with a copy of each string, which it may write into, up to the
 * first error. An error of take() is in s->err. Returns s->err.
 */
int spec_each(struct spec_scan *s, int n, const char *const *strings,
	      void (*take)(struct spec_scan *s, char *text));

/* Values end up in xenstore, on terminals and in log lines. Returns s->err. */
int spec_check_printable(struct spec_scan *s, const char *token);

/* A copy of `value` into *field. An error if there is a value already, but for an
 * empty one. Returns s->err. */
int spec_set_string(struct spec_scan *s, const char *key, char **field,
		    const char *value);

#endif
