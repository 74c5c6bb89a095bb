/* SPDX-License-Identifier: MIT */
/*
 * A replay of packets to a vif's guest: the reading end of ringproto/capring.h,
 * from whose ring packets go to an inbox that a queue takes them from. Control
 * thread only, on its event loop, a bounded share a turn.
 *
 * What finds no room in the inbox stays in the ring, and is tried again a little
 * later: nothing is lost. A packet that no port of the vif could give is refused.
 */
#ifndef TANDEM_BACKENDS_NET_NETREPLAY_H
#define TANDEM_BACKENDS_NET_NETREPLAY_H

#include "backends/net/capend.h"
#include "backends/net/netinbox.h"
#include "hv/base/evloop.h"

struct netreplay;

struct netreplay_config {
	struct capend_config end;
	struct evloop *loop;
	uint32_t len_max; /* of a packet, with its Ethernet header */
	/* At most once; the replay may be closed in it. 0: after netreplay_finish(),
	 * everything was taken; -EPIPE: the writer is gone; -EPROTO: it broke the
	 * rules. */
	void (*ended)(void *arg, int err);
	void *arg;
};

/* As capend_open(); -EINVAL. */
int netreplay_open(const struct netreplay_config *cfg, struct netreplay **r);
/* No worker has its inbox any more. NULL is allowed. */
void netreplay_close(struct netreplay *r);
struct netinbox *netreplay_inbox(struct netreplay *r);
/* The writer writes no more: tell when the guest's queue has taken all. */
void netreplay_finish(struct netreplay *r);

#endif
