/* SPDX-License-Identifier: MIT */
/* A program that goes into the background once it is ready. */
#ifndef TANDEM_TOOLS_DAEMON_H
#define TANDEM_TOOLS_DAEMON_H

/*
 * The parent leaves when the child says that it is ready, with status 0, or with
 * 2 if it ends before. Only in the child does this return; *ready is where to say
 * so. -errno
 */
int daemon_start(int *ready);
/* ready -1: nothing to do. */
void daemon_ready(int ready);

#endif
