/* SPDX-License-Identifier: MIT */
/*
 * A capture of a vif's packets: the writing end of ringproto/capring.h. Opened
 * and closed on the control thread; packets are given to it by any worker.
 */
#ifndef TANDEM_BACKENDS_NET_NETCAP_H
#define TANDEM_BACKENDS_NET_NETCAP_H

#include "backends/net/capend.h"
#include "backends/net/netdrv.h"

struct netcap;

/* As capend_open(); -EINVAL */
int netcap_open(const struct capend_config *cfg, struct netcap **cap);
/* No worker has it any more. NULL is allowed. */
void netcap_close(struct netcap *cap);
/* Readable when netcap_gone() is to be asked: has the reader ended? */
int netcap_fd(const struct netcap *cap);
bool netcap_gone(struct netcap *cap);

/* b->len bytes, of which the first min(len, NETBUF_HDR) stand in iov[0].
 * direction: CAPRING_FROM_GUEST or _TO_GUEST */
void netcap_packet(struct netcap *cap, const struct netbuf *b, uint8_t direction);

#endif
