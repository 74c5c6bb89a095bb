/* SPDX-License-Identifier: MIT */
/*
 * The opener: a child process that keeps the right to open files when
 * tandem-blkback gives it up. It opens what a driver's open_files() asks for
 * and passes the descriptors over; it never sees a byte from a guest.
 */
#ifndef TANDEM_TOOLS_OPENER_H
#define TANDEM_TOOLS_OPENER_H

#include "backends/block/blkdrv.h"

struct opener;

/*
 * Forks the opener; before any thread is started. allow: directories (real
 * paths) below which targets must lie, or nallow 0: anywhere. -errno
 */
int opener_start(char *const *allow, int nallow, struct opener **op);
/* As blkback_config.open_files; op is the arg. */
int opener_open(void *op, struct blkdrv_params *p, char **why);
/* Ends the child. NULL is allowed. */
void opener_stop(struct opener *op);

#endif
