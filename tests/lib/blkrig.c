/* SPDX-License-Identifier: MIT */
/* Drives a block driver on a real worker. */
#include "tests/lib/blkrig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

int blkrig_try_open(const struct blkdrv_params *params, struct blkdrv **dev, char **why)
{
	const struct blkdrv_ops *ops = blkdrv_find(params->driver);
	struct blkdrv_params p = *params;
	int err = 0;

	*why = NULL;
	if (!ops) {
		*why = blkdrv_why("no driver '%s'", params->driver);
		return -ENOENT;
	}
	if (ops->open_files)
		err = ops->open_files(&p);
	if (err)
		return err;
	err = ops->open(&p, dev, why);
	for (int i = 0; err && i < p.nfds; i++)
		close(p.fds[i]);
	if (!err)
		assert_ptr_equal((*dev)->ops, ops);
	return err;
}

struct blkdrv *blkrig_open(const struct blkdrv_params *p)
{
	struct blkdrv *dev = NULL;
	char *why = NULL;
	int err = blkrig_try_open(p, &dev, &why);

	if (err)
		fail_msg("%s %s: %s (%s)", p->driver, p->target, strerror(-err),
			 why ? why : "no reason given");
	return dev;
}

void blkrig_close(struct blkdrv *dev)
{
	dev->ops->close(dev);
}

/* ------------------------------------------------------- on the worker */

static struct blkrig *rig_of(struct worker_client *c)
{
	return (struct blkrig *)((char *)c - offsetof(struct blkrig, client));
}

static void rig_done(struct blkdrv_io *io, int result)
{
	struct blkrig_io *r = (struct blkrig_io *)io;
	struct blkrig *rig = r->rig;

	r->result = result;
	r->dones++;
	rig->inflight--;
	worker_inflight(rig->worker, -1);
	worker_client_wake(rig->worker, &rig->client);
	if (--rig->unfinished)
		return;
	pthread_mutex_lock(&rig->lock);
	rig->idle = true;
	pthread_cond_signal(&rig->cond);
	pthread_mutex_unlock(&rig->lock);
}

static int rig_run(struct worker_client *c)
{
	struct blkrig *rig = rig_of(c);
	const struct blkdrv_ops *ops = rig->dev->ops;
	int work = 0;

	rig->rounds++;
	if (ops->poll)
		work += ops->poll(rig->q);
	while (rig->todo && (!rig->depth || rig->inflight < rig->depth)) {
		struct blkrig_io *r = rig->todo;

		rig->todo = r->next; /* r is the test's again once it is done */
		rig->inflight++;
		worker_inflight(rig->worker, 1);
		if (ops->submit(rig->q, &r->io)) {
			rig->eagains++;
			rig->inflight--;
			worker_inflight(rig->worker, -1);
			rig->todo = r;
			break;
		}
		work++;
	}
	if (ops->kick)
		ops->kick(rig->q);
	return work;
}

static int rig_arm(struct worker_client *c)
{
	struct blkrig *rig = rig_of(c);

	return rig->dev->ops->arm ? rig->dev->ops->arm(rig->q) : 0;
}

static void rig_flush(struct worker_client *c)
{
	(void)c;
}

static void rig_start_call(void *arg)
{
	struct blkrig *rig = arg;
	const struct blkdrv_ops *ops = rig->dev->ops;

	if (ops->queue_start(rig->dev, rig->worker, &rig->q))
		return;
	if (ops->mem_add)
		ops->mem_add(rig->q, rig->mem, rig->mem_len);
	worker_client_add(rig->worker, &rig->client);
}

static void rig_stop_call(void *arg)
{
	struct blkrig *rig = arg;
	const struct blkdrv_ops *ops = rig->dev->ops;

	worker_client_remove(rig->worker, &rig->client);
	if (ops->mem_remove)
		ops->mem_remove(rig->q, rig->mem, rig->mem_len);
	ops->queue_stop(rig->q);
}

static void rig_queue_call(void *arg)
{
	struct blkrig *rig = arg;

	rig->todo = rig->batch;
	rig->unfinished = rig->batch_len;
	worker_client_wake(rig->worker, &rig->client);
}

/* ------------------------------------------------------------ the test's */

void blkrig_start(struct blkrig *rig, struct blkdrv *dev, uint64_t poll_ns)
{
	memset(rig, 0, sizeof(*rig));
	rig->dev = dev;
	rig->client.run = rig_run;
	rig->client.arm = rig_arm;
	rig->client.flush = rig_flush;
	rig->mem_len = BLKRIG_MEM;
	rig->mem = mmap(NULL, rig->mem_len, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(rig->mem, MAP_FAILED);
	pthread_mutex_init(&rig->lock, NULL);
	pthread_cond_init(&rig->cond, NULL);
	assert_int_equal(worker_new(&rig->worker, poll_ns, -1), 0);
	assert_int_equal(worker_run(rig->worker), 0);
	worker_call(rig->worker, rig_start_call, rig);
	assert_non_null(rig->q);
}

void blkrig_stop(struct blkrig *rig)
{
	worker_call(rig->worker, rig_stop_call, rig);
	worker_free(rig->worker);
	pthread_cond_destroy(&rig->cond);
	pthread_mutex_destroy(&rig->lock);
	munmap(rig->mem, rig->mem_len);
}

void blkrig_run(struct blkrig *rig, struct blkrig_io *ios, unsigned n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < n; i++) {
		ios[i].rig = rig;
		ios[i].io.done = rig_done;
		ios[i].dones = 0;
		ios[i].next = i + 1 < n ? &ios[i + 1] : NULL;
		memset(ios[i].io.priv, 0, sizeof(ios[i].io.priv));
	}
	rig->idle = false;
	rig->batch = ios;
	rig->batch_len = n;
	worker_call(rig->worker, rig_queue_call, rig);
	pthread_mutex_lock(&rig->lock);
	while (!rig->idle)
		pthread_cond_wait(&rig->cond, &rig->lock);
	pthread_mutex_unlock(&rig->lock);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(ios[i].dones, 1);
}

int blkrig_one(struct blkrig *rig, enum blkdrv_op op, uint64_t offset, void *buf,
	       uint64_t len)
{
	struct iovec iov = { buf, len };
	struct blkrig_io r = { .io = { .op = op, .offset = offset, .len = len } };

	if (op == BLKDRV_READ || op == BLKDRV_WRITE) {
		r.io.iov = &iov;
		r.io.iovcnt = 1;
	}
	blkrig_run(rig, &r, 1);
	return r.result;
}

void blkrig_fill(uint8_t *buf, size_t len, uint64_t seed)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = blkrig_random(&x);

		memcpy(buf + i, &v, len - i < 8 ? len - i : 8);
	}
}

uint64_t blkrig_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}
