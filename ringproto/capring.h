/* SPDX-License-Identifier: MIT */
/*
 * Packets between a backend and a program of the operator's: a ring of bytes in
 * pages that the program grants to the backend. tandem's own; freestanding.
 *
 * A vif's capture: the backend writes copies of what goes through it. One ring a
 * vif, in which all queues write, one packet at a time: so the reader finds them
 * in order. The writer never blocks: what finds no room, or the ring in use by
 * another queue for too long, is dropped and counted.
 *
 * A vif's replay: the program writes packets for the guest, the backend reads. The
 * writer waits for room (capring_room_sleep()), so nothing is lost for lack of
 * it; packets that the backend may not give to the guest are counted in
 * `refused`. len and caplen are the same, direction is CAPRING_TO_GUEST.
 *
 * The first page is struct capring_shared, the others are the ring; a record is its
 * header and its bytes, padded to CAPRING_ALIGN, and may go over the end. Positions
 * count bytes and do not wrap.
 *
 * Keys that the program writes into the vif's backend directory, and removes when
 * it ends, in `capture/` or `replay/`: `domid`, its domain; `ring-refs`, the pages'
 * grants with blanks between them; `event-channel`; `snaplen`, the bytes of a
 * packet at most; and last `state`, 1. The backend answers with 4 in `state`
 * when it takes part, or 6 if it cannot (`replay/error`: why not); one that starts
 * and finds another state, its predecessor's, answers with 6, and the program asks
 * anew: a capture with other pages, a replay with the same ones, which the backend
 * reads on from `cons`. A replay that has written everything writes 5; the backend
 * answers with 6 when the guest's queue has taken all.
 *
 * Neither end believes what the other writes. -EPROTO: the other breaks the rules;
 * one's own end ends. Threads: the reader one; the writer any.
 */
#ifndef TANDEM_RINGPROTO_CAPRING_H
#define TANDEM_RINGPROTO_CAPRING_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CAPRING_PAGE_SIZE   4096u
#define CAPRING_PAGES_MIN   2u
#define CAPRING_PAGES_MAX   257u
#define CAPRING_ALIGN	    8u
#define CAPRING_SNAPLEN_MAX 65535u /* a packet's bytes, at most */
#define CAPRING_SPINS	    2000u  /* looks at a ring that another queue uses */

enum { CAPRING_FROM_GUEST = 0, CAPRING_TO_GUEST = 1 };

struct capring_shared {
	/* the writer's */
	_Atomic uint64_t prod;	/* bytes written */
	_Atomic uint64_t drops; /* packets */
	_Atomic uint64_t room;	/* tell when cons gets there */
	uint8_t pad0[40];
	/* the reader's */
	_Atomic uint64_t cons;	  /* bytes read */
	_Atomic uint64_t event;	  /* tell when prod gets there */
	_Atomic uint64_t refused; /* packets */
	uint8_t pad1[40];
};
_Static_assert(sizeof(struct capring_shared) == 128, "capring header");
_Static_assert(offsetof(struct capring_shared, cons) == 64, "capring header");

struct capring_record {
	uint32_t len;	 /* of the packet */
	uint32_t caplen; /* of it here */
	uint64_t ns;	 /* since 1970 */
	uint8_t direction;
	uint8_t pad[7];
};
_Static_assert(sizeof(struct capring_record) == 24, "capring record");

/* Bytes of the ring that a record takes. */
static inline uint64_t capring_room(uint32_t caplen)
{
	uint64_t n = sizeof(struct capring_record) + (uint64_t)caplen;

	return (n + CAPRING_ALIGN - 1) & ~(uint64_t)(CAPRING_ALIGN - 1);
}

/* ------------------------------------------------------------------- writer */

struct capring_writer {
	struct capring_shared *shared;
	uint8_t *data;
	uint64_t size;	  /* of data */
	uint32_t snaplen; /* <= CAPRING_SNAPLEN_MAX */
	atomic_flag busy; /* a queue is writing: what follows is its own */
	uint64_t prod;	  /* private: shared->prod is only written */
	uint64_t at;	  /* where the record's next byte goes */
	uint64_t end;	  /* and where its last does */
	_Atomic uint64_t drops;
};

/* pages: nr_pages in a row, mapped. -EINVAL: no such number of pages, no snaplen. */
static inline int capring_writer_init(struct capring_writer *w, void *pages,
				      uint32_t nr_pages, uint32_t snaplen)
{
	if (nr_pages < CAPRING_PAGES_MIN || nr_pages > CAPRING_PAGES_MAX || !snaplen ||
	    snaplen > CAPRING_SNAPLEN_MAX)
		return -EINVAL;
	w->shared = pages;
	w->data = (uint8_t *)pages + CAPRING_PAGE_SIZE;
	w->size = (uint64_t)(nr_pages - 1) * CAPRING_PAGE_SIZE;
	w->snaplen = snaplen;
	atomic_flag_clear(&w->busy);
	w->prod = w->at = w->end = 0;
	atomic_init(&w->drops, 0);
	return 0;
}

static inline void capring_copy_in(struct capring_writer *w, const void *from, size_t len)
{
	size_t pos = (size_t)(w->at % w->size), first = (size_t)w->size - pos;

	if (first > len)
		first = len;
	memcpy(w->data + pos, from, first);
	memcpy(w->data, (const uint8_t *)from + first, len - first);
	w->at += len;
}

static inline void capring_drop(struct capring_writer *w)
{
	uint64_t n = atomic_fetch_add_explicit(&w->drops, 1, memory_order_relaxed) + 1;

	atomic_store_explicit(&w->shared->drops, n, memory_order_relaxed);
}

/*
 * Starts a record of a packet of `len` bytes. True: capring_add() its bytes, then
 * capring_end(). False: it is dropped.
 */
static inline bool capring_begin(struct capring_writer *w, uint32_t len,
				 uint8_t direction, uint64_t ns)
{
	struct capring_record r = { .len = len,
				    .caplen = len < w->snaplen ? len : w->snaplen,
				    .ns = ns,
				    .direction = direction };
	uint64_t used;
	unsigned spins = 0;

	while (atomic_flag_test_and_set_explicit(&w->busy, memory_order_acquire))
		if (++spins == CAPRING_SPINS) {
			capring_drop(w);
			return false;
		}
	/* acquire: pairs with the reader's release in capring_take() */
	used = w->prod - atomic_load_explicit(&w->shared->cons, memory_order_acquire);
	if (used > w->size || capring_room(r.caplen) > w->size - used) {
		atomic_flag_clear_explicit(&w->busy, memory_order_release);
		capring_drop(w);
		return false;
	}
	w->at = w->prod;
	capring_copy_in(w, &r, sizeof(r));
	w->end = w->at + r.caplen;
	return true;
}

/* The packet's next bytes; more than the record holds are passed over. */
static inline void capring_add(struct capring_writer *w, const void *bytes, size_t len)
{
	capring_copy_in(w, bytes, len < w->end - w->at ? len : (size_t)(w->end - w->at));
}

/* True: the reader wants to be told. What was not added is zeros. */
static inline bool capring_end(struct capring_writer *w)
{
	static const uint8_t zeros[64];
	uint64_t old = w->prod, event;

	while (w->at < w->end)
		capring_add(w, zeros, sizeof(zeros));
	w->prod = (w->end + CAPRING_ALIGN - 1) & ~(uint64_t)(CAPRING_ALIGN - 1);
	/* release: the record is there before prod says so; pairs with capring_take() */
	atomic_store_explicit(&w->shared->prod, w->prod, memory_order_release);
	/* full barrier: either we see its event, or it sees our prod; pairs with
	 * capring_sleep() */
	atomic_thread_fence(memory_order_seq_cst);
	event = atomic_load_explicit(&w->shared->event, memory_order_relaxed);
	event = w->prod - event; /* bytes behind it */
	old = w->prod - old;	 /* new ones */
	atomic_flag_clear_explicit(&w->busy, memory_order_release);
	return event < old;
}

/*
 * Are `free` bytes of the ring free? 1; 0: the reader tells when they are; -EPROTO.
 * For one writer, that waits.
 */
static inline int capring_room_sleep(struct capring_writer *w, uint64_t free)
{
	uint64_t used;

	atomic_store_explicit(&w->shared->room, w->prod - (w->size - free),
			      memory_order_relaxed);
	/* full: pairs with capring_freed(); one of us sees the other */
	atomic_thread_fence(memory_order_seq_cst);
	/* acquire: pairs with the reader's release in capring_take() */
	used = w->prod - atomic_load_explicit(&w->shared->cons, memory_order_acquire);
	if (used > w->size)
		return -EPROTO;
	return w->size - used >= free;
}

/* Packets that the reader says it refused. */
static inline uint64_t capring_refused(const struct capring_writer *w)
{
	return atomic_load_explicit(&w->shared->refused, memory_order_relaxed);
}

/* ------------------------------------------------------------------- reader */

struct capring_reader {
	struct capring_shared *shared;
	const uint8_t *data;
	uint64_t size;
	uint32_t snaplen;
	uint64_t cons;
	uint64_t told; /* cons, when capring_freed() was asked last */
};

/* The pages are zeroed, or were read up to `cons` by another reader. As
 * capring_writer_init(). */
static inline int capring_reader_init(struct capring_reader *r, void *pages,
				      uint32_t nr_pages, uint32_t snaplen)
{
	if (nr_pages < CAPRING_PAGES_MIN || nr_pages > CAPRING_PAGES_MAX || !snaplen ||
	    snaplen > CAPRING_SNAPLEN_MAX)
		return -EINVAL;
	r->shared = pages;
	r->data = (const uint8_t *)pages + CAPRING_PAGE_SIZE;
	r->size = (uint64_t)(nr_pages - 1) * CAPRING_PAGE_SIZE;
	r->snaplen = snaplen;
	r->cons = atomic_load_explicit(&r->shared->cons, memory_order_relaxed);
	r->told = r->cons;
	return 0;
}

static inline void capring_copy_out(const struct capring_reader *r, uint64_t at, void *to,
				    size_t len)
{
	size_t pos = (size_t)(at % r->size), first = (size_t)r->size - pos;

	if (first > len)
		first = len;
	memcpy(to, r->data + pos, first);
	memcpy((uint8_t *)to + first, r->data, len - first);
}

/*
 * The next record: 1 and its caplen bytes in buf (snaplen bytes of room); 0: there
 * is none. -EPROTO.
 */
static inline int capring_take(struct capring_reader *r, struct capring_record *rec,
			       void *buf)
{
	/* acquire: pairs with capring_end() */
	uint64_t avail =
		atomic_load_explicit(&r->shared->prod, memory_order_acquire) - r->cons;

	if (!avail)
		return 0;
	if (avail > r->size || avail < sizeof(*rec) || avail % CAPRING_ALIGN)
		return -EPROTO;
	capring_copy_out(r, r->cons, rec, sizeof(*rec));
	if (rec->caplen > r->snaplen || rec->caplen > rec->len ||
	    rec->len > CAPRING_SNAPLEN_MAX || rec->direction > CAPRING_TO_GUEST ||
	    capring_room(rec->caplen) > avail)
		return -EPROTO;
	capring_copy_out(r, r->cons + sizeof(*rec), buf, rec->caplen);
	r->cons += capring_room(rec->caplen);
	/* release: the bytes are read before their room is given back */
	atomic_store_explicit(&r->shared->cons, r->cons, memory_order_release);
	return 1;
}

/* After some capring_take(). True: the writer wants to be told of the room. */
static inline bool capring_freed(struct capring_reader *r)
{
	uint64_t old = r->told;

	r->told = r->cons;
	/* full: pairs with capring_room_sleep() */
	atomic_thread_fence(memory_order_seq_cst);
	return r->cons - atomic_load_explicit(&r->shared->room, memory_order_relaxed) <
	       r->cons - old;
}

/* One more packet that is not passed on. */
static inline void capring_refuse(struct capring_reader *r)
{
	/* one writer: a load and a store are enough */
	uint64_t n = atomic_load_explicit(&r->shared->refused, memory_order_relaxed);

	atomic_store_explicit(&r->shared->refused, n + 1, memory_order_relaxed);
}

/* Asks to be told. True: there is something already, do not sleep. */
static inline bool capring_sleep(struct capring_reader *r)
{
	atomic_store_explicit(&r->shared->event, r->cons + 1, memory_order_relaxed);
	/* pairs with capring_end() */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&r->shared->prod, memory_order_relaxed) != r->cons;
}

/* Packets that the writer says it dropped. */
static inline uint64_t capring_drops(const struct capring_reader *r)
{
	return atomic_load_explicit(&r->shared->drops, memory_order_relaxed);
}

#endif
