/* SPDX-License-Identifier: MIT */
/*
 * Bounce buffers of a queue, for guest memory that O_DIRECT refuses: a guest's
 * data starts at any 512th byte of a page, and its pieces are multiples of 512,
 * while the device may want 4096. rawxfer.c
 */
#ifndef TANDEM_BACKENDS_BLOCK_RAWBOUNCE_H
#define TANDEM_BACKENDS_BLOCK_RAWBOUNCE_H

#include <stdint.h>

#define BOUNCE_SLOTS 16
#define BOUNCE_SIZE  (128u << 10)
#define BOUNCE_ALL   ((1u << BOUNCE_SLOTS) - 1)

struct rawbounce {
	void *mem;
	uint32_t free; /* bit by slot */
	uintptr_t mem_mask, len_mask;
};

struct rawbounce *rawbounce_new(uint32_t mem_align, uint32_t len_align);
void rawbounce_free(struct rawbounce *b);

#endif
