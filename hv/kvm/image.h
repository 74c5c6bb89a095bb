/* SPDX-License-Identifier: MIT */
/*
 * Kernels and ramdisks: files that somebody else made, whose every size is
 * checked. An image is a file or, once unpacked, memory.
 */
#ifndef TANDEM_HV_KVM_IMAGE_H
#define TANDEM_HV_KVM_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "hv/kvm/gmem.h"

#define IMAGE_MAX_PACKED   (256ull << 20)
#define IMAGE_MAX_UNPACKED (1ull << 30)
#define IMAGE_MIN_UNPACKED 64

struct image {
	int fd;	      /* -1: in memory; else its opener's */
	uint8_t *mem; /* owned */
	uint64_t size;
};

/* A regular file. -EINVAL: it is none. */
int image_open(struct image *img, int fd);
void image_close(struct image *img);

/* len bytes from offset on. -ENODATA: the image ends before. */
int image_read(const struct image *img, uint64_t offset, void *buf, size_t len);

/* What a loaded kernel is. */
struct kernel {
	uint32_t entry;	     /* 32-bit, paging off */
	uint64_t start, end; /* what it takes of memory, bss included */
};

/*
 * Loads an ELF kernel with the PVH note, a compressed one, or a bzImage that
 * holds one. -errno, and *why is a text for the person.
 */
int kernel_load(const struct gmem *m, const struct image *img, struct kernel *k,
		const char **why);

/* An ELF alone. */
int elf_load(const struct gmem *m, const struct image *img, struct kernel *k,
	     const char **why);

/* The payload of a bzImage, unpacked. -ENOEXEC: it is none. */
int bzimage_open(const struct image *file, struct image *out, const char **why);

/*
 * Unpacks gzip, xz, lzma, zstd, bzip2 and lz4 (the kernel's legacy frame), by its
 * magic, into out, which has room for max bytes. The number of bytes, -ENOTSUP:
 * no such magic, -EBADMSG: damaged, -EFBIG: more than max, -ENOMEM.
 */
int64_t unpack(const uint8_t *in, size_t len, uint8_t *out, size_t max);

#endif
