/* SPDX-License-Identifier: MIT */
/* Kernels as bytes: a small ELF with a PVH note, and a bzImage around anything. */
#ifndef TANDEM_TESTS_LIB_KIMAGE_H
#define TANDEM_TESTS_LIB_KIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIMAGE_PADDR 0x200000u
#define KIMAGE_ENTRY (KIMAGE_PADDR + 0x10)
#define KIMAGE_TEXT  256u
#define KIMAGE_MAX   8192u

enum kimage_packer {
	KIMAGE_GZIP,
	KIMAGE_XZ,
	KIMAGE_LZMA,
	KIMAGE_ZSTD,
	KIMAGE_BZIP2,
	KIMAGE_LZ4,
	KIMAGE_PACKERS
};

/* An ELF of either class; its text is KIMAGE_TEXT bytes: 0, 1, 2... The length. */
size_t kimage_elf(uint8_t *buf, bool is64);
/* `in` packed, its length in four bytes behind, as the kernel's build does it. */
size_t kimage_pack(enum kimage_packer packer, const uint8_t *in, size_t len,
		   uint8_t *out);
/* A bzImage with that payload. */
size_t kimage_bz(const uint8_t *payload, size_t len, uint8_t *out);

#endif
