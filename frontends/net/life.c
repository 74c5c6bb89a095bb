/* SPDX-License-Identifier: MIT */
/* A vif between its xenbus states (front.h) and its queues. */
#include <errno.h>

#include "frontends/net/netfront.h"

static struct tandem_net *net_of(struct front *f)
{
	return (struct tandem_net *)f;
}

void net_changed(struct tandem_net *net)
{
	/* release: pairs with the acquire in tandem_net_changes() */
	atomic_fetch_add_explicit(&net->changes, 1, memory_order_release);
	for (unsigned i = 0; i < net->nr_queues; i++)
		net_queue_wake(&net->queues[i]);
}

static int life_publish(struct front *f)
{
	return net_publish(net_of(f));
}

static void life_drop(struct front *f)
{
	net_rings_drop(net_of(f));
}

static int set_carrier(struct tandem_net *net, bool carrier)
{
	bool news;

	pthread_mutex_lock(&net->lock);
	news = net->info.carrier != carrier;
	net->info.carrier = carrier;
	pthread_mutex_unlock(&net->lock);
	return news;
}

static int life_connect(struct front *f)
{
	struct tandem_net *net = net_of(f);
	bool carrier;
	int err = net_read_carrier(net, &carrier);

	if (err)
		return err;
	set_carrier(net, carrier);
	if (f->opened) {
		pthread_mutex_lock(&net->lock);
		net->info.reconnects++;
		net->info.last_pause_us = (clock_ns() - f->phase_since) / 1000;
		pthread_mutex_unlock(&net->lock);
	}
	net_rings_start(net);
	err = net->use_ctrl ? net_ctrl_run(net) : 0;
	return err ? xenbus_fail(&f->xb, err, "%s: the backend broke the control ring",
				 f->xb.path)
		   : 0;
}

static int life_opened(struct front *f)
{
	struct tandem_net *net = net_of(f);
	int err = 0;

	if (net->opts.connected)
		err = net->opts.connected(net, net->opts.connected_arg);
	return err ? xenbus_fail(&f->xb, err, "%s: not wanted", f->xb.path) : 0;
}

static int life_changed(struct front *f)
{
	struct tandem_net *net = net_of(f);
	bool carrier;
	int err = net_read_carrier(net, &carrier);

	if (!err && set_carrier(net, carrier))
		net_changed(net);
	return err;
}

static int life_lose(struct front *f)
{
	struct tandem_net *net = net_of(f);

	set_carrier(net, false);
	net_rings_stop(net);
	net_rings_drop(net);
	return 0;
}

static void life_die(struct front *f, int err)
{
	atomic_store(&net_of(f)->err, err == -EPROTO || err == -ENODEV ? err : -EIO);
	/* cannot fail */
	(void)life_lose(f);
}

static void life_overdue(struct front *f)
{
	front_die(f, xenbus_fail(&f->xb, -EIO, "no backend for %u ms", f->reconnect_ms));
}

/* ---------------------------------------------------------------- connected */

static bool life_cut(struct front *f)
{
	struct tandem_net *net = net_of(f);

	for (unsigned i = 0; i < net->nr_rings; i++)
		if (atomic_load(&net->queues[i].cut))
			return true;
	return net->ctrl.ch && net->ctrl.cut;
}

/* The control ring's events, and the death of the queues' channels. */
static unsigned life_fds(struct front *f, struct pollfd *fds)
{
	struct tandem_net *net = net_of(f);
	unsigned n = 0;

	fds[n++] =
		(struct pollfd){ .fd = net->ctrl.ch && !net->ctrl.cut ? net->ctrl.ch->fd
								      : -1,
				 .events = POLLIN };
	for (unsigned i = 0; i < net->nr_rings; i++) {
		struct tandem_net_queue *q = &net->queues[i];

		fds[n++] =
			(struct pollfd){ .fd = atomic_load(&q->cut) ? -1 : q->tx.ch->fd };
	}
	return n;
}

static void life_woken(struct front *f, const struct pollfd *fds, unsigned n)
{
	struct tandem_net *net = net_of(f);

	if (fds[0].revents) {
		net->ctrl.cut = evtchn_ack(net->ctrl.ch) == -EPIPE;
		if (net_ctrl_run(net))
			front_break(f);
	}
	for (unsigned i = 1; i < n; i++) {
		struct tandem_net_queue *q = &net->queues[i - 1];

		if (!fds[i].revents)
			continue;
		qlock_lock(&q->lock);
		net_queue_ack(q, q->tx.ch);
		qlock_unlock(&q->lock);
		net_queue_wake(q);
	}
}

const struct front_ops net_front_ops = {
	.type = "vif",
	.what = "vif",
	.server = "tandem-netback",
	.publish = life_publish,
	.drop = life_drop,
	.connect = life_connect,
	.opened = life_opened,
	.changed = life_changed,
	.lose = life_lose,
	.cut = life_cut,
	.overdue = life_overdue,
	.die = life_die,
	.fds = life_fds,
	.woken = life_woken,
};
