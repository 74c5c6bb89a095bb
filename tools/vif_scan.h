/* SPDX-License-Identifier: MIT */
/* What the two halves of the vif syntax share: vif_spec.c and vif_check.c. */
#ifndef TANDEM_TOOLS_VIF_SCAN_H
#define TANDEM_TOOLS_VIF_SCAN_H

#include "tools/vif_spec.h"

struct vif_scan {
	struct vif_spec *v;
	char **why;
	int err; /* the first error; *why goes with it */
};

/* Keeps the first error and its line. Returns s->err. */
int vif_why(struct vif_scan *s, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
