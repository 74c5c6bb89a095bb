/* SPDX-License-Identifier: MIT */
/* tandem-netfront: packets into the tap (netfront_write.h). */
#include "tools/netfront_write.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "hv/base/sandbox.h"
#include "hv/base/uring_batch.h"
#include "ringproto/vnet.h"

#define HDR  128u
#define FLAT 2048u /* bytes: a packet of so many is written from a copy */

struct tapw_pkt {
	struct iovec iov[TANDEM_NET_IOVS + 1];
	int iovcnt;
	struct {
		struct vnet_hdr v;
		uint8_t hdr[FLAT];
	} own;
};

struct tapw {
	int tap;
	unsigned n, bad;
	bool uring, gone;
	struct io_uring ring;
	struct tapw_pkt pkt[TAPW_BATCH];
};

int tapw_new(int tap, struct tapw **out)
{
	struct io_uring_params params = { .flags = IORING_SETUP_R_DISABLED };
	struct tapw *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->tap = tap;
	w->uring = !io_uring_queue_init_params(TAPW_BATCH, &w->ring, &params);
	if (w->uring && sandbox_uring_restrict(w->ring.ring_fd)) {
		io_uring_queue_exit(&w->ring);
		w->uring = false;
	}
	*out = w;
	return 0;
}

void tapw_free(struct tapw *w)
{
	if (w && w->uring)
		io_uring_queue_exit(&w->ring);
	free(w);
}

/* ------------------------------------------------------------------ building */

/* The packet's iovecs behind its first `skip` bytes. Returns how many. */
static int rest_of(const struct tandem_net_pkt *p, size_t skip, struct iovec *to)
{
	int n = 0;

	for (unsigned i = 0; i < p->iovcnt; i++) {
		size_t off = skip < p->iov[i].iov_len ? skip : p->iov[i].iov_len;

		skip -= off;
		if (off < p->iov[i].iov_len)
			to[n++] = (struct iovec){ (uint8_t *)p->iov[i].iov_base + off,
						  p->iov[i].iov_len - off };
	}
	return n;
}

static void copy_head(const struct tandem_net_pkt *p, size_t len, uint8_t *to)
{
	for (unsigned i = 0; len; i++) {
		size_t n = len < p->iov[i].iov_len ? len : p->iov[i].iov_len;

		memcpy(to, p->iov[i].iov_base, n);
		to += n;
		len -= n;
	}
}

void tapw_put(struct tapw *w, const struct tandem_net_pkt *p)
{
	const struct netif_meta m = { .csum_blank = p->csum_blank,
				      .data_validated = p->data_validated,
				      .gso_type = p->gso_type,
				      .gso_size = p->gso_size };
	size_t head = p->len <= FLAT ? p->len : HDR;
	struct tapw_pkt *o = &w->pkt[w->n];

	copy_head(p, head, o->own.hdr);
	if (vnet_from_meta(&m, o->own.hdr, head, p->len, &o->own.v)) {
		w->bad++;
		return;
	}
	o->iov[0] = (struct iovec){ &o->own, sizeof(o->own.v) + head };
	o->iovcnt = 1 + rest_of(p, head, o->iov + 1);
	w->n++;
}

/* ------------------------------------------------------------------- writing */

static void note(struct tapw *w, int res)
{
	if (res >= 0)
		return;
	w->bad++;
	w->gone |= res == -EBADFD;
}

static void write_each(struct tapw *w)
{
	for (unsigned i = 0; i < w->n; i++)
		note(w, writev(w->tap, w->pkt[i].iov, w->pkt[i].iovcnt) < 0 ? -errno : 0);
}

static void write_batch(struct tapw *w)
{
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;

	for (unsigned i = 0; i < w->n; i++) {
		/* cannot fail: the ring is empty and holds a batch */
		struct io_uring_sqe *sqe = io_uring_get_sqe(&w->ring);

		io_uring_prep_writev(sqe, w->tap, w->pkt[i].iov,
				     (unsigned)w->pkt[i].iovcnt, 0);
		sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
	}
	w->bad += uring_batch_submit(&w->ring, w->n);
	io_uring_for_each_cqe(&w->ring, head, cqe)
	{
		note(w, cqe->res);
		seen++;
	}
	io_uring_cq_advance(&w->ring, seen);
}

unsigned tapw_send(struct tapw *w)
{
	unsigned bad;

	/* one alone is written sooner without the ring */
	if (w->uring && w->n > 1)
		write_batch(w);
	else
		write_each(w);
	bad = w->bad;
	w->n = w->bad = 0;
	return bad;
}

bool tapw_gone(const struct tapw *w)
{
	return w->gone;
}
