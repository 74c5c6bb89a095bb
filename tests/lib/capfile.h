/* SPDX-License-Identifier: MIT */
/* Captures made and read by hand, byte by byte: not by the library that is tested. */
#ifndef TANDEM_TESTS_LIB_CAPFILE_H
#define TANDEM_TESTS_LIB_CAPFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CAPFILE_HEADER 24u /* of a pcap file, and of each of its packets */
#define CAPFILE_RECORD 16u
#define CAPFILE_ETHER  1u /* the kind of link */

enum capfile_kind { CAPFILE_PCAP, CAPFILE_PCAP_NS, CAPFILE_NG };

struct capfile {
	enum capfile_kind kind;
	uint8_t *data;
	size_t len;
};

void capfile_start(struct capfile *c, enum capfile_kind kind, uint32_t link);
/* A packet of `whole` bytes, the first len of which were captured. */
void capfile_add(struct capfile *c, uint64_t ns, const void *frame, uint32_t len,
		 uint32_t whole);
/* Writes its first `len` bytes. */
void capfile_save(const struct capfile *c, const char *path, size_t len);
void capfile_free(struct capfile *c);

/* The packet at *at (first CAPFILE_HEADER) of a growing CAPFILE_PCAP_NS file. Its
 * bytes; 0: it is not there, or not whole, in that time. */
ssize_t capfile_read(int fd, off_t *at, void *frame, size_t size, uint64_t *ns,
		     int timeout_ms);

#endif
