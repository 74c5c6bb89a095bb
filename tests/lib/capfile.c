/* SPDX-License-Identifier: MIT */
/* Captures made and read by hand. */
#include "tests/lib/capfile.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du
#define NG_SHB	 0x0a0d0d0au
#define NG_IDB	 1u
#define NG_EPB	 6u

static void add(struct capfile *c, const void *data, size_t len)
{
	c->data = realloc(c->data, c->len + len);
	assert_non_null(c->data);
	memcpy(c->data + c->len, data, len);
	c->len += len;
}

static void add_words(struct capfile *c, const uint32_t *words, unsigned n)
{
	add(c, words, n * sizeof(*words));
}

void capfile_start(struct capfile *c, enum capfile_kind kind, uint32_t link)
{
	/* major, minor; no corrections; the longest packet; the link */
	const uint32_t classic[] = { kind == CAPFILE_PCAP ? MAGIC_US : MAGIC_NS,
				     2 | 4 << 16,
				     0,
				     0,
				     262144,
				     link };
	/* a section of unknown length, and an interface in nanoseconds */
	const uint32_t ng[] = { NG_SHB, 28,	0x1a2b3c4d,  1, ~0u, ~0u, 28, NG_IDB, 32,
				link,	262144, 9 | 1 << 16, 9, 0,   32 };

	*c = (struct capfile){ .kind = kind };
	if (kind == CAPFILE_NG)
		add_words(c, ng, sizeof(ng) / sizeof(ng[0]));
	else
		add_words(c, classic, sizeof(classic) / sizeof(classic[0]));
}

void capfile_add(struct capfile *c, uint64_t ns, const void *frame, uint32_t len,
		 uint32_t whole)
{
	uint32_t pad = -len & 3, total = 32 + len + pad;
	const uint32_t ng[] = { NG_EPB,	      total, 0,	   (uint32_t)(ns >> 32),
				(uint32_t)ns, len,   whole };
	const uint32_t classic[] = {
		(uint32_t)(ns / 1000000000u),
		(uint32_t)(ns % 1000000000u) / (c->kind == CAPFILE_PCAP ? 1000 : 1),
		len,
		whole,
	};
	const uint32_t zero = 0;

	if (c->kind != CAPFILE_NG) {
		add_words(c, classic, 4);
		add(c, frame, len);
		return;
	}
	add_words(c, ng, 7);
	add(c, frame, len);
	add(c, &zero, pad);
	add_words(c, &total, 1);
}

void capfile_save(const struct capfile *c, const char *path, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, c->data, len), (ssize_t)len);
	close(fd);
}

void capfile_free(struct capfile *c)
{
	free(c->data);
	c->data = NULL;
}

ssize_t capfile_read(int fd, off_t *at, void *frame, size_t size, uint64_t *ns,
		     int timeout_ms)
{
	uint32_t h[4];

	for (int ms = 0; ms <= timeout_ms; ms++) {
		if (pread(fd, h, sizeof(h), *at) == sizeof(h) && h[2] <= size &&
		    pread(fd, frame, h[2], *at + CAPFILE_RECORD) == (ssize_t)h[2]) {
			assert_int_equal(h[2], h[3]);
			*at += CAPFILE_RECORD + h[2];
			*ns = h[0] * UINT64_C(1000000000) + h[1];
			return (ssize_t)h[2];
		}
		if (timeout_ms)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return 0;
}
