/* SPDX-License-Identifier: MIT */
/* What blkback asks the opener for: a driver's files. */
#ifndef TANDEM_TOOLS_OPENER_BLOCK_H
#define TANDEM_TOOLS_OPENER_BLOCK_H

#include "backends/block/blkdrv.h"
#include "tools/opener.h"

int opener_block_start(const struct opener_rules *rules, struct opener **op);
/* As blkback_config.open_files; op is the arg. */
int opener_block_open(void *op, struct blkdrv_params *p, char **why);

#endif
