/* SPDX-License-Identifier: MIT */
/*
 * The two 8237 DMA controllers of a PC (Intel 231466, "8237A High Performance
 * Programmable DMA Controller") and the page registers that give each channel its upper
 * address bits.
 *
 *   channels 0-3   ports 0x00-0x0f, bytes, within 64 KiB
 *   channels 4-7   ports 0xc0-0xdf (every other), words, within 128 KiB; 4 is the cascade
 *   pages          ports 0x80-0x8f; those without a channel keep what is written
 *
 * No memory to memory transfers, which a PC has not wired. A device moves data when it
 * has some; how (single, block, demand) makes no difference then.
 */
#ifndef TANDEM_BACKENDS_PC_ISADMA_H
#define TANDEM_BACKENDS_PC_ISADMA_H

#include "backends/pc/bus.h"

struct isadma;

/* Adds itself. NULL: out of memory, or ports that are taken. */
struct isadma *isadma_new(struct pcbus *b);

/*
 * A device's request on a channel: moves up to len bytes from buf to memory (`in`), or
 * from there to buf, as the channel is programmed. Returns how many: fewer, down to 0, if
 * it is masked, set to the other direction, or its count is over, which *tc says. Where
 * there is no memory writes go nowhere and reads give ones. Words: an odd byte is not
 * moved.
 */
size_t isadma_move(struct isadma *d, unsigned channel, void *buf, size_t len, bool in,
		   bool *tc);

#endif
