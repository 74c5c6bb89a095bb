/* SPDX-License-Identifier: MIT */
/* Builds zstd seekable images of any shape in memory, for tests. */
#ifndef TANDEM_TESTS_LIB_ZBUILD_H
#define TANDEM_TESTS_LIB_ZBUILD_H

#include <stddef.h>
#include <stdint.h>

struct zbuild {
	uint8_t *file; /* the image */
	size_t file_len;
	uint8_t *disk; /* what it holds */
	size_t disk_len;
};

#define ZBUILD_SUMS 1u /* checksums of frames */
#define ZBUILD_SEAL 2u /* the checksum of the table that our images have */

/*
 * Frames of the given sizes; 0 is a skippable frame of some bytes. Contents:
 * reproducible, part of it compressible. Aborts when out of memory.
 */
void zbuild_make(struct zbuild *b, const uint32_t *sizes, unsigned n, unsigned flags);
void zbuild_free(struct zbuild *b);
/* A new memfd with these bytes. */
int zbuild_fd(const uint8_t *bytes, size_t len);

#endif
