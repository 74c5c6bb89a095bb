/* SPDX-License-Identifier: MIT */
/* What the two halves of the disk syntax share: disk_spec.c and disk_keys.c. */
#ifndef TANDEM_TOOLS_DISK_SCAN_H
#define TANDEM_TOOLS_DISK_SCAN_H

#include "tools/disk_spec.h"
#include "tools/spec_scan.h"

struct disk_scan {
	struct spec_scan scan; /* first */
	struct disk_spec *d;
	bool prefixed; /* "raw:" or another old prefix was there */
	bool access_taken;
	enum disk_tristate access, cdrom;
};

/* Setters: a value that contradicts an earlier one is an error. */
int disk_set_tristate(struct disk_scan *s, const char *key, enum disk_tristate *field,
		      enum disk_tristate value, const char *yes, const char *no);
int disk_set_format(struct disk_scan *s, const char *value);
int disk_set_backendtype(struct disk_scan *s, const char *value);
int disk_set_access(struct disk_scan *s, const char *value);
int disk_set_devtype(struct disk_scan *s, const char *value);

/* key=value. */
int disk_set_key(struct disk_scan *s, const char *key, const char *value);
/* True if `word` is a flag, which is set then (or s->scan.err is). */
bool disk_set_flag(struct disk_scan *s, const char *word);

#endif
