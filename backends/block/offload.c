/* SPDX-License-Identifier: MIT */
/* Jobs go to the thread over a list, results come back over an eventfd that
 * the worker's io_uring reads. */
#include "backends/block/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct offload {
	struct worker_op op; /* first */
	struct worker *worker;
	int evfd;
	uint64_t count;	      /* what op reads */
	unsigned outstanding; /* the worker's */
	bool armed, started;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	/* Under the lock. */
	bool stop;
	struct offload_job *todo, **tail, *finished;
};

static void *offload_thread(void *arg)
{
	struct offload *o = arg;
	struct offload_job *job;
	uint64_t one = 1;

	pthread_mutex_lock(&o->lock);
	for (;;) {
		while (!o->todo && !o->stop)
			pthread_cond_wait(&o->cond, &o->lock);
		job = o->todo;
		if (!job)
			break;
		o->todo = job->next;
		if (!o->todo)
			o->tail = &o->todo;
		pthread_mutex_unlock(&o->lock);
		job->result = job->call(job);
		pthread_mutex_lock(&o->lock);
		job->next = o->finished;
		o->finished = job;
		/* cannot fail: the counter is far from full */
		(void)!write(o->evfd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static void offload_arm(struct offload *o)
{
	if (o->armed || !o->outstanding)
		return;
	o->armed = true;
	io_uring_prep_read(worker_sqe(o->worker, &o->op), o->evfd, &o->count,
			   sizeof(o->count), 0);
}

static void offload_event(struct worker_op *op, int res, uint32_t flags)
{
	struct offload *o = (struct offload *)op;
	struct offload_job *job, *next;

	(void)res;
	(void)flags;
	o->armed = false;
	pthread_mutex_lock(&o->lock);
	job = o->finished;
	o->finished = NULL;
	pthread_mutex_unlock(&o->lock);
	for (; job; job = next) {
		next = job->next;
		o->outstanding--;
		job->done(job);
	}
	offload_arm(o);
}

struct offload *offload_new(struct worker *w)
{
	struct offload *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->op.fn = offload_event;
	o->worker = w;
	o->tail = &o->todo;
	/* blocking: an io_uring read of a nonblocking one would not wait */
	o->evfd = eventfd(0, EFD_CLOEXEC);
	if (o->evfd < 0) {
		free(o);
		return NULL;
	}
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->cond, NULL);
	return o;
}

void offload_free(struct offload *o)
{
	if (!o)
		return;
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_signal(&o->cond);
	pthread_mutex_unlock(&o->lock);
	if (o->started)
		pthread_join(o->thread, NULL);
	pthread_cond_destroy(&o->cond);
	pthread_mutex_destroy(&o->lock);
	close(o->evfd);
	free(o);
}

int offload_submit(struct offload *o, struct offload_job *job)
{
	int err;

	if (!o->started) {
		err = -pthread_create(&o->thread, NULL, offload_thread, o);
		if (err)
			return err;
		o->started = true;
	}
	job->next = NULL;
	o->outstanding++;
	pthread_mutex_lock(&o->lock);
	*o->tail = job;
	o->tail = &job->next;
	pthread_cond_signal(&o->cond);
	pthread_mutex_unlock(&o->lock);
	offload_arm(o);
	return 0;
}
