/* SPDX-License-Identifier: MIT */
/* Names of virtual disks: "xvda", "xvda1", "sdb", "hdc", or the number itself. */
#ifndef TANDEM_FRONTENDS_VDEV_H
#define TANDEM_FRONTENDS_VDEV_H

#include <stdint.h>

/* The device id that xenstore paths use. -EINVAL. (vbd-interface(7)) */
int vdev_parse(const char *name, uint32_t *devid);

#define VDEV_NAME_MAX 24
/* The other way: "xvda2", or the number where it is no xvd. */
void vdev_name(uint32_t devid, char name[VDEV_NAME_MAX]);

#endif
