/* SPDX-License-Identifier: MIT */
/*
 * A worker without a thread or an io_uring, for fuzzing queues and ports: calls run at
 * once, SQEs go nowhere, the fuzz target runs the clients itself.
 */
#include "tests/fuzz/fuzz_worker.h"

#include <errno.h>
#include <string.h>

struct worker {
	uint64_t now;
	struct worker_client *clients, *flush;
};

static struct worker the_worker;

struct worker *fuzz_worker(void)
{
	memset(&the_worker, 0, sizeof(the_worker));
	the_worker.now = 1000000000u;
	return &the_worker;
}

struct worker *fuzz_worker_get(void)
{
	return &the_worker;
}

int fuzz_worker_round(void)
{
	struct worker_client *c, *next;
	int work = 0;

	the_worker.now += 50000000u;
	for (c = the_worker.clients; c; c = next) {
		next = c->next;
		work += c->run(c);
	}
	while ((c = the_worker.flush)) {
		the_worker.flush = c->flush_next;
		c->flushing = false;
		c->flush(c);
	}
	for (c = the_worker.clients; c; c = next) {
		next = c->next;
		work += c->arm(c);
	}
	return work;
}

uint64_t worker_now(const struct worker *w)
{
	return w->now;
}

struct worker *worker_self(void)
{
	return &the_worker;
}

struct io_uring_sqe *worker_sqe(struct worker *w, struct worker_op *op)
{
	static struct io_uring_sqe sqe;

	(void)w;
	(void)op;
	return &sqe;
}

struct io_uring_sqe *worker_sqe_held(struct worker *w, struct worker_op *op)
{
	return worker_sqe(w, op);
}

unsigned worker_send_held(struct worker *w, unsigned n)
{
	(void)w;
	(void)n;
	return 0;
}

void worker_client_add(struct worker *w, struct worker_client *c)
{
	c->active = true;
	c->next = w->clients;
	w->clients = c;
}

static void unlink_client(struct worker_client **p, struct worker_client *c, bool flush)
{
	while (*p && *p != c)
		p = flush ? &(*p)->flush_next : &(*p)->next;
	if (*p)
		*p = flush ? c->flush_next : c->next;
}

void worker_client_remove(struct worker *w, struct worker_client *c)
{
	unlink_client(&w->clients, c, false);
	if (c->flushing)
		unlink_client(&w->flush, c, true);
	c->flushing = false;
}

void worker_client_wake(struct worker *w, struct worker_client *c)
{
	(void)w;
	c->active = true;
}

void worker_flush_later(struct worker *w, struct worker_client *c)
{
	if (c->flushing)
		return;
	c->flushing = true;
	c->flush_next = w->flush;
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
