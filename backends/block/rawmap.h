/* SPDX-License-Identifier: MIT */
/*
 * Reads of a file in memory (tmpfs) through a mapping of it: a copy, without a
 * system call and the kernel's search for the page.
 *
 * Only files without holes are mapped: to read a hole through a mapping fills
 * it. Whoever makes a hole calls rawmap_stop(). A page that is not there after
 * all, because somebody made the file shorter, is no crash (SIGBUS) but "cannot".
 */
#ifndef TANDEM_BACKENDS_BLOCK_RAWMAP_H
#define TANDEM_BACKENDS_BLOCK_RAWMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct rawmap {
	const uint8_t *mem; /* NULL: not mapped */
	size_t len;
	bool stopped; /* __atomic */
};

/* Maps the first `size` bytes of fd if that is possible and has a point. */
void rawmap_open(struct rawmap *m, int fd, uint64_t size);
void rawmap_close(struct rawmap *m);

/* Any thread; reads that have begun go on. */
void rawmap_stop(struct rawmap *m);

/* Fills iov. False: cannot; what iov points to is undefined. Any thread. */
bool rawmap_read(const struct rawmap *m, uint64_t offset, uint64_t len,
		 const struct iovec *iov, unsigned iovcnt);

#endif
