/* SPDX-License-Identifier: MIT */
/* Names of files that have to be there after a crash. */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_SYNCDIR_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_SYNCDIR_H

/*
 * Syncs the directory that `path` stands in: a new name is only there for sure
 * when that is done. 0 or -errno
 */
int syncdir_of(const char *path);

#endif
