/* SPDX-License-Identifier: MIT */
/*
 * What the files of tandem-netfront share: one vif and what stands at its
 * guest's side, a tap or a generator and a sink.
 */
#ifndef TANDEM_TOOLS_NETFRONT_PROG_H
#define TANDEM_TOOLS_NETFRONT_PROG_H

#include <pthread.h>
#include <stdatomic.h>

#include "frontends/include/tandem_net.h"
#include "hv/base/tap.h"

struct netfront_prog {
	struct tandem_net *net;
	struct tandem_net_opts opts;
	const char *tap; /* its name; NULL: none */
	bool has_mac;
	uint8_t mac[6];	  /* of the tap, instead of the vif's */
	unsigned gen;	  /* bytes of the packets to send; 0: none */
	bool sink;	  /* count what comes */
	unsigned seconds; /* for so long; 0: until a signal */
	bool verbose;
	/* The tap. */
	int fds[TAP_MAX_QUEUES];
	struct tapw *writers[TAP_MAX_QUEUES]; /* netfront_write.h */
	unsigned nr_fds;
	bool uso_off, has_uso; /* asked to do without; the kernel can */
	char made[IFACE_NAME_MAX];
	unsigned mtu; /* as it was set */
	/* The threads, one a queue. */
	int stop_fd; /* eventfd, readable when it is time to end */
	_Atomic bool stop;
	_Atomic int err; /* why a thread ended by itself */
};

struct netfront_thread {
	struct netfront_prog *p;
	struct tandem_net_queue *q;
	unsigned index;
	pthread_t thread;
	/* Written by the thread, read when it has ended. */
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
	uint64_t drops; /* the tap's: not taken, or not to be told in netif's words */
	double cpu;	/* seconds */
};

/* netfront_tap.c: opens the tap, with a line to stderr on error. */
int bridge_open(struct netfront_prog *p);
/* Sets it up for what was negotiated; the first time before rights are dropped. */
int bridge_setup(struct netfront_prog *p);
void bridge_close(struct netfront_prog *p);
/* Does the tap give large UDP packets, with this negotiated? They are cut here, so that
 * the vif need not know them: but it is no gain without blank checksums, and they
 * are as large as TCP's. */
bool bridge_uso(const struct netfront_prog *p, const struct tandem_net_info *i);

/* netfront_bridge.c, netfront_gen.c: a thread's work, until p->stop. */
void bridge_run(struct netfront_thread *t);
void gen_run(struct netfront_thread *t);

/* netfront_info.c: as `ethtool -k` does; the counters as one line of JSON. */
void info_print(const struct netfront_prog *p);
void info_stats(struct tandem_net *net);

#endif
