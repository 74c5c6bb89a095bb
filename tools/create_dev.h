/* SPDX-License-Identifier: MIT */
/* tandem create: the disks and vifs of a configuration. */
#ifndef TANDEM_TOOLS_CREATE_DEV_H
#define TANDEM_TOOLS_CREATE_DEV_H

#include "tools/cli.h"
#include "tools/disk_spec.h"
#include "tools/vif_spec.h"
#include "tools/xlcfg.h"

struct guest_devices {
	struct disk_spec *disks;
	size_t ndisks;
	struct vif_spec *vifs;
	size_t nvifs;
	char *const *disk_text, *const *vif_text; /* the configuration's, of each */
};

/* The keys disk and vif. 0 or 2. */
int devices_take_disks(struct cli *c, struct guest_devices *d,
		       const struct xlcfg_value *v);
int devices_take_vifs(struct cli *c, struct guest_devices *d,
		      const struct xlcfg_value *v);
/* Makes them for a domain, and waits for their backends. 0 or 2 */
int devices_attach(struct cli *c, const struct cli_domain *dom, struct guest_devices *d);
void devices_clear(struct guest_devices *d);

#endif
