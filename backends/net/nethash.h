/* SPDX-License-Identifier: MIT */
/*
 * A vif's hash configuration, as the control ring sets it, and the choice of a
 * queue for a packet by it (netif.h, Hash types, Hash algorithms, Control
 * messages).
 *
 * A plain value: the control thread changes its own and gives each queue a copy.
 *
 * The setters return XEN_NETIF_CTRL_STATUS_* and change nothing unless that is
 * SUCCESS. `page` is memory of the guest's, which may change meanwhile: it is
 * copied once, and only if the sizes are right.
 */
#ifndef TANDEM_BACKENDS_NET_NETHASH_H
#define TANDEM_BACKENDS_NET_NETHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringproto/netif_pkt.h"
#include "ringproto/toeplitz.h"

#define NETHASH_MAPPING_MAX 128u /* entries */
#define NETHASH_TYPES                                                        \
	(XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP | \
	 XEN_NETIF_CTRL_HASH_TYPE_IPV6 | XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP)

struct nethash {
	uint32_t algorithm;    /* XEN_NETIF_CTRL_HASH_ALGORITHM_* */
	uint32_t flags;	       /* XEN_NETIF_CTRL_HASH_TYPE_* to work out */
	uint32_t mapping_size; /* 0: the queue is the hash modulo their number */
	uint32_t mapping[NETHASH_MAPPING_MAX];
	struct toeplitz key;
};

/* No algorithm, no flags, an empty key, no mapping. */
void nethash_init(struct nethash *h);

uint32_t nethash_set_algorithm(struct nethash *h, uint32_t algorithm);
/* NOT_SUPPORTED while there is no algorithm. */
uint32_t nethash_get_flags(const struct nethash *h, uint32_t *flags);
/* INVALID_PARAMETER: a flag that there is not, or no algorithm. */
uint32_t nethash_set_flags(struct nethash *h, uint32_t flags);
/* BUFFER_OVERFLOW: longer than TOEPLITZ_KEY_MAX. 0 octets clear the key. */
uint32_t nethash_set_key(struct nethash *h, const void *page, uint32_t len);
/* INVALID_PARAMETER: more than NETHASH_MAPPING_MAX. All entries become 0. */
uint32_t nethash_set_mapping_size(struct nethash *h, uint32_t size);
/*
 * Entries from .. from + n - 1, uint32_t in the page. BUFFER_OVERFLOW: n is more
 * than any table holds; INVALID_PARAMETER: they are not all within the table, or
 * one names no queue.
 */
uint32_t nethash_set_mapping(struct nethash *h, const void *page, uint32_t from,
			     uint32_t n, uint32_t nr_queues);

/*
 * Which of nr_queues (> 0) a packet goes to, by its first `len` bytes, which are
 * private. The largest type that the flags have and the packet allows counts:
 * addresses and ports of TCP, else addresses. Sets *queue and m->hash* for
 * the extra. false, and nothing is set: this packet has no hash, the caller
 * chooses.
 */
bool nethash_steer(const struct nethash *h, const uint8_t *hdr, size_t len,
		   uint32_t nr_queues, uint32_t *queue, struct netif_meta *m);

#endif
