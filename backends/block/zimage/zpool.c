/* SPDX-License-Identifier: MIT */
/* The thread pool of a compressed image. */
#include "backends/block/zimage/zpool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK_SIZE (256u << 10)
/* Somebody may have come to wait for a LATER task: every so many it goes first. */
#define LATER_EVERY 8u

struct zlist {
	struct ztask *head, **tail;
};

struct zpool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct zlist list[2]; /* by enum zpool_when */
	unsigned idle, threads, taken;
	bool stop;
	pthread_t thread[ZPOOL_THREADS_MAX];
};

static struct ztask *take(struct zpool *pool)
{
	unsigned first = ++pool->taken % LATER_EVERY ? ZPOOL_SOON : ZPOOL_LATER;
	unsigned i;

	for (i = 0; i < 2; i++) {
		struct zlist *l = &pool->list[i ? !first : first];
		struct ztask *task = l->head;

		if (!task)
			continue;
		l->head = task->next;
		if (!l->head)
			l->tail = &l->head;
		return task;
	}
	return NULL;
}

static void *pool_thread(void *arg)
{
	struct zpool *pool = arg;
	struct zdec *dec = zdec_new();
	struct ztask *task;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		task = take(pool);
		if (task) {
			pthread_mutex_unlock(&pool->lock);
			task->run(task, dec);
			pthread_mutex_lock(&pool->lock);
		} else if (pool->stop) {
			break;
		} else {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	zdec_free(dec);
	return NULL;
}

static int start_threads(struct zpool *pool, unsigned threads)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return -err;
	/* cannot fail: the size is above PTHREAD_STACK_MIN */
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!err && pool->threads < threads) {
		err = pthread_create(&pool->thread[pool->threads], &attr, pool_thread,
				     pool);
		if (!err)
			pool->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -err;
}

int zpool_new(unsigned threads, struct zpool **out)
{
	struct zpool *pool = calloc(1, sizeof(*pool));
	int err;

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pool->list[0].tail = &pool->list[0].head;
	pool->list[1].tail = &pool->list[1].head;
	err = start_threads(pool, threads);
	if (err) {
		zpool_free(pool);
		return err;
	}
	*out = pool;
	return 0;
}

void zpool_free(struct zpool *pool)
{
	unsigned i;

	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (i = 0; i < pool->threads; i++)
		pthread_join(pool->thread[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void zpool_submit(struct zpool *pool, struct ztask *task, enum zpool_when when)
{
	struct zlist *l = &pool->list[when];
	bool wake;

	task->next = NULL;
	pthread_mutex_lock(&pool->lock);
	*l->tail = task;
	l->tail = &task->next;
	wake = pool->idle > 0;
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&pool->work);
}

unsigned zpool_default_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 2 ? 2 : n > 8 ? 8 : (unsigned)n;
}
