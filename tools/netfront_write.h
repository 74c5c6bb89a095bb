/* SPDX-License-Identifier: MIT */
/*
 * tandem-netfront: packets of the vif into the tap, in batches. They are written from
 * the granted pages, but for their headers, which are looked at and so copied, and
 * for small ones, which are copied whole.
 *
 * A batch is written by one io_uring_enter(): a tap takes a packet while its write is
 * submitted, or not at all.
 */
#ifndef TANDEM_TOOLS_NETFRONT_WRITE_H
#define TANDEM_TOOLS_NETFRONT_WRITE_H

#include "frontends/include/tandem_net.h"

#define TAPW_BATCH 64u

struct tapw;

/* Before rights are dropped. Without io_uring each packet is written by itself. */
int tapw_new(int tap, struct tapw **w);
void tapw_free(struct tapw *w); /* NULL is allowed */
/* One more of a batch of TAPW_BATCH at most; its pages are in use until
 * tapw_send(). */
void tapw_put(struct tapw *w, const struct tandem_net_pkt *p);
/* Writes the batch; how many packets the tap did not take, or could not be told of. */
unsigned tapw_send(struct tapw *w);
/* The tap was deleted. */
bool tapw_gone(const struct tapw *w);

#endif
