/* SPDX-License-Identifier: MIT */
/* What the two halves of the disk syntax share: disk_spec.c and disk_keys.c. */
#ifndef TANDEM_TOOLS_DISK_SCAN_H
#define TANDEM_TOOLS_DISK_SCAN_H

#include "tools/disk_spec.h"

struct disk_scan {
	struct disk_spec *d;
	char **why;
	int err;       /* the first error; *why goes with it */
	bool prefixed; /* "raw:" or another old prefix was there */
	bool access_taken;
	enum disk_tristate access, cdrom;
};

/* Keeps the first error and its line. Returns s->err. */
int disk_why(struct disk_scan *s, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Setters: a value that contradicts an earlier one is an error. */
int disk_set_string(struct disk_scan *s, const char *key, char **field,
		    const char *value);
int disk_set_tristate(struct disk_scan *s, const char *key, enum disk_tristate *field,
		      enum disk_tristate value, const char *yes, const char *no);
int disk_set_format(struct disk_scan *s, const char *value);
int disk_set_backendtype(struct disk_scan *s, const char *value);
int disk_set_access(struct disk_scan *s, const char *value);
int disk_set_devtype(struct disk_scan *s, const char *value);

/* key=value. */
int disk_set_key(struct disk_scan *s, const char *key, const char *value);
/* True if `word` is a flag, which is set then (or s->err is). */
bool disk_set_flag(struct disk_scan *s, const char *word);

#endif
