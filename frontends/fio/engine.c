/* SPDX-License-Identifier: MIT */
/*
 * The fio engine: --ioengine=external:.../tandem.so --filename=DOMAIN/VDEV.
 *
 * A job has a queue on each of its disks. fio asks for and takes one I/O at a
 * time by default; the engine gathers in both directions, so that rings are
 * published and read in batches:
 *  - commit() publishes when nothing is at the backend, or PUBLISH_BATCH have
 *    gathered; getevents() publishes before it may wait;
 *  - getevents() takes all that is there and hands out what fio asked for.
 * Jobs that pause on purpose (rates, think time) publish each I/O at once.
 */
#include <fio.h>

#include <optgroup.h>
#include <poll.h>

#include "frontends/fio/disks.h"
#include "frontends/fio/options.h"

#define PUBLISH_BATCH 8

/* What an io_u carries. */
struct request {
	struct tandem_io io; /* first */
	struct io_u *io_u;
};

/* One disk of one job. */
struct lane {
	struct fio_disk *disk;
	struct tandem_queue *q;
};

struct job {
	unsigned nr; /* lanes, by file number */
	struct lane *lanes;
	bool at_once;
	unsigned at_backend;	 /* published and not taken back */
	unsigned fresh_nr;	 /* submitted and not published */
	struct io_u **fresh;	 /* those */
	struct tandem_io **done; /* taken back; fio has got `first` of done_nr */
	unsigned depth, first, done_nr, given;
};

struct ioengine_ops ioengine;

/* ---------------------------------------------------------------- the disks */

/* The jobs that have this disk: each will want a queue of it. */
static unsigned jobs_on(const char *name)
{
	struct thread_data *td;
	struct fio_file *f;
	unsigned n = 0, j;
	int i;

	for_each_td(td, i)
	{
		for_each_file(td, f, j) n += !strcmp(f->file_name, name);
	}
	return n;
}

static int get_disk(struct thread_data *td, const char *name, struct fio_disk **d)
{
	const struct engine_options *eo = td->eo;
	struct tandem_opts opts = engine_tandem_opts(eo, jobs_on(name), td->o.iodepth);
	char *why = NULL;
	int err;

	if (eo->hv_dir)
		setenv("TANDEM_DIR", eo->hv_dir, 1);
	err = fio_disk_get(name, &opts, d, &why);
	if (!err)
		return 0;
	log_err("fio: tandem: %s\n", why ? why : strerror(-err));
	free(why);
	td_verror(td, -err, "tandem_open");
	return 1;
}

/* The memory is ours to give whatever kind the job file asks for. */
static void ignore_mem_type(struct thread_data *td)
{
	const struct fio_option *opt = fio_option_find("mem");
	unsigned i = opt ? (unsigned)(opt - fio_options) : 0;

	if (opt)
		td->o.set_options[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static int tandem_setup(struct thread_data *td)
{
	struct fio_disk *d;
	struct fio_file *f;
	unsigned i;

	if (td->io_ops != &ioengine) {
		log_err("fio: tandem: built from the headers of another fio, or one "
			"configured differently; see tools/deps\n");
		return 1;
	}
	if (td->o.io_submit_mode == IO_MODE_OFFLOAD) {
		/* jobs are threads here, and fio 3.33 hangs on threads that offload,
		 * with any engine */
		log_err("fio: tandem: io_submit_mode=offload is not possible: jobs are "
			"threads\n");
		td_verror(td, EINVAL, "io_submit_mode");
		return 1;
	}
	if (!td->files_index) {
		log_err("fio: tandem: no disk named: --filename=DOMAIN/VDEV, such as "
			"guest0/xvda\n");
		td_verror(td, EINVAL, "filename");
		return 1;
	}
	/* a disk is one process's: jobs become its threads */
	td->o.use_thread = 1;
	ignore_mem_type(td);
	for_each_file(td, f, i)
	{
		if (!FILE_ENG_DATA(f)) {
			if (get_disk(td, f->file_name, &d))
				return 1;
			FILE_SET_ENG_DATA(f, d);
		}
		d = FILE_ENG_DATA(f);
		f->real_file_size = d->info.size;
		f->filetype = FIO_TYPE_BLOCK;
		fio_file_set_size_known(f);
	}
	return 0;
}

static void tandem_cleanup(struct thread_data *td)
{
	struct job *j = td->io_ops_data;

	if (!j)
		return;
	for (unsigned i = 0; i < j->nr; i++)
		fio_disk_put(j->lanes[i].disk);
	free(j->lanes);
	free(j->done);
	free(j->fresh);
	free(j);
	td->io_ops_data = NULL;
}

/* Does the job make pauses in which nothing may lie around? */
static bool pauses(const struct thread_options *o)
{
	for (int d = 0; d < DDIR_RWDIR_CNT; d++)
		if (o->rate[d] || o->rate_iops[d])
			return true;
	return o->thinktime || o->iodepth == 1;
}

static int add_lane(struct thread_data *td, struct job *j, struct fio_file *f)
{
	struct lane *l = &j->lanes[j->nr];

	l->disk = FILE_ENG_DATA(f); /* setup()'s reference */
	FILE_SET_ENG_DATA(f, NULL);
	j->nr++;
	l->q = fio_disk_queue(l->disk);
	if (l->q)
		return 0;
	log_err("fio: tandem: %s: more jobs than queues (%u)\n", f->file_name,
		l->disk->info.queues);
	td_verror(td, EMFILE, "tandem_queue");
	return 1;
}

static int tandem_init(struct thread_data *td)
{
	struct job *j = calloc(1, sizeof(*j));
	struct fio_file *f;
	unsigned i;

	if (!j)
		return 1;
	td->io_ops_data = j;
	j->depth = td->o.iodepth;
	j->at_once = pauses(&td->o);
	j->lanes = calloc(td->o.nr_files, sizeof(*j->lanes));
	j->done = calloc(j->depth, sizeof(*j->done));
	j->fresh = calloc(j->depth, sizeof(*j->fresh));
	if (!j->lanes || !j->done || !j->fresh)
		return 1;
	for_each_file(td, f, i)
	{
		f->fileno = (int)i;
		if (add_lane(td, j, f))
			return 1;
	}
	return 0;
}

static int tandem_iomem_alloc(struct thread_data *td, size_t bytes)
{
	struct job *j = td->io_ops_data;

	td->orig_buffer = tandem_alloc(j->lanes[0].disk->disk, bytes);
	if (!td->orig_buffer)
		log_err("fio: tandem: no granted memory for %zu bytes of buffers\n",
			bytes);
	return !td->orig_buffer;
}

static void tandem_iomem_free(struct thread_data *td)
{
	struct job *j = td->io_ops_data;

	if (j && j->nr)
		tandem_free(j->lanes[0].disk->disk, td->orig_buffer);
	td->orig_buffer = NULL;
}

static int tandem_io_u_init(struct thread_data *td, struct io_u *io_u)
{
	struct request *r = calloc(1, sizeof(*r));

	(void)td;
	if (r)
		r->io_u = io_u;
	io_u->engine_data = r;
	return !r;
}

static void tandem_io_u_free(struct thread_data *td, struct io_u *io_u)
{
	(void)td;
	free(io_u->engine_data);
	io_u->engine_data = NULL;
}

/* A disk needs no opening: setup() did it. */
static int tandem_file_op(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

/* ------------------------------------------------------------- the data path */

static void publish(struct thread_data *td, struct job *j)
{
	struct timespec now;

	if (!j->fresh_nr)
		return;
	if (fio_fill_issue_time(td)) {
		fio_gettime(&now, NULL);
		for (unsigned i = 0; i < j->fresh_nr; i++) {
			j->fresh[i]->issue_time = now;
			io_u_queued(td, j->fresh[i]);
		}
		if (td->o.read_iolog_file)
			td->last_issue = now;
	}
	for (unsigned i = 0; i < j->nr; i++)
		/* cannot fail in a way that matters: the I/O ends with the error */
		(void)tandem_kick(j->lanes[i].q);
	io_u_mark_submit(td, j->fresh_nr);
	j->at_backend += j->fresh_nr;
	j->fresh_nr = 0;
}

static enum fio_q_status completed(struct thread_data *td, struct io_u *io_u, int err)
{
	io_u->error = (unsigned)-err;
	if (fio_fill_issue_time(td))
		fio_gettime(&io_u->issue_time, NULL);
	return FIO_Q_COMPLETED;
}

static enum fio_q_status tandem_queue_io(struct thread_data *td, struct io_u *io_u)
{
	struct request *r = io_u->engine_data;
	struct job *j = td->io_ops_data;
	struct lane *l = &j->lanes[io_u->file->fileno];
	int err;

	fio_ro_check(td, io_u);
	switch (io_u->ddir) {
	case DDIR_READ:
		r->io.op = TANDEM_READ;
		break;
	case DDIR_WRITE:
		r->io.op = TANDEM_WRITE;
		break;
	case DDIR_TRIM:
		r->io.op = TANDEM_DISCARD;
		break;
	default:
		/* a disk without a flush has nothing to flush */
		if (!l->disk->info.flush && !l->disk->info.barrier)
			return completed(td, io_u, 0);
		r->io.op = TANDEM_FLUSH;
		break;
	}
	r->io.offset = io_u->offset;
	r->io.len = io_u->xfer_buflen;
	r->io.buf = io_u->xfer_buf;
	err = tandem_submit(l->q, &r->io);
	if (err)
		return completed(td, io_u, err);
	j->fresh[j->fresh_nr++] = io_u;
	return FIO_Q_QUEUED;
}

static int tandem_commit(struct thread_data *td)
{
	struct job *j = td->io_ops_data;

	if (j->at_once || !j->at_backend || j->fresh_nr >= PUBLISH_BATCH)
		publish(td, j);
	return 0;
}

/* Sleeps until one of several disks has something, or the time is over. */
static bool wait_lanes(struct job *j, const struct timespec *left)
{
	struct pollfd fds[j->nr];

	for (unsigned i = 0; i < j->nr; i++) {
		fds[i] = (struct pollfd){ .fd = tandem_queue_fd(j->lanes[i].q),
					  .events = POLLIN };
		if (tandem_queue_arm(j->lanes[i].q))
			return true;
	}
	return ppoll(fds, j->nr, left, NULL) != 0;
}

/* Takes what is there into j->done, at least `min` if time allows. */
static void take(struct job *j, unsigned min, const struct timespec *t)
{
	struct tandem_io **at = j->done + j->done_nr;
	unsigned room = j->depth - j->done_nr, n = 0;
	int64_t us = -1;

	if (t)
		us = (int64_t)t->tv_sec * 1000000 + t->tv_nsec / 1000;
	if (j->nr == 1) {
		n = (unsigned)tandem_wait(j->lanes[0].q, at, min, room, us);
	} else {
		do {
			for (unsigned i = 0; i < j->nr; i++)
				n += (unsigned)tandem_poll(j->lanes[i].q, at + n,
							   room - n);
		} while (n < min && wait_lanes(j, t));
	}
	j->done_nr += n;
	j->at_backend -= n;
}

static int tandem_getevents(struct thread_data *td, unsigned int min, unsigned int max,
			    const struct timespec *t)
{
	struct job *j = td->io_ops_data;
	unsigned have = j->done_nr - j->first;

	if (have < min || !have) {
		publish(td, j);
		memmove(j->done, j->done + j->first, have * sizeof(*j->done));
		j->first = 0;
		j->done_nr = have;
		take(j, min - have, t);
		have = j->done_nr;
	}
	if (have > max)
		have = max;
	j->given = j->first;
	j->first += have;
	return (int)have;
}

static struct io_u *tandem_event(struct thread_data *td, int event)
{
	struct job *j = td->io_ops_data;
	struct request *r = (struct request *)j->done[j->given + (unsigned)event];

	r->io_u->error = (unsigned)-r->io.result;
	return r->io_u;
}

struct ioengine_ops ioengine = {
	.name = "tandem",
	.version = FIO_IOOPS_VERSION,
	.flags = FIO_DISKLESSIO | FIO_NOEXTEND | FIO_NODISKUTIL | FIO_MEMALIGN |
		 FIO_ASYNCIO_SETS_ISSUE_TIME,
	.setup = tandem_setup,
	.init = tandem_init,
	.cleanup = tandem_cleanup,
	.queue = tandem_queue_io,
	.commit = tandem_commit,
	.getevents = tandem_getevents,
	.event = tandem_event,
	.open_file = tandem_file_op,
	.close_file = tandem_file_op,
	.invalidate = tandem_file_op,
	.get_file_size = tandem_file_op,
	.iomem_alloc = tandem_iomem_alloc,
	.iomem_free = tandem_iomem_free,
	.io_u_init = tandem_io_u_init,
	.io_u_free = tandem_io_u_free,
	.option_struct_size = sizeof(struct engine_options),
	.options = engine_option_list,
};
