/* SPDX-License-Identifier: MIT */
/*
 * The Toeplitz hash (netif.h, Hash algorithms): each bit of the data that is set
 * adds, without carry, the 32 bits of the key that begin at its position.
 *
 * So half a byte of data at a given place adds one of 16 values, which depend
 * on the key alone: they are worked out once a key. A hash is two look-ups a
 * byte, no branch on the data.
 *
 * Freestanding. A struct toeplitz is a plain value; hashing only reads it.
 */
#ifndef TANDEM_RINGPROTO_TOEPLITZ_H
#define TANDEM_RINGPROTO_TOEPLITZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TOEPLITZ_KEY_MAX  40u /* bytes */
#define TOEPLITZ_DATA_MAX 36u /* bytes that such a key covers */

struct toeplitz {
	uint32_t add[TOEPLITZ_DATA_MAX * 2][16]; /* by place and value of a half byte */
};

/* The 32 bits of the key that begin at bit `at`. */
static inline uint32_t toeplitz_window(const uint8_t *key, unsigned at)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 5; i++)
		v = v << 8 | (at / 8 + i < TOEPLITZ_KEY_MAX ? key[at / 8 + i] : 0);
	return (uint32_t)(v >> (8 - at % 8));
}

/* Octets beyond `len` (at most TOEPLITZ_KEY_MAX) are zero. */
static inline void toeplitz_init(struct toeplitz *t, const uint8_t *key, size_t len)
{
	uint8_t full[TOEPLITZ_KEY_MAX] = { 0 };
	uint32_t window[4];

	if (len)
		memcpy(full, key, len);
	for (unsigned place = 0; place < TOEPLITZ_DATA_MAX * 2; place++) {
		for (unsigned bit = 0; bit < 4; bit++)
			window[bit] = toeplitz_window(full, place * 4 + bit);
		for (unsigned v = 0; v < 16; v++)
			t->add[place][v] =
				(v & 8 ? window[0] : 0) ^ (v & 4 ? window[1] : 0) ^
				(v & 2 ? window[2] : 0) ^ (v & 1 ? window[3] : 0);
	}
}

/* Of `len` bytes: a multiple of 4, at most TOEPLITZ_DATA_MAX. */
static inline uint32_t toeplitz_hash(const struct toeplitz *t, const uint8_t *data,
				     size_t len)
{
	uint32_t high = 0, low = 0; /* two chains: the processor runs them at once */

	for (size_t i = 0; i < len; i += 4) {
		const uint32_t(*add)[16] = &t->add[2 * i];

		high ^= add[0][data[i] >> 4] ^ add[2][data[i + 1] >> 4];
		low ^= add[1][data[i] & 15] ^ add[3][data[i + 1] & 15];
		high ^= add[4][data[i + 2] >> 4] ^ add[6][data[i + 3] >> 4];
		low ^= add[5][data[i + 2] & 15] ^ add[7][data[i + 3] & 15];
	}
	return high ^ low;
}

#endif
