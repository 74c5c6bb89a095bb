/* SPDX-License-Identifier: MIT */
/* Packets to capture files that tcpdump and tshark read: filtered, rotated. */
#ifndef TANDEM_TOOLS_CAPTURE_FILE_H
#define TANDEM_TOOLS_CAPTURE_FILE_H

#include <stdint.h>

#include "ringproto/capring.h"

struct capture_file;

struct capture_options {
	const char *path;     /* "-": standard output */
	const char *filter;   /* of pcap-filter(7), or NULL */
	uint32_t snaplen;     /* bytes of a packet, at most */
	uint64_t rotate_size; /* bytes of a file after which the next begins; 0: never */
	uint32_t rotate_seconds; /* or seconds */
};

/*
 * Reads the filter; files come with capture_file_start(). On error *why has a line
 * that the caller frees. Strings stay the caller's. -EINVAL, -ENOMEM
 */
int capture_file_new(const struct capture_options *o, struct capture_file **f,
		     char **why);
/* Opens the first file. *why as above; -EIO. */
int capture_file_start(struct capture_file *f, char **why);
/*
 * One packet: 1 written, 0 the filter wants it not; -EIO as above. Files behind
 * the first have its name with a number behind it, from 1.
 */
int capture_file_add(struct capture_file *f, const struct capring_record *rec,
		     const void *bytes, char **why);
/* What was written can be read. */
int capture_file_flush(struct capture_file *f, char **why);
void capture_file_free(struct capture_file *f);

#endif
