/* SPDX-License-Identifier: MIT */
/* tandem-netfront: large UDP packets become frames, in granted pages. */
#include "tools/netfront_uso.h"

#include <errno.h>
#include <string.h>

#define BATCH 16u /* frames in one step */

static size_t private_bytes(size_t len)
{
	return len < NETCUT_HDR ? len : NETCUT_HDR;
}

static void fill_csum(struct tandem_net_pkt *p, uint8_t *hdr, const struct netframe *f)
{
	struct netframe_sum s;

	netframe_sum_start(&s, hdr, f);
	for (unsigned i = 0; i < p->iovcnt; i++) /* it counts the bytes that matter */
		netframe_sum_piece(&s, p->iov[i].iov_base, p->iov[i].iov_len);
	netframe_sum_end(&s, hdr, f);
	p->csum_blank = false;
}

int uso_meta(const struct uso *u, const struct vnet_hdr *v, struct tandem_net_pkt *p)
{
	/* the first page: nobody but us can write there */
	uint8_t *hdr = p->iov[0].iov_base;
	size_t n = p->len < p->iov[0].iov_len ? p->len : p->iov[0].iov_len;
	struct netframe f;
	struct netif_meta m;
	int err = vnet_to_meta(v, hdr, n, p->len, &m);

	p->csum_blank = m.csum_blank;
	p->gso_type = m.gso_type;
	p->gso_size = m.gso_size;
	if (err || !m.csum_blank || m.gso_type || (u->csum && u->csum6))
		return err;
	/* cannot fail: vnet_to_meta() has found the checksum */
	if (netframe_parse(hdr, n, &f) || !f.csum)
		return -EINVAL;
	if (!(f.kind == NETFRAME_IPV4 ? u->csum : u->csum6))
		fill_csum(p, hdr, &f);
	return 0;
}

int uso_take(struct uso *u, const struct vnet_hdr *v, const struct tandem_net_pkt *pkt,
	     uint32_t n, uint32_t len)
{
	struct netcut *c = &u->cut.cut;
	int err;

	n = n < len ? n : len;
	for (uint32_t i = 0, at = 0; at < n; i++) {
		size_t k = pkt->iov[i].iov_len < n - at ? pkt->iov[i].iov_len : n - at;

		memcpy(u->bytes + at, pkt->iov[i].iov_base, k);
		at += (uint32_t)k;
	}
	u->expected = vnet_is_uso(v);
	if (!u->expected) {
		u->whole.iov[0] = (struct iovec){ u->bytes, len };
		u->whole.iovcnt = 1;
		u->whole.len = len;
		err = uso_meta(u, v, &u->whole);
		if (err)
			u->whole.len = 0;
		return err;
	}
	err = vnet_cut(v, u->bytes, private_bytes(len), len, c);
	if (!err && c->f.hdr_len + c->size > u->frame)
		err = -EMSGSIZE;
	if (err)
		c->left = 0;
	else
		memcpy(u->cut.hdr, u->bytes, c->f.hdr_len);
	return err;
}

static void put(struct tandem_net_pkt *p, const uint8_t *frame, uint32_t len, bool blank)
{
	p->len = len;
	p->gso_type = TANDEM_NET_GSO_NONE;
	p->gso_size = 0;
	p->csum_blank = blank;
	for (unsigned i = 0; len; i++) {
		size_t n = p->iov[i].iov_len < len ? p->iov[i].iov_len : len;

		memcpy(p->iov[i].iov_base, frame, n);
		frame += n;
		len -= (uint32_t)n;
	}
}

/* Some frames. False: there is no room. */
static bool send_some(struct uso *u, struct tandem_net_queue *q)
{
	struct netcut *c = &u->cut.cut;
	const bool blank = c->f.kind == NETFRAME_IPV4 ? u->csum : u->csum6;
	struct tandem_net_pkt pkts[BATCH];
	int n = tandem_net_room(q, pkts, c->left < BATCH ? c->left : BATCH,
				c->f.hdr_len + c->size);

	for (int i = 0; i < n; i++) {
		uint32_t len;
		uint8_t *frame = netcut_flat_next(&u->cut, u->bytes, blank, &len);

		put(&pkts[i], frame, len, blank);
	}
	if (n < 0) /* the vif is gone, or takes less than it did */
		c->left = 0;
	if (n <= 0)
		return n < 0;
	(void)tandem_net_commit(q, pkts, (unsigned)n); /* it counts */
	tandem_net_kick(q);
	return true;
}

bool uso_send(struct uso *u, struct tandem_net_queue *q)
{
	if (u->whole.len) {
		if (tandem_net_send(q, u->whole.iov, 1, &u->whole) == -EAGAIN)
			return false;
		u->whole.len = 0; /* if it was not taken, that is counted */
		tandem_net_kick(q);
	}
	while (u->cut.cut.left)
		if (!send_some(u, q))
			return false;
	return true;
}
