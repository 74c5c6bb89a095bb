/* SPDX-License-Identifier: MIT */
/*
 * Using another domain's grant: the only code that reads an entry for its mapper.
 *
 * An entry is the granter's to write, at any time. So it is read once, as one
 * word, into a copy; the copy is checked; and the marks are set by
 * compare-and-swap against that copy, so that one of end_access and map loses.
 */
#ifndef TANDEM_RINGPROTO_GRANT_USE_H
#define TANDEM_RINGPROTO_GRANT_USE_H

#include <errno.h>
#include <stdbool.h>

#include "ringproto/grant.h"

#define GRANT_USE_TRIES 8 /* a granter that keeps changing an entry grants nothing */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "an entry read as one word");

/*
 * Frames are page numbers as the granter has them. They lie in two runs, and so do
 * the pages of the memory that a mapper has; frame and page are the same in the
 * first run. A process's arena has one run, a VM another above its hole.
 */
struct grant_frames {
	uint32_t first, end;		 /* frames of the first run: [first, end) */
	uint32_t high_first, high_pages; /* of the second, whose pages follow */
};

static inline bool grant_frame_page(const struct grant_frames *f, uint32_t frame,
				    uint32_t *page)
{
	*page = frame;
	if (frame >= f->first && frame < f->end)
		return true;
	frame -= f->high_first;
	*page = f->end + frame;
	return frame < f->high_pages;
}

/*
 * Marks the entry as used by `me`, for reading, or for both. pinned: NULL, or the
 * page that it must name, as somebody here has it mapped already. *page is what
 * it names, by `frames`.
 * -EACCES not granted to us (so); -EINVAL no page, or not the pinned one.
 */
static inline int grant_use(struct grant_entry_v1 *entry, domid_t me, bool write,
			    const struct grant_frames *frames, const uint32_t *pinned,
			    uint32_t *page)
{
	unsigned mark = GTF_reading | (write ? GTF_writing : 0);

	for (int i = 0; i < GRANT_USE_TRIES; i++) {
		/* pairs with the granter's release of the flags: the only read */
		uint64_t word = atomic_load((_Atomic uint64_t *)(void *)entry);
		uint16_t flags = (uint16_t)word;
		uint32_t at;

		if ((flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
		    (domid_t)(word >> 16) != me || (write && flags & GTF_readonly))
			return -EACCES;
		if (!grant_frame_page(frames, (uint32_t)(word >> 32), &at) ||
		    (pinned && at != *pinned))
			return -EINVAL;
		/* pairs with end_access: one of the two loses */
		if (atomic_compare_exchange_strong(&entry->flags, &flags,
						   (uint16_t)(flags | mark))) {
			*page = at;
			return 0;
		}
	}
	return -EACCES;
}

/* Takes marks away, GTF_reading or GTF_writing or both; the rest is the granter's. */
static inline void grant_unuse(struct grant_entry_v1 *entry, unsigned marks)
{
	atomic_fetch_and(&entry->flags, (uint16_t)~marks);
}

#endif
