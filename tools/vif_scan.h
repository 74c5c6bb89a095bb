/* SPDX-License-Identifier: MIT */
/* What the two halves of the vif syntax share: vif_spec.c and vif_check.c. */
#ifndef TANDEM_TOOLS_VIF_SCAN_H
#define TANDEM_TOOLS_VIF_SCAN_H

#include "tools/spec_scan.h"
#include "tools/vif_spec.h"

struct vif_scan {
	struct spec_scan scan; /* first */
	struct vif_spec *v;
};

#endif
