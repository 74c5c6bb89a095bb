/* SPDX-License-Identifier: MIT */
/* Registers of a byte each under wider accesses: an ISA bus splits those. */
#ifndef TANDEM_BACKENDS_PC_BYTEIO_H
#define TANDEM_BACKENDS_PC_BYTEIO_H

#include <stdint.h>

/* Of registers [0, n); all ones beyond. */
static inline uint64_t byteio_read(uint8_t (*read)(void *arg, unsigned reg), void *arg,
				   unsigned n, uint64_t at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		const uint8_t byte = at + i < n ? read(arg, (unsigned)at + i) : 0xff;

		value |= (uint64_t)byte << (8 * i);
	}
	return value;
}

static inline void byteio_write(void (*write)(void *arg, unsigned reg, uint8_t byte),
				void *arg, unsigned n, uint64_t at, unsigned size,
				uint64_t value)
{
	for (unsigned i = 0; i < size && at + i < n; i++)
		write(arg, (unsigned)at + i, (uint8_t)(value >> (8 * i)));
}

#endif
