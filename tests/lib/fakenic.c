/* SPDX-License-Identifier: MIT */
/* A card's port for tests. */
#include "tests/lib/fakenic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringproto/netframe.h"

static struct fakenic *of(struct nicport *p)
{
	return (struct fakenic *)p;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fakenic: %s\n", what);
	abort();
}

static uint8_t *copy(const void *from, size_t len)
{
	uint8_t *to = malloc(len);

	must(to, "memory");
	memcpy(to, from, len);
	return to;
}

static void fake_send(struct nicport *p, const struct netbuf *b)
{
	struct fakenic *f = of(p);
	uint8_t flat[XEN_NETIF_MAX_TX_SIZE + 1];
	struct fakenic_frame *to;

	must(b->len >= NETIF_ETH_HLEN && b->len <= XEN_NETIF_MAX_TX_SIZE &&
		     netbuf_iov_bytes(b) == b->len,
	     "no packet");
	must(b->iov[0].iov_len >= (b->len < NETBUF_HDR ? b->len : NETBUF_HDR),
	     "its header is not in one piece");
	must(!b->meta.gso_type || b->meta.gso_size, "a large segment without a size");
	netbuf_copy(b, 0, flat, b->len);
	if (f->nr_sent < FAKENIC_KEEP) {
		to = &f->sent[f->nr_sent];
		to->meta = b->meta;
		to->len = b->len;
		to->bytes = copy(flat, b->len);
	}
	f->nr_sent++;
}

static bool fake_may_send(struct nicport *p)
{
	return !of(p)->full;
}

static bool fake_peek(struct nicport *p, struct nicframe *out)
{
	const struct fakenic *f = of(p);
	const struct fakenic_frame *in = &f->in[f->in_at % FAKENIC_KEEP];

	if (f->in_at == f->in_n)
		return false;
	out->data = in->bytes;
	out->len = in->len;
	out->validated = in->validated;
	return true;
}

static void fake_pop(struct nicport *p)
{
	struct fakenic *f = of(p);

	free(f->in[f->in_at % FAKENIC_KEEP].bytes);
	f->in[f->in_at++ % FAKENIC_KEEP].bytes = NULL;
}

static const struct nicport_ops fake_ops = { fake_send, fake_may_send, fake_peek,
					     fake_pop };

void fakenic_init(struct fakenic *f)
{
	memset(f, 0, sizeof(*f));
	f->port.ops = &fake_ops;
}

void fakenic_clear(struct fakenic *f)
{
	for (unsigned i = 0; i < FAKENIC_KEEP; i++) {
		free(f->sent[i].bytes);
		f->sent[i].bytes = NULL;
	}
	f->nr_sent = 0;
}

void fakenic_fini(struct fakenic *f)
{
	fakenic_clear(f);
	while (f->in_at != f->in_n)
		fake_pop(&f->port);
}

void fakenic_put(struct fakenic *f, const uint8_t *bytes, uint32_t len, bool validated)
{
	struct fakenic_frame *in = &f->in[f->in_n % FAKENIC_KEEP];

	if (f->in_n - f->in_at == FAKENIC_KEEP)
		return;
	in->len = len < NIC_FRAME_MIN ? NIC_FRAME_MIN : len;
	in->validated = validated;
	in->bytes = calloc(1, in->len);
	must(in->bytes, "memory");
	memcpy(in->bytes, bytes, len);
	f->in_n++;
	nicport_run(&f->port);
}

unsigned fakenic_waiting(const struct fakenic *f)
{
	return f->in_n - f->in_at;
}

void fakenic_frame(uint8_t *frame, const uint8_t *to, uint32_t len, uint8_t seed)
{
	static const uint8_t from[6] = { 2, 0, 0, 0, 0, 9 };

	memset(frame, 0xff, 6);
	if (to)
		memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	netframe_put_be16(frame + 12, 0x88b5);
	for (uint32_t i = NETFRAME_ETH_HLEN; i < len; i++)
		frame[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

uint32_t fakenic_ipv4(uint8_t *frame, uint32_t len, uint8_t proto, bool lengths)
{
	uint8_t *ip = frame + NETFRAME_ETH_HLEN, *l4 = ip + NETFRAME_IPV4_HLEN;
	const uint32_t n = lengths ? len - NETFRAME_ETH_HLEN : 0;

	netframe_put_be16(frame + 12, NETFRAME_TYPE_IPV4);
	memset(ip, 0, NETFRAME_IPV4_HLEN);
	ip[0] = 0x45;
	netframe_put_be16(ip + 2, n);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, (const uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	if (proto == NETFRAME_PROTO_TCP) {
		memset(l4, 0, NETFRAME_TCP_HLEN);
		l4[12] = 5 << 4;
		l4[13] = 0x18; /* PSH, ACK */
	} else {
		memset(l4, 0, NETFRAME_UDP_HLEN);
		netframe_put_be16(l4 + 4, lengths ? n - NETFRAME_IPV4_HLEN : 0);
	}
	return NETFRAME_ETH_HLEN + NETFRAME_IPV4_HLEN;
}

bool fakenic_ipv4_ok(const uint8_t *frame, uint32_t len)
{
	const struct nicframe in = { .data = frame, .len = len };
	const struct nicsum s = nic_sum(&in);
	struct netframe f;

	return !netframe_parse(frame, len, &f) && f.end == len && s.ip4 && !s.ip_bad &&
	       (s.tcp || s.udp) && !s.l4_bad && !s.l4_none;
}
