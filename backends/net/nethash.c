/* SPDX-License-Identifier: MIT */
/* A vif's hash: what the control ring may set, and the queue of a packet. */
#include "backends/net/nethash.h"

#include <stdatomic.h>
#include <string.h>

#include "ringproto/netframe.h"

void nethash_init(struct nethash *h)
{
	memset(h, 0, sizeof(*h));
}

/* Copies what the guest may change meanwhile; it is not read again. */
static void copy_once(void *dst, const void *page, size_t len)
{
	if (len)
		memcpy(dst, page, len);
	atomic_signal_fence(memory_order_seq_cst);
}

uint32_t nethash_set_algorithm(struct nethash *h, uint32_t algorithm)
{
	if (algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_NONE &&
	    algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ)
		return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
	h->algorithm = algorithm;
	return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t nethash_get_flags(const struct nethash *h, uint32_t *flags)
{
	if (h->algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE)
		return XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
	*flags = NETHASH_TYPES;
	return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t nethash_set_flags(struct nethash *h, uint32_t flags)
{
	if (flags & ~NETHASH_TYPES || h->algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE)
		return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
	h->flags = flags;
	return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t nethash_set_key(struct nethash *h, const void *page, uint32_t len)
{
	uint8_t key[TOEPLITZ_KEY_MAX];

	if (len > sizeof(key))
		return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
	copy_once(key, page, len);
	toeplitz_init(&h->key, key, len);
	return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t nethash_set_mapping_size(struct nethash *h, uint32_t size)
{
	if (size > NETHASH_MAPPING_MAX)
		return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
	h->mapping_size = size;
	memset(h->mapping, 0, sizeof(h->mapping));
	return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

uint32_t nethash_set_mapping(struct nethash *h, const void *page, uint32_t from,
			     uint32_t n, uint32_t nr_queues)
{
	uint32_t part[NETHASH_MAPPING_MAX];

	if (n > NETHASH_MAPPING_MAX)
		return XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW;
	if ((uint64_t)from + n > h->mapping_size)
		return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
	copy_once(part, page, n * sizeof(part[0]));
	for (uint32_t i = 0; i < n; i++)
		if (part[i] >= nr_queues)
			return XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER;
	memcpy(h->mapping + from, part, n * sizeof(part[0]));
	return XEN_NETIF_CTRL_STATUS_SUCCESS;
}

/* ------------------------------------------------------------------ packets */

/* What is hashed of a packet, into data, and the number of that type's flag. The
 * length; 0: nothing. */
static size_t nethash_data(const struct nethash *h, const uint8_t *hdr,
			   const struct netframe *f, uint8_t *data, uint8_t *type)
{
	bool v4 = f->kind == NETFRAME_IPV4;
	uint8_t ip = v4 ? 0 : 2, tcp = ip + 1;
	size_t n = v4 ? 8 : 32;

	if (f->kind == NETFRAME_OTHER)
		return 0;
	memcpy(data, hdr + f->l3 + (v4 ? 12 : 8), n);
	/* a checksum field: so the ports in front of it are there */
	if (h->flags & 1u << tcp && f->proto == NETFRAME_PROTO_TCP && f->csum) {
		memcpy(data + n, hdr + f->l4, 4);
		*type = tcp;
		return n + 4;
	}
	*type = ip;
	return h->flags & 1u << ip ? n : 0;
}

bool nethash_steer(const struct nethash *h, const uint8_t *hdr, size_t len,
		   uint32_t nr_queues, uint32_t *queue, struct netif_meta *m)
{
	uint8_t data[TOEPLITZ_DATA_MAX], type;
	struct netframe f;
	uint32_t q;
	size_t n;

	if (h->algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE || !h->flags ||
	    netframe_parse(hdr, len, &f))
		return false;
	n = nethash_data(h, hdr, &f, data, &type);
	if (!n)
		return false;
	m->hash = toeplitz_hash(&h->key, data, n);
	m->hash_type = type;
	m->hash_alg = (uint8_t)h->algorithm;
	q = h->mapping_size ? h->mapping[m->hash % h->mapping_size] : m->hash;
	*queue = q < nr_queues ? q : q % nr_queues;
	return true;
}
