/* SPDX-License-Identifier: MIT */
/*
 * The control socket's server: connections of process domains, and what they ask
 * for (hvcall.h). One thread, on the caller's loop.
 *
 * Nothing blocks. One packet is handled a connection and a round, so that none
 * starves another. A connection ends on the first malformed packet, and when
 * its peer leaves no room for a reply. With it ends all that it made.
 */
#ifndef TANDEM_HV_PROC_SERVER_H
#define TANDEM_HV_PROC_SERVER_H

#include "hv/base/evloop.h"
#include "hv/core/domain.h"
#include "hv/xenstore/xenstore.h"

struct hvserver;

/* `xs` stays the caller's and outlives the server; dom0's directory is made in it. */
int hvserver_new(struct evloop *loop, struct xs_server *xs,
		 const struct core_limits *limits, struct hvserver **srv);
void hvserver_free(struct hvserver *srv);

/*
 * Accepts connections with dom0's rights on a listening SEQPACKET socket, which
 * it owns now. Peers whose uid is neither ours nor root's are turned away.
 */
int hvserver_listen(struct hvserver *srv, int listen_fd);
/* Serves `fd` (SEQPACKET, owned from now on, also on error) as domain `domid`. */
int hvserver_connect(struct hvserver *srv, int fd, domid_t domid);

#endif
