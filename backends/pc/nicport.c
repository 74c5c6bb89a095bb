/* SPDX-License-Identifier: MIT */
/* Cards and their port: frames that wait, large segments, checksums. */
#include "backends/pc/nicport.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "ringproto/netcut.h"

/* -------------------------------------------------------------------- receiving */

static void retry(void *arg)
{
	nicport_run(arg);
}

void nicport_attach(struct nicport *p, struct pcbus *b, const struct nicport_card *card,
		    void *arg)
{
	p->b = b;
	p->card_arg = arg;
	p->retry = (struct pctimer){ .fire = retry, .arg = p };
	p->full_since = 0;
	p->card = card;
}

void nicport_detach(struct nicport *p)
{
	if (p->card)
		pctimer_stop(p->b, &p->retry);
	p->card = NULL;
}

/* The card has no room. True: the frame waits. */
static bool wait_on(struct nicport *p)
{
	const uint64_t now = pcbus_now(p->b);

	if (!p->full_since)
		p->full_since = now;
	if (now - p->full_since >= NIC_WAIT) {
		p->card->missed(p->card_arg);
		return false;
	}
	if (!p->retry.at)
		pctimer_set(p->b, &p->retry, now + NIC_RETRY);
	return true;
}

void nicport_run(struct nicport *p)
{
	struct nicframe f;

	/* it would be written to the memory of a machine that stands */
	if (p->card && p->b->stands) {
		pctimer_set(p->b, &p->retry, pcbus_now(p->b) + NIC_RETRY);
		return;
	}
	while (p->ops->peek(p, &f)) {
		if (p->card && !p->card->receive(p->card_arg, &f)) {
			if (wait_on(p))
				return;
		} else {
			p->full_since = 0;
		}
		p->ops->pop(p);
	}
	if (p->card)
		pctimer_stop(p->b, &p->retry);
}

/* ---------------------------------------------------------------------- sending */

static void send_flat(struct nicport *p, uint8_t *frame, uint32_t len,
		      struct netif_meta meta)
{
	const uint32_t hdr = len < NETBUF_HDR ? len : NETBUF_HDR;
	struct netbuf b;

	b.meta = meta;
	b.len = len;
	b.vlan = 0;
	b.iov[0] = (struct iovec){ frame, hdr };
	b.iov[1] = (struct iovec){ frame + hdr, len - hdr };
	b.iovcnt = len > hdr ? 2 : 1;
	p->ops->send(p, &b);
}

void nicport_send(struct nicport *p, uint8_t *frame, uint32_t len)
{
	if (len >= NETFRAME_ETH_HLEN && len <= XEN_NETIF_MAX_TX_SIZE)
		send_flat(p, frame, len, (struct netif_meta){ 0 });
}

/* Its lengths, as a large segment's are: those of all of it. */
static void set_lengths(uint8_t *frame, uint32_t len, const struct netframe *f)
{
	uint8_t *ip = frame + f->l3;
	struct netsum sum = { 0 };
	uint16_t csum;

	if (f->kind == NETFRAME_IPV6) {
		netframe_put_be16(ip + 4, len - f->l3 - NETFRAME_IPV6_HLEN);
		return;
	}
	netframe_put_be16(ip + 2, len - f->l3);
	netframe_put_be16(ip + 10, 0);
	netsum_add(&sum, ip, (ip[0] & 15u) * 4);
	csum = netsum_end(&sum);
	memcpy(ip + 10, &csum, 2);
}

/* Where the network header begins, or 0: it is no IP. */
static uint32_t network_header(const uint8_t *frame, uint32_t len, struct netframe *f)
{
	if (netframe_parse(frame,
			   len < NETFRAME_ETH_HLEN + 8u ? len : NETFRAME_ETH_HLEN + 8u,
			   f))
		return 0;
	if (f->ethertype == NETFRAME_TYPE_IPV4 && len >= f->l3 + NETFRAME_IPV4_HLEN)
		f->kind = NETFRAME_IPV4;
	else if (f->ethertype == NETFRAME_TYPE_IPV6 && len >= f->l3 + NETFRAME_IPV6_HLEN)
		f->kind = NETFRAME_IPV6;
	else
		return 0;
	return f->l3;
}

/* Drivers leave the lengths at 0: they are filled in before the rest is looked at. */
static int parse_large(uint8_t *frame, uint32_t len, struct netframe *f)
{
	const uint32_t l3 = network_header(frame, len, f);

	if (!l3 || len - l3 > UINT16_MAX ||
	    (f->kind == NETFRAME_IPV4 && (frame[l3] & 15u) * 4 > len - l3))
		return -EINVAL;
	set_lengths(frame, len, f);
	/* UDP's own length covers all, too */
	if (f->kind == NETFRAME_IPV4 && frame[l3 + 9] == NETFRAME_PROTO_UDP &&
	    (frame[l3] & 15u) * 4 + NETFRAME_UDP_HLEN <= len - l3)
		netframe_put_be16(frame + l3 + (frame[l3] & 15u) * 4 + 4,
				  len - l3 - (frame[l3] & 15u) * 4);
	return netframe_parse(frame, len, f);
}

int nicport_send_large(struct nicport *p, uint8_t *frame, uint32_t len, uint32_t mss)
{
	struct netcut_flat c;
	struct netframe f;

	if (len > NIC_TX_MAX || parse_large(frame, len, &f) ||
	    netcut_start(&c.cut, &f, frame, mss) || mss > UINT16_MAX)
		return -EINVAL;
	if (f.proto == NETFRAME_PROTO_TCP && len <= XEN_NETIF_MAX_TX_SIZE &&
	    (f.kind == NETFRAME_IPV4 ? p->tso4 : p->tso6) && c.cut.left > 1) {
		netframe_blank(frame, &f);
		send_flat(p, frame, len,
			  (struct netif_meta){
				  .csum_blank = true,
				  .data_validated = true,
				  .gso_type = f.kind == NETFRAME_IPV4
						      ? XEN_NETIF_GSO_TYPE_TCPV4
						      : XEN_NETIF_GSO_TYPE_TCPV6,
				  .gso_size = (uint16_t)mss,
			  });
		return 0;
	}
	memcpy(c.hdr, frame, f.hdr_len);
	while (c.cut.left) {
		uint32_t n;
		uint8_t *one = netcut_flat_next(&c, frame, false, &n);

		nicport_send(p, one, n);
	}
	return 0;
}

/* ------------------------------------------------------------------ CRC and sums */

uint32_t nic_fcs(const uint8_t *frame, size_t len)
{
	return (uint32_t)crc32(0, frame, (uInt)len);
}

uint32_t nic_crc_le(const uint8_t *addr)
{
	return ~(uint32_t)crc32(0, addr, 6);
}

uint32_t nic_crc_be(const uint8_t *addr)
{
	const uint32_t le = nic_crc_le(addr);
	uint32_t be = 0;

	for (unsigned i = 0; i < 32; i++)
		be |= (le >> i & 1) << (31 - i);
	return be;
}

struct nicsum nic_sum(const struct nicframe *in)
{
	struct netframe_sum s;
	struct nicsum r = { 0 };
	struct netsum ip = { 0 };
	struct netframe f;
	uint8_t hdr[NETBUF_HDR * 4];
	const uint32_t n = in->len < sizeof(hdr) ? in->len : sizeof(hdr);
	uint16_t has, right;

	memcpy(hdr, in->data, n);
	if (netframe_parse(hdr, n, &f) || f.kind == NETFRAME_OTHER || f.end > in->len)
		return r;
	r.ip = true;
	r.ip4 = f.kind == NETFRAME_IPV4;
	if (r.ip4) {
		netsum_add(&ip, hdr + f.l3, (hdr[f.l3] & 15u) * 4);
		r.ip_bad = !in->validated && netsum_end(&ip) != 0;
	}
	if (f.fragment || !f.csum)
		return r;
	r.tcp = f.proto == NETFRAME_PROTO_TCP;
	r.udp = f.proto == NETFRAME_PROTO_UDP;
	memcpy(&has, hdr + f.csum, 2);
	r.l4_none = r.udp && !has;
	if (in->validated || r.l4_none)
		return r;
	netframe_sum_start(&s, hdr, &f);
	netframe_sum_piece(&s, in->data, in->len);
	netframe_sum_end(&s, hdr, &f);
	memcpy(&right, hdr + f.csum, 2);
	/* both forms of zero are right */
	r.l4_bad = right != has && !(right == 0 && has == 0xffff);
	return r;
}

void nic_sum_ip(uint8_t *frame, uint32_t len)
{
	struct netsum sum = { 0 };
	struct netframe f;
	uint16_t csum;

	if (netframe_parse(frame, len, &f) || f.kind != NETFRAME_IPV4)
		return;
	netframe_put_be16(frame + f.l3 + 10, 0);
	netsum_add(&sum, frame + f.l3, (frame[f.l3] & 15u) * 4);
	csum = netsum_end(&sum);
	memcpy(frame + f.l3 + 10, &csum, 2);
}

void nic_sum_l4(uint8_t *frame, uint32_t len, uint8_t proto)
{
	struct netframe_sum s;
	struct netframe f;

	if (netframe_parse(frame, len, &f) || !f.csum || f.proto != proto || f.end > len)
		return;
	netframe_sum_start(&s, frame, &f);
	netframe_sum_piece(&s, frame, len);
	netframe_sum_end(&s, frame, &f);
}
