/* SPDX-License-Identifier: MIT */
/* What the verbs on vifs and on domains need of each other. */
#ifndef TANDEM_TOOLS_CMD_NETWORK_H
#define TANDEM_TOOLS_CMD_NETWORK_H

#include "tools/cmd_dev.h"
#include "tools/vif_spec.h"
#include "tools/vif_xs.h"

/* 0, or 2 after saying what is wrong; *spec is the caller's to clear then not. */
int cli_parse_vif(struct cli *c, int n, const char *const *strings,
		  struct vif_spec *spec);
/*
 * Makes the device and waits for its backend; takes it back if that fails. What
 * the spec leaves open is filled in.
 */
int cli_attach_vif(struct cli *c, const struct cli_domain *dom, struct vif_spec *spec);
/*
 * The vif that DEVID or MAC names: 0, or 2 after saying that there is none.
 * *served: a backend has it.
 */
int cli_find_vif(struct cli *c, const struct cli_domain *dom, const char *name,
		 struct dev_xs *d, bool *served);
/* The verb network-list, cmd_network_list.c. */
int cli_network_list(struct cli *c);

#endif
