/* SPDX-License-Identifier: MIT */
/*
 * vu.h: the front half of vhost-user, as much as a block benchmark needs: one
 * connection, one memory region, one split virtqueue with event indexes.
 *
 * Source: QEMU's docs/interop/vhost-user.rst and the virtio 1.1 text, "Split
 * Virtqueues". The peer is a benchmark's own child and trusted.
 */
#ifndef TANDEM_TOOLS_BENCH_VU_H
#define TANDEM_TOOLS_BENCH_VU_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_QUEUE_SIZE 1024u
#define VU_CONFIG_MAX 64u

struct vu {
	int sock, memfd;
	int kick, call; /* eventfds */
	uint64_t features;
	uint8_t config[VU_CONFIG_MAX];
	uint8_t *mem;	 /* shared with the peer: rings, then data */
	size_t mem_size; /* bytes */
	uint8_t *data;	 /* behind the rings, page-aligned */
	struct vring ring;
	uint16_t avail;	    /* next to publish */
	uint16_t avail_pub; /* published so far */
	uint16_t used;	    /* next to take */
	uint64_t kicks;
};

/*
 * Connects to `path` and brings queue 0 up with `data_bytes` of shared memory
 * for data; asks for the features in `want` as far as they are offered. 0 or
 * -errno; -EPROTO with a line on stderr when the peer answers otherwise.
 */
int vu_open(struct vu *vu, const char *path, uint64_t want, size_t data_bytes);
void vu_close(struct vu *vu);

/* Puts descriptor chain `head` up; shown to the peer by vu_push(). */
static inline void vu_put(struct vu *vu, uint16_t head)
{
	vu->ring.avail->ring[vu->avail++ & (VU_QUEUE_SIZE - 1)] = head;
}

/* Publishes, and kicks if the peer wants it. */
void vu_push(struct vu *vu);
/* Chains that came back and were not taken. */
static inline uint16_t vu_avail(const struct vu *vu)
{
	return (uint16_t)(__atomic_load_n(&vu->ring.used->idx, __ATOMIC_ACQUIRE) -
			  vu->used);
}
/* The head of the next one; vu_avail() was > 0. */
static inline uint16_t vu_take(struct vu *vu)
{
	return (uint16_t)vu->ring.used->ring[vu->used++ & (VU_QUEUE_SIZE - 1)].id;
}
/* No call wanted for the next 32768 completions: polling. */
static inline void vu_quiet(struct vu *vu)
{
	__atomic_store_n(&vring_used_event(&vu->ring), (uint16_t)(vu->used + 0x8000),
			 __ATOMIC_RELAXED);
}
/* Sleeps until a completion is there. */
void vu_sleep(struct vu *vu);

#endif
