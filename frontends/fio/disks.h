/* SPDX-License-Identifier: MIT */
/*
 * The disks of a fio process: opened once each, shared by all jobs that name
 * them. Knows nothing of fio.
 */
#ifndef TANDEM_FRONTENDS_FIO_DISKS_H
#define TANDEM_FRONTENDS_FIO_DISKS_H

#include "frontends/include/tandem.h"

struct fio_disk {
	char *name;
	struct tandem_disk *disk;
	struct tandem_info info;
	unsigned users, next_queue;
	struct fio_disk *next;
};

/* Opens it, or finds it open (the first job's opts hold). *why as tandem_open(). */
int fio_disk_get(const char *name, const struct tandem_opts *opts, struct fio_disk **d,
		 char **why);
/* The last user closes it. */
void fio_disk_put(struct fio_disk *d);
/* A queue for one more job; NULL: there are no more. */
struct tandem_queue *fio_disk_queue(struct fio_disk *d);

#endif
