/* SPDX-License-Identifier: MIT */
/* Drives a network driver on a real worker. */
#include "tests/lib/netrig.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RIG_BUDGET 64u /* packets a round */

int netrig_try_open(const struct netdrv_ops *ops, const struct netdrv_params *params,
		    struct netdrv **dev, char **why)
{
	struct netdrv_params p = *params;
	int err = 0;

	*why = NULL;
	*dev = NULL;
	if (!ops)
		ops = netdrv_find(params->driver);
	if (!ops)
		return -ENOENT;
	if (ops->open_files)
		err = ops->open_files(&p, why);
	if (err)
		return err;
	err = ops->open(&p, dev, why);
	for (int i = 0; err && i < p.nfds; i++)
		close(p.fds[i]);
	if (!err)
		assert_ptr_equal((*dev)->ops, ops);
	return err;
}

struct netdrv *netrig_open(const struct netdrv_ops *ops, const struct netdrv_params *p)
{
	struct netdrv *dev;
	char *why;
	int err = netrig_try_open(ops, p, &dev, &why);

	if (err)
		fail_msg("%s %s %s: %s (%s)", p->driver, p->target ? p->target : "-",
			 p->options ? p->options : "-", strerror(-err),
			 why ? why : "no reason given");
	return dev;
}

/* ------------------------------------------------------------ on the worker */

static struct netrig *rig_of(struct worker_client *c)
{
	return (struct netrig *)((char *)c - offsetof(struct netrig, client));
}

static void rig_signal(struct netrig *rig)
{
	pthread_mutex_lock(&rig->lock);
	pthread_cond_signal(&rig->cond);
	pthread_mutex_unlock(&rig->lock);
}

/* What netrig_recv() waits for. */
static int rig_take_one(struct netrig *rig)
{
	int ret = rig->dev->ops->recv(rig->q, rig->want);

	if (!ret)
		return 0;
	pthread_mutex_lock(&rig->lock);
	rig->want = NULL;
	rig->result = ret;
	pthread_cond_signal(&rig->cond);
	pthread_mutex_unlock(&rig->lock);
	return 1;
}

static int rig_run(struct worker_client *c)
{
	struct netrig *rig = rig_of(c);
	unsigned n = 0;
	int ret = 1;

	if (rig->want)
		return rig_take_one(rig);
	while (rig->got && n < RIG_BUDGET && ret) {
		ret = rig->dev->ops->recv(rig->q, &rig->room->b);
		n += ret != 0;
		if (ret > 0) {
			rig->received += rig->got(rig, &rig->room->b);
		} else if (ret < 0) {
			rig->too_large++;
		}
	}
	if (n)
		rig_signal(rig);
	return (int)n;
}

static int rig_arm(struct worker_client *c)
{
	struct netrig *rig = rig_of(c);
	const struct netdrv_ops *ops = rig->dev->ops;
	int ret = ops->arm ? ops->arm(rig->q, rig->want || rig->got) : 0;

	rig->sleeps += !ret;
	return ret;
}

static void rig_flush(struct worker_client *c)
{
	(void)c;
}

static void rig_ready(struct netdrv_client *c)
{
	struct netrig *rig = (struct netrig *)((char *)c - offsetof(struct netrig, news));

	rig->readies++;
	worker_client_wake(rig->worker, &rig->client);
	if (!rig->sending)
		return;
	pthread_mutex_lock(&rig->lock);
	rig->room_again = true;
	pthread_cond_signal(&rig->cond);
	pthread_mutex_unlock(&rig->lock);
}

static void rig_start_call(void *arg)
{
	struct netrig *rig = arg;

	if (rig->dev->ops->queue_start(rig->dev, rig->index, rig->worker, &rig->news,
				       &rig->q))
		rig->q = NULL;
	else
		worker_client_add(rig->worker, &rig->client);
}

static void rig_stop_call(void *arg)
{
	struct netrig *rig = arg;

	worker_client_remove(rig->worker, &rig->client);
	rig->dev->ops->queue_stop(rig->q);
}

/* ------------------------------------------------------------ the test's */

void netrig_start(struct netrig *rig, struct netdrv *dev, uint32_t index,
		  uint64_t poll_ns)
{
	pthread_condattr_t attr;

	memset(rig, 0, sizeof(*rig));
	rig->dev = dev;
	rig->index = index;
	rig->client.run = rig_run;
	rig->client.arm = rig_arm;
	rig->client.flush = rig_flush;
	rig->news.ready = rig_ready;
	rig->room = netpkt_room(NETRIG_MAX + 1, NETBUF_IOVS - 1, 1);
	pthread_mutex_init(&rig->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&rig->cond, &attr);
	pthread_condattr_destroy(&attr);
	assert_int_equal(worker_new(&rig->worker, poll_ns, -1), 0);
	assert_int_equal(worker_run(rig->worker), 0);
	worker_call(rig->worker, rig_start_call, rig);
	assert_non_null(rig->q);
	assert_ptr_equal(rig->q->dev, dev);
	assert_ptr_equal(rig->q->worker, rig->worker);
}

void netrig_stop(struct netrig *rig)
{
	worker_call(rig->worker, rig_stop_call, rig);
	worker_free(rig->worker);
	rig->worker = NULL;
	netpkt_free(rig->room);
	pthread_cond_destroy(&rig->cond);
	pthread_mutex_destroy(&rig->lock);
}

struct rig_call {
	struct netrig *rig;
	struct netpkt *const *pkts;
	unsigned n;
	struct netbuf *want;
	bool (*got)(struct netrig *rig, const struct netbuf *b);
	void *arg;
	bool flag;
	uint64_t result;
};

static void rig_send_call(void *arg)
{
	struct rig_call *c = arg;
	struct netbuf *bufs[NETDRV_BATCH];

	for (unsigned i = 0; i < c->n; i++)
		bufs[i] = &c->pkts[i]->b;
	c->result = (uint64_t)c->rig->dev->ops->send(c->rig->q, bufs, c->n);
	c->rig->sending = c->result < c->n;
	c->rig->room_again = false;
	worker_client_wake(c->rig->worker, &c->rig->client);
}

int netrig_send(struct netrig *rig, struct netpkt *const *pkts, unsigned n)
{
	struct rig_call c = { .rig = rig, .pkts = pkts, .n = n };

	assert_true(n <= NETDRV_BATCH);
	worker_call(rig->worker, rig_send_call, &c);
	assert_true((int)c.result >= 0 && c.result <= n);
	for (unsigned i = 0; i < n; i++)
		netpkt_assert_untouched(pkts[i]);
	return (int)c.result;
}

static struct timespec rig_deadline(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	return ts;
}

bool netrig_send_all(struct netrig *rig, struct netpkt *const *pkts, unsigned n)
{
	struct timespec end = rig_deadline(5000);
	unsigned batch;
	int err = 0;

	while (n) {
		batch = n < NETDRV_BATCH ? n : NETDRV_BATCH;
		unsigned done = (unsigned)netrig_send(rig, pkts, batch);

		pkts += done;
		n -= done;
		if (done == batch)
			continue;
		pthread_mutex_lock(&rig->lock);
		while (!rig->room_again && !err)
			err = pthread_cond_timedwait(&rig->cond, &rig->lock, &end);
		pthread_mutex_unlock(&rig->lock);
		if (err)
			return false;
	}
	return true;
}

static void rig_want_call(void *arg)
{
	struct rig_call *c = arg;

	c->rig->want = c->want;
	worker_client_wake(c->rig->worker, &c->rig->client);
}

int netrig_recv(struct netrig *rig, struct netpkt *room, int timeout_ms)
{
	struct timespec end = rig_deadline(timeout_ms);
	struct rig_call c = { .rig = rig, .want = &room->b };
	int err = 0;

	rig->result = 0;
	worker_call(rig->worker, rig_want_call, &c);
	pthread_mutex_lock(&rig->lock);
	while (!rig->result && !err)
		err = pthread_cond_timedwait(&rig->cond, &rig->lock, &end);
	pthread_mutex_unlock(&rig->lock);
	if (err) {
		c.want = NULL;
		worker_call(rig->worker, rig_want_call, &c);
	}
	netpkt_assert_untouched(room);
	return rig->result;
}

static void rig_stream_call(void *arg)
{
	struct rig_call *c = arg;

	c->rig->got = c->got;
	c->rig->got_arg = c->arg;
	worker_client_wake(c->rig->worker, &c->rig->client);
}

void netrig_stream(struct netrig *rig,
		   bool (*got)(struct netrig *rig, const struct netbuf *b), void *arg)
{
	struct rig_call c = { .rig = rig, .got = got, .arg = arg };

	worker_call(rig->worker, rig_stream_call, &c);
}

bool netrig_wait_received(struct netrig *rig, uint64_t n, int timeout_ms)
{
	struct timespec end = rig_deadline(timeout_ms);
	int err = 0;

	pthread_mutex_lock(&rig->lock);
	while (rig->received < n && !err)
		err = pthread_cond_timedwait(&rig->cond, &rig->lock, &end);
	pthread_mutex_unlock(&rig->lock);
	return rig->received >= n;
}

static void rig_drops_call(void *arg)
{
	struct rig_call *c = arg;

	c->result = c->rig->q->drops;
}

uint64_t netrig_drops(struct netrig *rig)
{
	struct rig_call c = { .rig = rig };

	worker_call(rig->worker, rig_drops_call, &c);
	return c.result;
}

static void rig_arm_call(void *arg)
{
	struct rig_call *c = arg;
	const struct netdrv_ops *ops = c->rig->dev->ops;

	c->result = ops->arm ? ops->arm(c->rig->q, c->flag) != 0 : 0;
}

int netrig_arm(struct netrig *rig, bool want_recv)
{
	struct rig_call c = { .rig = rig, .flag = want_recv };

	worker_call(rig->worker, rig_arm_call, &c);
	return (int)c.result;
}

uint64_t netrig_stat(struct netdrv *dev, const char *key)
{
	char buf[1024], name[64];
	const char *at;

	dev->ops->stats(dev, buf, sizeof(buf));
	snprintf(name, sizeof(name), "\"%s\":", key);
	at = strstr(buf, name);
	if (!at)
		fail_msg("no %s in %s", key, buf);
	return strtoull(at + strlen(name), NULL, 10);
}

unsigned netrig_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}
