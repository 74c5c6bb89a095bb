/* SPDX-License-Identifier: MIT */
/* Opening and closing a vif, and what its owner asks about it. */
#include "frontends/net/netfront.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "hv/base/num.h"

#define POLL_US_DEFAULT	   100
#define CONNECT_MS_DEFAULT 10000

static int set_opts(struct tandem_net *net, const struct tandem_net_opts *opts)
{
	struct tandem_net_opts *o = &net->opts;

	if (opts)
		*o = *opts;
	if (!o->poll_us)
		o->poll_us = POLL_US_DEFAULT;
	if (!o->connect_ms)
		o->connect_ms = CONNECT_MS_DEFAULT;
	if (!o->queues)
		o->queues = 1;
	if (o->queues > TANDEM_NET_MAX_QUEUES)
		return xenbus_fail(&net->front.xb, -EINVAL,
				   "%u queues are too many: want 1 to %u", o->queues,
				   TANDEM_NET_MAX_QUEUES);
	net->front.connect_ms = o->connect_ms;
	net->front.reconnect_ms = o->reconnect_ms;
	if (getrandom(net->hash_key, sizeof(net->hash_key), 0) !=
	    (ssize_t)sizeof(net->hash_key))
		return -EIO;
	return 0;
}

/* ------------------------------------------------------------------- queues */

static uint64_t poll_ns(const struct tandem_net *net)
{
	if (net->opts.poll_us == TANDEM_NET_POLL_NEVER)
		return ADAPT_NEVER;
	if (net->opts.poll_us == TANDEM_NET_POLL_ALWAYS)
		return ADAPT_ALWAYS;
	return net->opts.poll_us * UINT64_C(1000);
}

static int make_queues(struct tandem_net *net)
{
	size_t bytes = net->opts.queues * sizeof(*net->queues);

	/* a size is a multiple of its alignment */
	net->queues = aligned_alloc(_Alignof(struct tandem_net_queue), bytes);
	if (!net->queues)
		return -ENOMEM;
	memset(net->queues, 0, bytes);
	for (unsigned i = 0; i < net->opts.queues; i++) {
		struct tandem_net_queue *q = &net->queues[i];

		q->net = net;
		q->index = i;
		q->epoll = -1;
		atomic_init(&q->to, q);
		adapt_init(&q->adapt, poll_ns(net));
		q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (q->wake < 0)
			return xenbus_fail(&net->front.xb, -errno,
					   "no descriptors for %u queues",
					   net->opts.queues);
		net->nr_queues++;
	}
	return 0;
}

static void free_queues(struct tandem_net *net)
{
	for (unsigned i = 0; i < net->nr_queues; i++) {
		close(net->queues[i].wake);
		if (net->queues[i].epoll >= 0)
			close(net->queues[i].epoll);
	}
	free(net->queues);
}

/* ------------------------------------------------------------- open and close */

/* net->front.plat is there: the rest. */
static int open_vif(struct tandem_net *net, const char *name)
{
	uint64_t devid;
	int err;

	if (num_parse_u64(name, UINT32_MAX, &devid))
		return xenbus_fail(&net->front.xb, -EINVAL,
				   "\"%s\" is not the number of a vif, such as 0", name);
	err = front_take(&net->front, (uint32_t)devid, name);
	if (!err)
		err = xenbus_watch(&net->front.xb, "carrier");
	if (!err)
		err = net_read_own(net);
	return err ? err : make_queues(net);
}

static void net_free(struct tandem_net *net)
{
	front_stop(&net->front);
	net_rings_stop(net);
	front_goodbye(&net->front);
	net_rings_drop(net);
	net_pages_free(net);
	free_queues(net);
	front_close(&net->front);
	pthread_mutex_destroy(&net->lock);
	free(net);
}

/* plat NULL: opened from the name. */
static int net_open(const char *name, struct plat *plat, bool start,
		    const struct tandem_net_opts *opts, struct tandem_net **out,
		    char **why)
{
	struct tandem_net *net = calloc(1, sizeof(*net));
	int err;

	*out = NULL;
	if (why)
		*why = NULL;
	if (!net)
		return -ENOMEM;
	pthread_mutex_init(&net->lock, NULL);
	net->front.plat = plat;
	err = front_init(&net->front, &net_front_ops);
	if (!err)
		err = set_opts(net, opts);
	if (!err && !plat)
		err = front_connect_as(&net->front, net->opts.platform, name,
				       "DOMAIN/DEVID, such as guest0/0", &name);
	if (!err)
		err = open_vif(net, name);
	if (!err && start)
		err = front_start(&net->front);
	if (!err) {
		*out = net;
		return 0;
	}
	if (why)
		*why = strdup(net->front.xb.why[0] ? net->front.xb.why : strerror(-err));
	net_free(net);
	return err;
}

int tandem_net_open(const char *name, const struct tandem_net_opts *opts,
		    struct tandem_net **net, char **why)
{
	return net_open(name, NULL, true, opts, net, why);
}

int net_open_plat(struct plat *plat, const char *devid,
		  const struct tandem_net_opts *opts, struct tandem_net **net, char **why)
{
	return net_open(devid, plat, true, opts, net, why);
}

int net_prepare_plat(struct plat *plat, const char *devid,
		     const struct tandem_net_opts *opts, struct tandem_net **net)
{
	return net_open(devid, plat, false, opts, net, NULL);
}

void tandem_net_close(struct tandem_net *net)
{
	if (net)
		net_free(net);
}

/* --------------------------------------------------------------------- asked */

struct tandem_net_queue *tandem_net_queue(struct tandem_net *net, unsigned i)
{
	return i < net->nr_queues ? &net->queues[i] : NULL;
}

unsigned tandem_net_changes(struct tandem_net *net)
{
	return atomic_load_explicit(&net->changes, memory_order_acquire);
}

int tandem_net_error(struct tandem_net *net)
{
	return atomic_load_explicit(&net->err, memory_order_acquire);
}

/* Every member of the stats is a uint64_t. */
static void add_stats(struct tandem_net_stats *sum, const struct tandem_net_stats *s)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)s;

	for (size_t i = 0; i < sizeof(*s) / sizeof(*to); i++)
		to[i] += from[i];
}

void tandem_net_get_info(struct tandem_net *net, struct tandem_net_info *info)
{
	struct tandem_net_stats stats = { 0 };

	for (unsigned i = 0; i < net->nr_queues; i++) {
		struct tandem_net_queue *q = &net->queues[i];

		qlock_lock(&q->lock);
		add_stats(&stats, &q->stats);
		qlock_unlock(&q->lock);
	}
	pthread_mutex_lock(&net->lock);
	*info = net->info;
	pthread_mutex_unlock(&net->lock);
	info->queues = net->nr_queues;
	info->stats = stats;
}

int tandem_net_mcast(struct tandem_net *net, const uint8_t addr[6], bool add)
{
	struct tandem_net_queue *q = &net->queues[0];
	unsigned i;
	int err = 0;

	if (!net->opts.mcast_control)
		return -EOPNOTSUPP;
	qlock_lock(&q->lock);
	for (i = 0; i < net->nr_mcast && memcmp(net->mcast[i], addr, 6); i++)
		;
	if (add == (i < net->nr_mcast))
		goto out; /* as it is */
	if (i == NET_MCASTS) {
		err = -ENOSPC;
		goto out;
	}
	if (q->running && net->use_mcast)
		err = net_tx_mcast(q, addr, add);
	if (err)
		goto out;
	if (add)
		memcpy(net->mcast[net->nr_mcast++], addr, 6);
	else
		memmove(net->mcast[i], net->mcast[i + 1], 6 * (--net->nr_mcast - i));
out:
	qlock_unlock(&q->lock);
	return err;
}
