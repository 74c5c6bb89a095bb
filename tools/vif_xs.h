/* SPDX-License-Identifier: MIT */
/* A vif's keys in its two directories in xenstore. */
#ifndef TANDEM_TOOLS_VIF_XS_H
#define TANDEM_TOOLS_VIF_XS_H

#include "tools/dev_xs.h"
#include "tools/vif_spec.h"

/* A vif of any domain. */
struct vif_xs_owner {
	domid_t frontend;
	uint32_t devid;
};

/*
 * Both directories in one transaction, in which also what the spec leaves open is
 * chosen, and written into it: the lowest device number that the guest does not
 * have, an address of Xen's that no vif has. *d is filled in.
 * -EEXIST: the guest has that device. -EADDRINUSE: *owner has that address.
 */
int vif_xs_create(struct dev_xs *d, struct plat *p, domid_t frontend, domid_t backend,
		  struct vif_spec *spec, struct vif_xs_owner *owner);

/* The device of a guest with that address. -ENOENT, -errno */
int vif_xs_find_mac(struct plat *p, domid_t frontend, const uint8_t mac[6],
		    uint32_t *devid);

/* Has no vif that address? -EADDRINUSE: *owner has it. */
int vif_xs_mac_free(struct plat *p, xenstore_tx_t tx, const uint8_t mac[6],
		    struct vif_xs_owner *owner);

/* Rewrites the backend's rate; usec 0: takes the limit away. -ENOENT: no backend. */
int vif_xs_set_rate(const struct dev_xs *d, const struct vif_rate *rate);

#endif
