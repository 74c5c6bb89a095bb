/* SPDX-License-Identifier: MIT */
/* The drivers that are built in, each in backends/net/drv_NAME.c. */
#ifndef TANDEM_BACKENDS_NET_DRIVERS_H
#define TANDEM_BACKENDS_NET_DRIVERS_H

#include "backends/net/netdrv.h"

extern const struct netdrv_ops drv_gen;
extern const struct netdrv_ops drv_pcap;
extern const struct netdrv_ops drv_packet;
extern const struct netdrv_ops drv_sink;
extern const struct netdrv_ops drv_switch;
extern const struct netdrv_ops drv_tap;
extern const struct netdrv_ops drv_xdp;
/* drv_fault is the name of the disks' */
extern const struct netdrv_ops netdrv_fault;

#endif
