/* SPDX-License-Identifier: MIT */
/* A fuzzer's input as a program: operations and operands, zeros behind its end. */
#ifndef TANDEM_TESTS_FUZZ_INPUT_H
#define TANDEM_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct input {
	const uint8_t *p;
	size_t left;
};

static inline uint8_t input_u8(struct input *in)
{
	return in->left ? (in->left--, *in->p++) : 0;
}

static inline uint16_t input_u16(struct input *in)
{
	uint8_t low = input_u8(in);

	return (uint16_t)(low | input_u8(in) << 8);
}

static inline uint32_t input_u32(struct input *in)
{
	uint16_t low = input_u16(in);

	return low | (uint32_t)input_u16(in) << 16;
}

static inline void input_bytes(struct input *in, void *dst, size_t n)
{
	uint8_t *d = dst;

	while (n--)
		*d++ = input_u8(in);
}

/* What has to hold whatever the input is. */
static inline void must(bool ok)
{
	if (!ok)
		abort();
}

#endif
