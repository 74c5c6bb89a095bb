/* SPDX-License-Identifier: MIT */
/* A port that checks, keeps and gives packets. */
#include "tests/lib/testport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/netcheck.h"

struct testport_queue {
	struct netdrv_queue q; /* first */
	uint32_t index;
	struct netinbox *box;
};

struct netdrv_info testport_info;
static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static struct testport *ports;

/* ---------------------------------------------------------- start and stop */

static int tp_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	struct testport *tp = calloc(1, sizeof(*tp));

	if (!tp)
		return -ENOMEM;
	tp->echo = p->target && !strcmp(p->target, "echo");
	tp->drv.info = testport_info;
	if (!tp->drv.info.mtu)
		tp->drv.info = (struct netdrv_info){ .send = { true, true, true, true },
						     .mtu = 1500,
						     .max_queues = 4 };
	for (uint32_t i = 0; i < tp->drv.info.max_queues; i++)
		if (netinbox_new(&tp->box[i], 16u << 20, 4096)) {
			*why = netdrv_why("test: no memory");
			return -ENOMEM; /* the test ends here */
		}
	pthread_mutex_init(&tp->lock, NULL);
	pthread_mutex_lock(&ports_lock);
	tp->next = ports;
	ports = tp;
	pthread_mutex_unlock(&ports_lock);
	*dev = &tp->drv;
	return 0;
}

static void tp_close(struct netdrv *dev)
{
	struct testport *tp = (struct testport *)dev, **pp;

	pthread_mutex_lock(&ports_lock);
	for (pp = &ports; *pp != tp; pp = &(*pp)->next)
		;
	*pp = tp->next;
	pthread_mutex_unlock(&ports_lock);
	for (uint32_t i = 0; i < TESTPORT_QUEUES; i++)
		netinbox_free(tp->box[i]);
	testport_clear(tp);
	pthread_mutex_destroy(&tp->lock);
	free(tp);
}

static int tp_set_guest(struct netdrv *dev, const struct netdrv_caps *caps)
{
	((struct testport *)dev)->guest = *caps;
	return 0;
}

static int tp_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			  struct netdrv_client *client, struct netdrv_queue **q)
{
	struct testport_queue *tq = calloc(1, sizeof(*tq));
	int err;

	if (!tq)
		return -ENOMEM;
	tq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	tq->index = index;
	tq->box = ((struct testport *)dev)->box[index];
	err = netinbox_start(tq->box, w, client);
	if (err) {
		free(tq);
		return err;
	}
	*q = &tq->q;
	return 0;
}

static void tp_queue_stop(struct netdrv_queue *q)
{
	netinbox_stop(((struct testport_queue *)q)->box);
	free(q);
}

/* -------------------------------------------------------------------- path */

static void tp_keep(struct testport *tp, uint32_t queue, const struct netbuf *b)
{
	struct testport_pkt *p;

	pthread_mutex_lock(&tp->lock);
	if (tp->kept < TESTPORT_KEEP) {
		p = &tp->sent[tp->kept++];
		*p = (struct testport_pkt){ b->meta, queue, b->len, malloc(b->len) };
		if (!p->bytes)
			abort();
		netbuf_copy(b, 0, p->bytes, b->len);
	}
	pthread_mutex_unlock(&tp->lock);
}

static int tp_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct testport_queue *tq = (struct testport_queue *)q;
	struct testport *tp = (struct testport *)q->dev;

	if (atomic_load(&tp->full))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const char *wrong = netcheck_sent(pkts[i], &q->dev->info.send);

		if (wrong) {
			fprintf(stderr, "packet of %u bytes: %s\n", pkts[i]->len, wrong);
			abort();
		}
		if (tp->echo && netinbox_put(tq->box, pkts[i]))
			return (int)i;
		if (!tp->echo)
			tp_keep(tp, tq->index, pkts[i]);
		atomic_fetch_add(&tp->bytes_sent, pkts[i]->len);
		atomic_fetch_add(&tp->nr_sent, 1);
	}
	return (int)n;
}

static int tp_recv(struct netdrv_queue *q, struct netbuf *b)
{
	int ret = netinbox_take(((struct testport_queue *)q)->box, b);

	q->drops += ret < 0;
	return ret;
}

static int tp_arm(struct netdrv_queue *q, bool want_recv)
{
	return want_recv ? netinbox_arm(((struct testport_queue *)q)->box) : 0;
}

static const struct netdrv_ops testport_ops = {
	.name = "test",
	.summary = "a test's",
	.open = tp_open,
	.close = tp_close,
	.set_guest = tp_set_guest,
	.queue_start = tp_queue_start,
	.queue_stop = tp_queue_stop,
	.send = tp_send,
	.recv = tp_recv,
	.arm = tp_arm,
};

const struct netdrv_ops *__real_netdrv_find(const char *name);
const struct netdrv_ops *__wrap_netdrv_find(const char *name);

const struct netdrv_ops *__wrap_netdrv_find(const char *name)
{
	return strcmp(name, "test") ? __real_netdrv_find(name) : &testport_ops;
}

/* ------------------------------------------------------------- the test's */

struct testport *testport_find(const char *target)
{
	struct testport *tp;

	pthread_mutex_lock(&ports_lock);
	for (tp = ports; tp && tp->echo != !strcmp(target, "echo"); tp = tp->next)
		;
	pthread_mutex_unlock(&ports_lock);
	return tp;
}

bool testport_feed(struct testport *tp, uint32_t queue, const struct netif_meta *m,
		   const uint8_t *bytes, uint32_t len)
{
	uint32_t hdr = len < NETBUF_HDR ? len : NETBUF_HDR;
	struct netbuf b = { .len = len, .iovcnt = len > hdr ? 2 : 1 };

	if (m)
		b.meta = *m;
	b.iov[0] = (struct iovec){ (void *)(uintptr_t)bytes, hdr };
	b.iov[1] = (struct iovec){ (void *)(uintptr_t)(bytes + hdr), len - hdr };
	return !netinbox_put(tp->box[queue], &b);
}

bool testport_wait(struct testport *tp, uint64_t n)
{
	for (int i = 0; i < 10000 && atomic_load(&tp->nr_sent) < n; i++)
		usleep(1000);
	return atomic_load(&tp->nr_sent) >= n;
}

void testport_clear(struct testport *tp)
{
	pthread_mutex_lock(&tp->lock);
	for (unsigned i = 0; i < tp->kept; i++)
		free(tp->sent[i].bytes);
	tp->kept = 0;
	atomic_store(&tp->nr_sent, 0);
	atomic_store(&tp->bytes_sent, 0);
	pthread_mutex_unlock(&tp->lock);
}
