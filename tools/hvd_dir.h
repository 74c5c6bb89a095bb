/* SPDX-License-Identifier: MIT */
/*
 * tandem-hvd's state directory: made if missing, ours and 0700, locked against a
 * second instance for as long as it is open, its sockets bound and listening.
 */
#ifndef TANDEM_TOOLS_HVD_DIR_H
#define TANDEM_TOOLS_HVD_DIR_H

enum hvd_dir_socket { HVD_DIR_HV, HVD_DIR_XS, HVD_DIR_NR };

struct hvd_dir;

/* path: NULL for the default. Says in one line what is wrong, and returns -errno. */
int hvd_dir_open(const char *path, struct hvd_dir **dir);
/* The listening socket, the caller's from now on. */
int hvd_dir_take(struct hvd_dir *dir, enum hvd_dir_socket which);
/* Removes the sockets. NULL is allowed. */
void hvd_dir_close(struct hvd_dir *dir);

#endif
