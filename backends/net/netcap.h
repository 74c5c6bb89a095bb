/* SPDX-License-Identifier: MIT */
/*
 * A capture of a vif's packets: the writing end of ringproto/capring.h. Opened
 * and closed on the control thread; packets are given to it by any worker.
 */
#ifndef TANDEM_BACKENDS_NET_NETCAP_H
#define TANDEM_BACKENDS_NET_NETCAP_H

#include "backends/net/netdrv.h"
#include "hv/plat/plat.h"
#include "ringproto/capring.h"

struct netcap;

/* What the reader's keys say. */
struct netcap_config {
	struct plat *plat;
	domid_t reader;
	grant_ref_t refs[CAPRING_PAGES_MAX];
	uint32_t nr_refs;
	evtchn_port_t port;
	uint32_t snaplen;
};

/* "12 13 14" into refs. -EINVAL */
int netcap_parse_refs(struct netcap_config *cfg, const char *s);
/* Errors as gnttab_map_ring() and evtchn_bind_interdomain(); -EINVAL */
int netcap_open(const struct netcap_config *cfg, struct netcap **cap);
/* No worker has it any more. NULL is allowed. */
void netcap_close(struct netcap *cap);
/* Readable when netcap_gone() is to be asked: has the reader ended? */
int netcap_fd(const struct netcap *cap);
bool netcap_gone(struct netcap *cap);

/* b->len bytes, of which the first min(len, NETBUF_HDR) stand in iov[0].
 * direction: CAPRING_FROM_GUEST or _TO_GUEST */
void netcap_packet(struct netcap *cap, const struct netbuf *b, uint8_t direction);

#endif
