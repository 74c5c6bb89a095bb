/* SPDX-License-Identifier: MIT */
/*
 * Polls in the worker's io_uring, one shot each: a poll that stays would post an
 * event for every packet, also while the queue is looked at every round.
 */
#include "backends/net/fdwait.h"

#include <poll.h>
#include <stddef.h>
#include <stdlib.h>

static void fdwait_try_end(struct fdwait *f)
{
	if (!f->client && !f->in_armed && !f->out_armed && !f->ends)
		free(f);
}

static void fdwait_in(struct worker_op *op, int res, uint32_t flags)
{
	struct fdwait *f = (struct fdwait *)((char *)op - offsetof(struct fdwait, in));

	(void)res; /* an error is told by what the client then does */
	(void)flags;
	f->in_armed = false;
	if (f->client)
		f->client->ready(f->client);
	else
		fdwait_try_end(f);
}

static void fdwait_out(struct worker_op *op, int res, uint32_t flags)
{
	struct fdwait *f = (struct fdwait *)((char *)op - offsetof(struct fdwait, out));

	(void)res;
	(void)flags;
	f->out_armed = false;
	if (f->client)
		f->client->ready(f->client);
	else
		fdwait_try_end(f);
}

static void fdwait_failed(struct worker_op *op, int res, uint32_t flags)
{
	struct fdwait *f =
		(struct fdwait *)((char *)op - offsetof(struct fdwait, failed));

	(void)flags;
	f->failures += res < 0;
}

static void fdwait_ended(struct worker_op *op, int res, uint32_t flags)
{
	struct fdwait *f = (struct fdwait *)((char *)op - offsetof(struct fdwait, end));

	(void)res;
	(void)flags;
	f->ends--;
	fdwait_try_end(f);
}

struct fdwait *fdwait_new(struct worker *w, int fd, struct netdrv_client *client)
{
	struct fdwait *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->in.fn = fdwait_in;
	f->out.fn = fdwait_out;
	f->failed.fn = fdwait_failed;
	f->end.fn = fdwait_ended;
	f->worker = w;
	f->fd = fd;
	f->client = client;
	return f;
}

void fdwait_arm(struct fdwait *f, bool in, bool out)
{
	if (in && !f->in_armed)
		io_uring_prep_poll_add(worker_sqe(f->worker, &f->in), f->fd, POLLIN);
	if (out && !f->out_armed)
		io_uring_prep_poll_add(worker_sqe(f->worker, &f->out), f->fd, POLLOUT);
	f->in_armed |= in;
	f->out_armed |= out;
}

void fdwait_free(struct fdwait *f)
{
	f->client = NULL;
	/* one at least: answers come in order, so none to `failed` comes later */
	f->ends = 2;
	io_uring_prep_cancel(worker_sqe(f->worker, &f->end), &f->in, 0);
	io_uring_prep_cancel(worker_sqe(f->worker, &f->end), &f->out, 0);
}
