/* SPDX-License-Identifier: MIT */
/*
 * "pipe", a network driver for tests: packets are messages of a socket, whose
 * descriptor comes with the parameters. It waits with a poll on the worker's
 * io_uring; what the kernel still holds of that at the end is freed when it
 * comes back.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/worker.h"
#include "tests/lib/netcase.h"

struct pipe_dev {
	struct netdrv drv; /* first */
	int fd;
};

struct pipe_poll {
	struct worker_op op;   /* first */
	struct pipe_queue *pq; /* NULL: it has ended */
	short events;
};

struct pipe_queue {
	struct netdrv_queue q; /* first */
	int fd;
	bool full; /* send() found no room */
	struct pipe_poll *poll;
};

static int pipe_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	struct pipe_dev *pd;

	if (p->options || p->nfds != 1) {
		*why = netdrv_why("pipe: want one descriptor and no options");
		return -EINVAL;
	}
	pd = calloc(1, sizeof(*pd));
	if (!pd)
		return -ENOMEM;
	pd->fd = p->fds[0];
	pd->drv.ops = &netpipe;
	pd->drv.info = (struct netdrv_info){ .mtu = 1500, .max_queues = 1 };
	*dev = &pd->drv;
	return 0;
}

static void pipe_close(struct netdrv *dev)
{
	close(((struct pipe_dev *)dev)->fd);
	free(dev);
}

static int pipe_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			    struct netdrv_client *client, struct netdrv_queue **q)
{
	struct pipe_queue *pq = calloc(1, sizeof(*pq));

	(void)index;
	if (!pq)
		return -ENOMEM;
	pq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	pq->fd = ((struct pipe_dev *)dev)->fd;
	*q = &pq->q;
	return 0;
}

static void pipe_cancel(struct pipe_queue *pq)
{
	if (!pq->poll)
		return;
	pq->poll->pq = NULL;
	io_uring_prep_cancel(worker_sqe(pq->q.worker, NULL), pq->poll, 0);
	pq->poll = NULL;
}

static void pipe_queue_stop(struct netdrv_queue *q)
{
	pipe_cancel((struct pipe_queue *)q);
	free(q);
}

static int pipe_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct pipe_queue *pq = (struct pipe_queue *)q;
	unsigned i;

	for (i = 0; i < n; i++) {
		struct msghdr m = { .msg_iov = pkts[i]->iov,
				    .msg_iovlen = pkts[i]->iovcnt };

		if (sendmsg(pq->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno == EAGAIN) {
			pq->full = true;
			break;
		}
	}
	return (int)i;
}

static int pipe_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct msghdr m = { .msg_iov = b->iov, .msg_iovlen = b->iovcnt };
	ssize_t n = recvmsg(((struct pipe_queue *)q)->fd, &m, MSG_DONTWAIT | MSG_TRUNC);

	if (n <= 0)
		return 0;
	if (m.msg_flags & MSG_TRUNC) {
		q->drops++;
		return -EMSGSIZE;
	}
	b->len = (uint32_t)n;
	b->meta = (struct netif_meta){ 0 };
	return 1;
}

static void pipe_event(struct worker_op *op, int res, uint32_t flags)
{
	struct pipe_poll *p = (struct pipe_poll *)op;

	(void)res;
	(void)flags;
	if (p->pq) {
		p->pq->poll = NULL;
		p->pq->full = false;
		p->pq->q.client->ready(p->pq->q.client);
	}
	free(p);
}

/* A poll finds what came before it, too: nothing to look at once more. */
static int pipe_arm(struct netdrv_queue *q, bool want_recv)
{
	struct pipe_queue *pq = (struct pipe_queue *)q;
	short events = (short)((want_recv ? POLLIN : 0) | (pq->full ? POLLOUT : 0));

	if (pq->poll && pq->poll->events == events)
		return 0;
	pipe_cancel(pq);
	if (!events)
		return 0;
	pq->poll = calloc(1, sizeof(*pq->poll));
	if (!pq->poll)
		return 1;
	*pq->poll = (struct pipe_poll){ { pipe_event }, pq, events };
	io_uring_prep_poll_add(worker_sqe(q->worker, &pq->poll->op), pq->fd,
			       (unsigned)events);
	return 0;
}

const struct netdrv_ops netpipe = {
	.name = "pipe",
	.summary = "messages of a socket, for tests",
	.open = pipe_open,
	.close = pipe_close,
	.queue_start = pipe_queue_start,
	.queue_stop = pipe_queue_stop,
	.send = pipe_send,
	.recv = pipe_recv,
	.arm = pipe_arm,
};
