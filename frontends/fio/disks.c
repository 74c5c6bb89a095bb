/* SPDX-License-Identifier: MIT */
/* The disks of a fio process. */
#include "frontends/fio/disks.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fio_disk *disks;

static int disk_open(struct fio_disk *d, const struct tandem_opts *opts, char **why)
{
	struct tandem_opts o = *opts;
	int err = tandem_open(d->name, &o, &d->disk, why);

	if (err == -EROFS) {
		/* for jobs that only read; writes will fail one by one */
		free(*why);
		o.readonly = true;
		err = tandem_open(d->name, &o, &d->disk, why);
	}
	return err;
}

static int disk_add(const char *name, const struct tandem_opts *opts,
		    struct fio_disk **out, char **why)
{
	struct fio_disk *d = calloc(1, sizeof(*d));
	int err = -ENOMEM;

	if (!d)
		return err;
	d->name = strdup(name);
	if (d->name)
		err = disk_open(d, opts, why);
	if (err) {
		free(d->name);
		free(d);
		return err;
	}
	tandem_get_info(d->disk, &d->info);
	d->next = disks;
	disks = *out = d;
	return 0;
}

int fio_disk_get(const char *name, const struct tandem_opts *opts, struct fio_disk **out,
		 char **why)
{
	struct fio_disk *d;
	int err = 0;

	pthread_mutex_lock(&lock);
	for (d = disks; d && strcmp(d->name, name); d = d->next)
		;
	if (d)
		*out = d;
	else
		err = disk_add(name, opts, out, why);
	if (!err)
		(*out)->users++;
	pthread_mutex_unlock(&lock);
	return err;
}

static void say_pauses(struct fio_disk *d)
{
	struct tandem_info info;

	tandem_get_info(d->disk, &info);
	if (info.reconnects)
		fprintf(stderr,
			"tandem: %s: %u reconnects, pause median %.1f ms, max %.1f ms\n",
			d->name, info.reconnects, (double)info.median_pause_us / 1000,
			(double)info.max_pause_us / 1000);
}

void fio_disk_put(struct fio_disk *d)
{
	struct fio_disk **p;

	pthread_mutex_lock(&lock);
	if (!--d->users) {
		for (p = &disks; *p != d; p = &(*p)->next)
			;
		*p = d->next;
		say_pauses(d);
		tandem_close(d->disk);
		free(d->name);
		free(d);
	}
	pthread_mutex_unlock(&lock);
}

struct tandem_queue *fio_disk_queue(struct fio_disk *d)
{
	unsigned i;

	pthread_mutex_lock(&lock);
	i = d->next_queue++;
	pthread_mutex_unlock(&lock);
	return tandem_queue(d->disk, i);
}
