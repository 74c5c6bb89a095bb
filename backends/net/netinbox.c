/* SPDX-License-Identifier: MIT */
/*
 * The inbox: a ring of bytes in lines of 64 and a ring of descriptors.
 *
 * One compare-and-swap reserves a descriptor and the lines behind it together;
 * then the producer copies at its own pace, and the descriptor's sequence
 * number says that it is done. Packets do not wrap: at the end of the lines
 * some are left out. Both rings are walked in order, as the processor's own
 * prefetch likes it. No word that the inbox believes lies among the bytes of
 * packets.
 */
#include "backends/net/netinbox.h"

#include <errno.h>
#include <poll.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/worker.h"

#define INBOX_LINE  64u
#define INBOX_AHEAD 4u /* descriptors that a taken packet's copy has time for */

struct inbox_desc {
	alignas(32) _Atomic uint32_t seq; /* its index + 1: filled */
	uint32_t line;			  /* where its bytes begin */
	uint32_t len;
	struct netif_meta meta;
};
_Static_assert(sizeof(struct inbox_desc) == 32, "two a line");

/* The taker's poll of the event. It is freed when the poll has ended, which is
 * after the inbox was stopped. */
struct inbox_watch {
	struct worker_op op;
	struct worker *worker;
	struct netdrv_client *client; /* NULL: stopped */
	int fd;			      /* the inbox's */
};

struct netinbox {
	struct inbox_desc *desc;
	uint8_t *data;
	uint32_t packets, lines; /* the caps: powers of two */
	int fd;
	/* Producers'. A position is an index of descriptors in the low half and one
	 * of lines in the high half, both free running. */
	alignas(INBOX_LINE) _Atomic uint64_t head;
	_Atomic uint64_t tail_seen; /* a tail that some producer read */
	/* Written by both, seldom. */
	alignas(INBOX_LINE) _Atomic bool armed;
	_Atomic bool open;
	_Atomic uint64_t dropped[NETINBOX_DROPS];
	/* The taker's. */
	alignas(INBOX_LINE) _Atomic uint64_t tail;
	struct inbox_watch *watch;
};

static uint32_t pos_index(uint64_t pos)
{
	return (uint32_t)pos;
}

static uint32_t pos_line(uint64_t pos)
{
	return (uint32_t)(pos >> 32);
}

static uint64_t pos_make(uint32_t index, uint32_t line)
{
	return (uint64_t)line << 32 | index;
}

static uint32_t lines_of(uint32_t len)
{
	return (len + INBOX_LINE - 1) / INBOX_LINE;
}

static struct inbox_desc *inbox_desc(const struct netinbox *box, uint32_t index)
{
	return &box->desc[index & (box->packets - 1)];
}

static uint8_t *inbox_data(const struct netinbox *box, uint32_t line)
{
	return box->data + (size_t)(line & (box->lines - 1)) * INBOX_LINE;
}

static void inbox_count(struct netinbox *box, enum netinbox_drop why)
{
	atomic_fetch_add_explicit(&box->dropped[why], 1, memory_order_relaxed);
}

/* -------------------------------------------------------------- any thread */

/* Which cap `n` lines more would break, or NETINBOX_DROPS. */
static enum netinbox_drop inbox_over(const struct netinbox *box, uint64_t head,
				     uint64_t tail, uint32_t n)
{
	if (pos_index(head) - pos_index(tail) >= box->packets)
		return NETINBOX_DROP_PACKETS;
	if (pos_line(head) - pos_line(tail) + n > box->lines)
		return NETINBOX_DROP_BYTES;
	return NETINBOX_DROPS;
}

/* Lines to leave out so that n of them do not wrap. */
static uint32_t inbox_gap(const struct netinbox *box, uint32_t line, uint32_t n)
{
	uint32_t left = box->lines - (line & (box->lines - 1));

	return n > left ? left : 0;
}

/* Where the packet stands, in *at. NETINBOX_DROPS, or why there is no room. */
static enum netinbox_drop inbox_reserve(struct netinbox *box, uint32_t n, uint64_t *at)
{
	/* acquire: pairs with the release below, or in netinbox_skip(). The tail
	 * is read first: the head is then not behind it. */
	uint64_t tail = atomic_load_explicit(&box->tail_seen, memory_order_acquire);
	uint64_t head = atomic_load_explicit(&box->head, memory_order_relaxed);
	enum netinbox_drop over;
	uint32_t gap;

	do {
		gap = inbox_gap(box, pos_line(head), n);
		over = inbox_over(box, head, tail, gap + n);
		if (over == NETINBOX_DROPS)
			continue;
		/* acquire: pairs with the release in netinbox_skip() */
		tail = atomic_load_explicit(&box->tail, memory_order_acquire);
		head = atomic_load_explicit(&box->head, memory_order_relaxed);
		gap = inbox_gap(box, pos_line(head), n);
		over = inbox_over(box, head, tail, gap + n);
		if (over != NETINBOX_DROPS)
			return over;
		atomic_store_explicit(&box->tail_seen, tail, memory_order_release);
	} while (!atomic_compare_exchange_weak_explicit(
		&box->head, &head,
		pos_make(pos_index(head) + 1, pos_line(head) + gap + n),
		memory_order_relaxed, memory_order_relaxed));
	*at = pos_make(pos_index(head), pos_line(head) + gap);
	return NETINBOX_DROPS;
}

static void inbox_wake(struct netinbox *box)
{
	const uint64_t one = 1;

	if (atomic_exchange_explicit(&box->armed, false, memory_order_relaxed))
		/* cannot fail: the counter is far from full */
		(void)!write(box->fd, &one, sizeof(one));
}

static int inbox_drop(struct netinbox *box, enum netinbox_drop why, int err)
{
	inbox_count(box, why);
	return err;
}

int netinbox_put(struct netinbox *box, const struct netbuf *b)
{
	enum netinbox_drop over;
	struct inbox_desc *d;
	uint64_t at;

	if (!atomic_load_explicit(&box->open, memory_order_relaxed))
		return inbox_drop(box, NETINBOX_DROP_CLOSED, -ESHUTDOWN);
	if (!b->len || b->len > NETINBOX_LEN_MAX)
		return inbox_drop(box, NETINBOX_DROP_SIZE, -EMSGSIZE);
	over = inbox_reserve(box, lines_of(b->len), &at);
	if (over != NETINBOX_DROPS)
		return inbox_drop(box, over, -ENOBUFS);
	d = inbox_desc(box, pos_index(at));
	d->line = pos_line(at);
	d->len = b->len;
	d->meta = b->meta;
	netbuf_copy(b, 0, inbox_data(box, d->line), b->len);
	/* release: pairs with the acquire in inbox_filled() */
	atomic_store_explicit(&d->seq, pos_index(at) + 1, memory_order_release);
	/* full: pairs with the fence in netinbox_arm(); one of us sees the other */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&box->armed, memory_order_relaxed))
		inbox_wake(box);
	return 0;
}

uint64_t netinbox_dropped(const struct netinbox *box, enum netinbox_drop why)
{
	return atomic_load_explicit(&box->dropped[why], memory_order_relaxed);
}

uint64_t netinbox_dropped_all(const struct netinbox *box)
{
	uint64_t n = 0;

	for (int i = 0; i < NETINBOX_DROPS; i++)
		n += netinbox_dropped(box, i);
	return n;
}

void netinbox_depth(const struct netinbox *box, uint32_t *packets, size_t *bytes)
{
	uint64_t tail = atomic_load_explicit(&box->tail, memory_order_acquire);
	uint64_t head = atomic_load_explicit(&box->head, memory_order_relaxed);

	*packets = pos_index(head) - pos_index(tail);
	*bytes = (size_t)(pos_line(head) - pos_line(tail)) * INBOX_LINE;
}

/* ------------------------------------------------------ the taker's worker */

/* The nth that waits, or NULL. */
static const struct inbox_desc *inbox_filled(const struct netinbox *box, uint32_t nth)
{
	/* relaxed: the taker's own word */
	uint32_t i =
		pos_index(atomic_load_explicit(&box->tail, memory_order_relaxed)) + nth;
	const struct inbox_desc *d = inbox_desc(box, i);

	/* acquire: pairs with the release in netinbox_put() */
	if (atomic_load_explicit(&d->seq, memory_order_acquire) != i + 1)
		return NULL;
	__builtin_prefetch(inbox_desc(box, i + INBOX_AHEAD));
	__builtin_prefetch(inbox_data(box, d->line + lines_of(d->len)));
	return d;
}

bool netinbox_empty(const struct netinbox *box)
{
	/* relaxed: the taker's own word, and a hint of the producers' */
	return atomic_load_explicit(&box->tail, memory_order_relaxed) ==
	       atomic_load_explicit(&box->head, memory_order_relaxed);
}

bool netinbox_peek(const struct netinbox *box, uint32_t nth, struct netbuf *b)
{
	const struct inbox_desc *d = inbox_filled(box, nth);
	uint8_t *data;
	uint32_t hdr;

	if (!d)
		return false;
	data = inbox_data(box, d->line);
	hdr = d->len < NETBUF_HDR ? d->len : NETBUF_HDR;
	b->meta = d->meta;
	b->len = d->len;
	b->iov[0] = (struct iovec){ data, hdr };
	b->iov[1] = (struct iovec){ data + hdr, d->len - hdr };
	b->iovcnt = d->len > hdr ? 2 : 1;
	return true;
}

void netinbox_skip(struct netinbox *box, uint32_t n)
{
	uint64_t tail = atomic_load_explicit(&box->tail, memory_order_relaxed);
	uint32_t end = pos_index(tail) + n;
	const struct inbox_desc *last = inbox_desc(box, end - 1);

	if (!n)
		return;
	/* release: what was read is read. Pairs with the acquire of tail in
	 * inbox_reserve(). */
	atomic_store_explicit(&box->tail, pos_make(end, last->line + lines_of(last->len)),
			      memory_order_release);
}

int netinbox_take(struct netinbox *box, struct netbuf *b)
{
	const struct inbox_desc *d = inbox_filled(box, 0);
	int ret = 1;

	if (!d)
		return 0;
	if (d->len > netbuf_iov_bytes(b)) {
		ret = inbox_drop(box, NETINBOX_DROP_SIZE, -EMSGSIZE);
	} else {
		b->meta = d->meta;
		b->len = d->len;
		netbuf_fill(b, inbox_data(box, d->line), d->len);
	}
	netinbox_skip(box, 1);
	return ret;
}

int netinbox_arm(struct netinbox *box)
{
	atomic_store_explicit(&box->armed, true, memory_order_relaxed);
	/* full: pairs with the fence in netinbox_put() */
	atomic_thread_fence(memory_order_seq_cst);
	if (!inbox_filled(box, 0))
		return 0;
	atomic_store_explicit(&box->armed, false, memory_order_relaxed);
	return 1;
}

/* ---------------------------------------------------------- start and stop */

static void watch_poll(struct inbox_watch *wt)
{
	io_uring_prep_poll_multishot(worker_sqe(wt->worker, &wt->op), wt->fd, POLLIN);
}

static void watch_event(struct worker_op *op, int res, uint32_t flags)
{
	struct inbox_watch *wt = (struct inbox_watch *)op;
	uint64_t n;

	(void)res;
	if (!wt->client) {
		if (!(flags & IORING_CQE_F_MORE))
			free(wt);
		return;
	}
	/* cannot fail in a way that matters: the event is merged or gone */
	(void)!read(wt->fd, &n, sizeof(n));
	if (!(flags & IORING_CQE_F_MORE))
		watch_poll(wt);
	wt->client->ready(wt->client);
}

static void inbox_drain(struct netinbox *box)
{
	while (inbox_filled(box, 0))
		netinbox_skip(box, 1);
}

int netinbox_start(struct netinbox *box, struct worker *w, struct netdrv_client *client)
{
	struct inbox_watch *wt = malloc(sizeof(*wt));

	if (!wt)
		return -ENOMEM;
	*wt = (struct inbox_watch){ { watch_event }, w, client, box->fd };
	inbox_drain(box); /* what came for the last one */
	box->watch = wt;
	watch_poll(wt);
	atomic_store_explicit(&box->open, true, memory_order_relaxed);
	return 0;
}

void netinbox_stop(struct netinbox *box)
{
	struct inbox_watch *wt = box->watch;

	if (!wt)
		return;
	atomic_store_explicit(&box->open, false, memory_order_relaxed);
	atomic_store_explicit(&box->armed, false, memory_order_relaxed);
	inbox_drain(box);
	box->watch = NULL;
	wt->client = NULL;
	io_uring_prep_cancel(worker_sqe(wt->worker, NULL), &wt->op, 0);
}

static uint32_t pow2_up(size_t n)
{
	uint32_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

int netinbox_new(struct netinbox **out, size_t bytes, uint32_t packets)
{
	struct netinbox *box;
	int err = -ENOMEM;

	if (bytes > NETINBOX_BYTES_MAX || packets > NETINBOX_BYTES_MAX / INBOX_LINE)
		return -EINVAL;
	if (bytes < NETINBOX_BYTES_MIN)
		bytes = NETINBOX_BYTES_MIN;
	box = aligned_alloc(INBOX_LINE, sizeof(*box));
	if (!box)
		return -ENOMEM;
	memset(box, 0, sizeof(*box));
	box->lines = pow2_up(bytes) / INBOX_LINE;
	box->packets = pow2_up(packets);
	box->desc = mmap(NULL, box->packets * sizeof(*box->desc), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (box->desc == MAP_FAILED)
		goto free_box;
	box->data = mmap(NULL, (size_t)box->lines * INBOX_LINE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (box->data == MAP_FAILED)
		goto unmap_desc;
	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->fd < 0) {
		err = -errno;
		goto unmap_data;
	}
	*out = box;
	return 0;
unmap_data:
	munmap(box->data, (size_t)box->lines * INBOX_LINE);
unmap_desc:
	munmap(box->desc, box->packets * sizeof(*box->desc));
free_box:
	free(box);
	return err;
}

void netinbox_free(struct netinbox *box)
{
	if (!box)
		return;
	close(box->fd);
	munmap(box->data, (size_t)box->lines * INBOX_LINE);
	munmap(box->desc, box->packets * sizeof(*box->desc));
	free(box);
}
