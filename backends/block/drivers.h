/* SPDX-License-Identifier: MIT */
/* The drivers that are built in, each in backends/block/drv_NAME.c. */
#ifndef TANDEM_BACKENDS_BLOCK_DRIVERS_H
#define TANDEM_BACKENDS_BLOCK_DRIVERS_H

#include "backends/block/blkdrv.h"

extern const struct blkdrv_ops drv_aio;
extern const struct blkdrv_ops drv_fault;
extern const struct blkdrv_ops drv_null;
extern const struct blkdrv_ops drv_ram;
extern const struct blkdrv_ops drv_uring;
extern const struct blkdrv_ops drv_zstd;

#endif
