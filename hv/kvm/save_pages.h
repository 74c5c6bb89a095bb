/* SPDX-License-Identifier: MIT */
/*
 * The contents of a chunk of pages: their number, their page numbers in the RAM memfd
 * (behind it those of the devices' memory, devices.h), then the pages. While it is made,
 * pages stand behind room for SAVE_BATCH numbers.
 */
#ifndef TANDEM_HV_KVM_SAVE_PAGES_H
#define TANDEM_HV_KVM_SAVE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hv/kvm/xen_shared.h"

#define SAVE_BATCH 256u /* pages of a chunk at most */

static inline size_t save_pages_size(uint32_t n)
{
	return sizeof(uint32_t) * (1 + (size_t)n) + (size_t)n * XEN_PAGE_SIZE;
}

static inline uint8_t *save_pages_at(uint8_t *chunk, uint32_t i)
{
	return chunk + sizeof(uint32_t) * (1 + SAVE_BATCH) + (size_t)i * XEN_PAGE_SIZE;
}

static inline void save_pages_add(uint8_t *chunk, uint32_t i, uint32_t pfn,
				  const void *page)
{
	memcpy(chunk + sizeof(uint32_t) * (1 + i), &pfn, sizeof(pfn));
	memcpy(save_pages_at(chunk, i), page, XEN_PAGE_SIZE);
}

/* Closes the gap. The chunk's size. */
static inline size_t save_pages_pack(uint8_t *chunk, uint32_t n)
{
	memcpy(chunk, &n, sizeof(n));
	memmove(chunk + sizeof(uint32_t) * (1 + (size_t)n), save_pages_at(chunk, 0),
		(size_t)n * XEN_PAGE_SIZE);
	return save_pages_size(n);
}

#endif
