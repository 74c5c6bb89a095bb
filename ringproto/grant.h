/* SPDX-License-Identifier: MIT */
/*
 * Grant table entries, version 1 (Xen's public grant_table.h, layout of
 * `struct grant_entry_v1`), and domain ids.
 *
 * The granter owns an entry while GTF_reading and GTF_writing are clear. The
 * mapper sets them for as long as it has the frame mapped; ending access then
 * is -EBUSY.
 */
#ifndef TANDEM_RINGPROTO_GRANT_H
#define TANDEM_RINGPROTO_GRANT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;

#define DOMID_FIRST_RESERVED 0x7ff0u
#define DOMID_SELF	     0x7ff0u
#define DOMID_INVALID	     0x7ff4u

#define GTF_invalid	    (0u << 0)
#define GTF_permit_access   (1u << 0)
#define GTF_accept_transfer (2u << 0)
#define GTF_transitive	    (3u << 0)
#define GTF_type_mask	    (3u << 0)
#define GTF_readonly	    (1u << 2)
#define GTF_reading	    (1u << 3)
#define GTF_writing	    (1u << 4)
#define GTF_sub_page	    (1u << 8)

/* Statuses of grant operations: exact and negative (XSA-316). */
#define GNTST_okay		0
#define GNTST_general_error	(-1)
#define GNTST_bad_domain	(-2)
#define GNTST_bad_gntref	(-3)
#define GNTST_bad_handle	(-4)
#define GNTST_bad_virt_addr	(-5)
#define GNTST_bad_dev_addr	(-6)
#define GNTST_no_device_space	(-7)
#define GNTST_permission_denied (-8)
#define GNTST_bad_page		(-9)
#define GNTST_bad_copy_arg	(-10)
#define GNTST_address_too_big	(-11)
#define GNTST_eagain		(-12)

struct grant_entry_v1 {
	_Atomic uint16_t flags; /* GTF_* */
	domid_t domid;		/* who may map */
	uint32_t frame;		/* page of the granter */
};
_Static_assert(sizeof(struct grant_entry_v1) == 8, "grant_table.h");
_Static_assert(offsetof(struct grant_entry_v1, domid) == 2, "grant_table.h");
_Static_assert(offsetof(struct grant_entry_v1, frame) == 4, "grant_table.h");

/*
 * A process domain's gref names an arena and an entry of it:
 * arena << GREF_ENTRY_BITS | entry. Entry i stands at i * 8 bytes from the
 * arena's start, and its frame is a page number within the same arena.
 */
#define GREF_ENTRY_BITS 20
#define GREF_ENTRY_MASK ((1u << GREF_ENTRY_BITS) - 1)
#define GREF_ARENAS	(1u << (32 - GREF_ENTRY_BITS))
#define GREF_INVALID	0u /* arena 0's first page holds entries, never data */

static inline grant_ref_t gref_make(uint32_t arena, uint32_t entry)
{
	return arena << GREF_ENTRY_BITS | (entry & GREF_ENTRY_MASK);
}

static inline uint32_t gref_arena(grant_ref_t ref)
{
	return ref >> GREF_ENTRY_BITS;
}

static inline uint32_t gref_entry(grant_ref_t ref)
{
	return ref & GREF_ENTRY_MASK;
}

#endif
