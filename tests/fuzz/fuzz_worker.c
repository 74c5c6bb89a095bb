/* SPDX-License-Identifier: MIT */
/*
 * A worker without a thread or an io_uring, for fuzzing queues and ports: calls
 * run at once, SQEs go nowhere, the fuzz target runs the clients itself.
 */
#include "tests/fuzz/fuzz_worker.h"

#include <errno.h>
#include <string.h>

struct worker {
	uint64_t now;
	struct worker_client *client, *flush;
};

static struct worker the_worker;

struct worker *fuzz_worker(void)
{
	memset(&the_worker, 0, sizeof(the_worker));
	the_worker.now = 1000000000u;
	return &the_worker;
}

void fuzz_worker_round(void)
{
	struct worker_client *c;

	the_worker.now += 50000000u;
	if (the_worker.client)
		the_worker.client->run(the_worker.client);
	while ((c = the_worker.flush)) {
		the_worker.flush = NULL;
		c->flushing = false;
		c->flush(c);
	}
	if (the_worker.client)
		(void)the_worker.client->arm(the_worker.client);
}

uint64_t worker_now(const struct worker *w)
{
	return w->now;
}

struct io_uring_sqe *worker_sqe(struct worker *w, struct worker_op *op)
{
	static struct io_uring_sqe sqe;

	(void)w;
	(void)op;
	return &sqe;
}

void worker_client_add(struct worker *w, struct worker_client *c)
{
	c->active = true;
	w->client = c;
}

void worker_client_remove(struct worker *w, struct worker_client *c)
{
	(void)c;
	w->client = w->flush = NULL;
}

void worker_client_wake(struct worker *w, struct worker_client *c)
{
	(void)w;
	c->active = true;
}

void worker_flush_later(struct worker *w, struct worker_client *c)
{
	c->flushing = true;
	w->flush = c;
}

void worker_inflight(struct worker *w, int delta)
{
	(void)w;
	(void)delta;
}

unsigned worker_batch(const struct worker *w)
{
	(void)w;
	return 1;
}

void worker_call(struct worker *w, void (*fn)(void *arg), void *arg)
{
	(void)w;
	fn(arg);
}

/* Nothing is registered. */
int worker_file_get(struct worker *w, int fd)
{
	(void)w;
	(void)fd;
	return -EOPNOTSUPP;
}

void worker_file_put(struct worker *w, int index)
{
	(void)w;
	(void)index;
}

int worker_buf_get(struct worker *w, void *base, size_t len)
{
	(void)w;
	(void)base;
	(void)len;
	return -EOPNOTSUPP;
}

void worker_buf_put(struct worker *w, int index)
{
	(void)w;
	(void)index;
}
