/* SPDX-License-Identifier: MIT */
/* Packets out of a ring that a program of the operator's fills, into an inbox. */
#include "backends/net/netreplay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define REPLAY_BYTES   (1u << 20) /* the inbox's caps */
#define REPLAY_PACKETS 256u
#define REPLAY_SHARE   NETDRV_BATCH /* packets a turn */
#define REPLAY_NOW     1u	    /* ns: in the loop's next turn */
#define REPLAY_WAIT    100000u	    /* ns until a full inbox is tried again; then */
#define REPLAY_WAITMAX 10000000u    /* twice as long each time, up to this */

struct netreplay {
	struct netreplay_config cfg;
	struct capend end;
	struct capring_reader ring;
	struct netinbox *box;
	struct evsource *channel, *timer;
	int timer_fd;
	uint32_t wait; /* ns, the next one */
	bool finish, ended;
	uint32_t held; /* bytes of packet[], that waits for room; 0: there is none */
	uint8_t packet[CAPRING_SNAPLEN_MAX];
};

static void replay_again(struct netreplay *r, uint32_t ns)
{
	const struct itimerspec t = { .it_value = { .tv_nsec = (long)ns } };

	/* cannot fail: the time is a right one */
	(void)timerfd_settime(r->timer_fd, 0, &t, NULL);
}

static void replay_end(struct netreplay *r, int err)
{
	r->ended = true;
	r->cfg.ended(r->cfg.arg, err);
}

/* 1: r->held; 0: there is none; -EPROTO. */
static int replay_take(struct netreplay *r)
{
	struct capring_record rec;
	int ret = capring_take(&r->ring, &rec, r->packet);

	if (ret <= 0)
		return ret;
	if (rec.caplen < NETIF_ETH_HLEN || rec.caplen > r->cfg.len_max)
		capring_refuse(&r->ring);
	else
		r->held = rec.caplen;
	return 1;
}

/* False: there is no room. Then the inbox counts a drop that is none. */
static bool replay_put(struct netreplay *r)
{
	struct netbuf b = { .len = r->held,
			    .iovcnt = 1,
			    .iov = { { r->packet, r->held } } };

	if (netinbox_put(r->box, &b))
		return false;
	r->held = 0;
	r->wait = REPLAY_WAIT;
	return true;
}

/* What is to be done when, after a turn that left something over or not. */
static void replay_next(struct netreplay *r, bool more)
{
	uint32_t packets = 0;
	size_t bytes;

	if (r->finish && !r->held)
		netinbox_depth(r->box, &packets, &bytes);
	if (!r->held && (more || capring_sleep(&r->ring))) {
		replay_again(r, REPLAY_NOW);
	} else if (r->held || packets) {
		replay_again(r, r->wait);
		r->wait = r->wait < REPLAY_WAITMAX / 2 ? r->wait * 2 : REPLAY_WAITMAX;
	} else if (r->finish) {
		replay_end(r, 0);
	}
}

static void replay_turn(struct netreplay *r)
{
	unsigned n = 0;
	int ret = 1;

	if (r->ended)
		return;
	for (; n < REPLAY_SHARE; n++) {
		if (!r->held)
			ret = replay_take(r);
		if (ret <= 0 || (r->held && !replay_put(r)))
			break;
	}
	if (capring_freed(&r->ring))
		evtchn_notify(r->end.ch);
	if (ret < 0)
		replay_end(r, ret);
	else
		replay_next(r, n == REPLAY_SHARE);
}

static void replay_channel(void *arg, uint32_t events)
{
	struct netreplay *r = arg;

	(void)events;
	if (evtchn_ack(r->end.ch) != -EPIPE) {
		replay_turn(r);
		return;
	}
	evloop_del(r->channel); /* it stays readable */
	r->channel = NULL;
	if (!r->ended)
		replay_end(r, -EPIPE);
}

static void replay_timer(void *arg, uint32_t events)
{
	struct netreplay *r = arg;
	uint64_t n;

	(void)events;
	/* cannot fail in a way that matters: it is asked for again when need be */
	(void)!read(r->timer_fd, &n, sizeof(n));
	replay_turn(r);
}

int netreplay_open(const struct netreplay_config *cfg, struct netreplay **out)
{
	struct netreplay *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->cfg = *cfg;
	r->wait = REPLAY_WAIT;
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = r->timer_fd < 0 ? -errno : capend_open(&r->end, &cfg->end);
	if (!err)
		err = capring_reader_init(&r->ring, r->end.pages, cfg->end.nr_refs,
					  cfg->end.snaplen);
	if (!err)
		err = netinbox_new(&r->box, REPLAY_BYTES, REPLAY_PACKETS);
	if (!err)
		err = evloop_add(cfg->loop, r->end.ch->fd, EPOLLIN, replay_channel, r,
				 &r->channel);
	if (!err)
		err = evloop_add(cfg->loop, r->timer_fd, EPOLLIN, replay_timer, r,
				 &r->timer);
	if (err) {
		netreplay_close(r);
		return err;
	}
	replay_again(r, REPLAY_NOW);
	*out = r;
	return 0;
}

void netreplay_close(struct netreplay *r)
{
	if (!r)
		return;
	if (r->channel)
		evloop_del(r->channel);
	if (r->timer)
		evloop_del(r->timer);
	if (r->timer_fd >= 0)
		close(r->timer_fd);
	netinbox_free(r->box);
	capend_close(&r->end);
	free(r);
}

struct netinbox *netreplay_inbox(struct netreplay *r)
{
	return r->box;
}

void netreplay_finish(struct netreplay *r)
{
	r->finish = true;
	replay_again(r, REPLAY_NOW);
}
