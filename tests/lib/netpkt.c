/* SPDX-License-Identifier: MIT */
/* Packets for netrig: each iovec's memory is its own, so that ASan sees each
 * byte beyond it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/netrig.h"

#define ROOM_FILL 0xee

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static uint64_t random_of(uint64_t seed)
{
	return (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

void netrig_frame(uint8_t *frame, uint32_t len, uint64_t seed)
{
	static const uint8_t head[14] = {
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0xff,
		0x02,
		0,
		0,
		0,
		0,
		0x10,
		NETRIG_ETHERTYPE >> 8,
		NETRIG_ETHERTYPE & 0xff,
	};
	uint64_t x = random_of(seed);

	memcpy(frame, head, sizeof(head));
	for (uint32_t i = sizeof(head); i < len; i++)
		frame[i] = (uint8_t)(next_random(&x) >> 32);
}

bool netrig_frame_is_ours(const uint8_t *frame, size_t len)
{
	return len >= 14 && frame[12] == NETRIG_ETHERTYPE >> 8 &&
	       frame[13] == (NETRIG_ETHERTYPE & 0xff);
}

static void pkt_add(struct netpkt *p, uint32_t len)
{
	void *mem = malloc(len);

	assert_non_null(mem);
	memset(mem, ROOM_FILL, len);
	p->b.iov[p->b.iovcnt++] = (struct iovec){ mem, len };
}

static struct netpkt *pkt_new(uint32_t len, uint32_t first, unsigned pieces,
			      uint64_t seed)
{
	struct netpkt *p = calloc(1, sizeof(*p));
	uint64_t x = random_of(seed);

	assert_non_null(p);
	assert_true(pieces < NETBUF_IOVS);
	if (first > len)
		first = len;
	pkt_add(p, first);
	for (len -= first; len && pieces; pieces--) {
		uint32_t most = len - (pieces < len ? pieces - 1 : len - 1);
		uint32_t n = pieces == 1 ? len : 1 + (uint32_t)(next_random(&x) % most);

		pkt_add(p, n);
		len -= n;
	}
	assert_int_equal(len, 0);
	p->was = p->b;
	return p;
}

struct netpkt *netpkt_new(const uint8_t *frame, uint32_t len, uint32_t first,
			  unsigned pieces, uint64_t seed)
{
	struct netpkt *p = pkt_new(len, first, pieces, seed);

	netbuf_fill(&p->b, frame, len);
	p->b.len = len;
	return p;
}

struct netpkt *netpkt_room(uint32_t bytes, unsigned pieces, uint64_t seed)
{
	return pkt_new(bytes, NETBUF_HDR, pieces, seed);
}

struct netpkt *netpkt_tag_room(struct netpkt *p)
{
	struct iovec *v = &p->b.iov[0];
	uint8_t *mem = malloc(NETBUF_TAG + v->iov_len);

	assert_non_null(mem);
	assert_int_equal(p->head, 0);
	memcpy(mem + NETBUF_TAG, v->iov_base, v->iov_len);
	free(v->iov_base);
	v->iov_base = mem + NETBUF_TAG;
	p->was.iov[0] = *v;
	p->head = NETBUF_TAG;
	return p;
}

void netpkt_free(struct netpkt *p)
{
	for (unsigned i = 0; i < p->was.iovcnt; i++)
		free((uint8_t *)p->was.iov[i].iov_base - (i ? 0 : p->head));
	free(p);
}

void netpkt_assert_untouched(const struct netpkt *p)
{
	assert_int_equal(p->b.iovcnt, p->was.iovcnt);
	for (unsigned i = 0; i < p->was.iovcnt; i++) {
		assert_ptr_equal(p->b.iov[i].iov_base, p->was.iov[i].iov_base);
		assert_int_equal(p->b.iov[i].iov_len, p->was.iov[i].iov_len);
	}
}

void netpkt_bytes(const struct netpkt *p, uint8_t *to)
{
	netpkt_assert_untouched(p);
	assert_true(p->b.len <= netbuf_iov_bytes(&p->b));
	netbuf_copy(&p->b, 0, to, p->b.len);
}
