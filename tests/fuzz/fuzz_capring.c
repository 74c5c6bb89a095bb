/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend to the reader of a capture: any ring, any positions, changed
 * between two looks. What is taken is within its bounds, and the reader never
 * goes on for more bytes than the writer showed.
 *
 * Input: a byte of snaplen, then turns of {8 bytes prod, 1 byte of where, 1 byte
 * of how much, bytes for the ring}.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ringproto/capring.h"
#include "tests/fuzz/input.h"

#define PAGES 3u
#define RING  ((PAGES - 1) * CAPRING_PAGE_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes what is there; false: the reader has ended. */
static bool drain(struct capring_reader *r, uint8_t *buf)
{
	uint64_t from = r->cons;
	struct capring_record rec;
	int ret;

	while ((ret = capring_take(r, &rec, buf)) > 0) {
		must(rec.caplen <= r->snaplen && rec.caplen <= rec.len);
		must(rec.len <= CAPRING_SNAPLEN_MAX && rec.direction <= 1);
		must(r->cons % CAPRING_ALIGN == 0 && r->cons - from <= RING);
		for (uint32_t i = 0; i < rec.caplen; i++)
			buf[i] ^= 1; /* all of it was there */
	}
	must(ret == 0 || ret == -EPROTO);
	(void)capring_sleep(r);
	return !ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *pages = calloc(PAGES, CAPRING_PAGE_SIZE), *buf = NULL;
	struct capring_reader r;
	bool alive = true;

	if (!pages || !size)
		goto out;
	must(!capring_reader_init(&r, pages, PAGES, 1u + *data * 16u));
	buf = malloc(r.snaplen); /* to the byte: the sanitizer watches its end */
	data++;
	size--;
	while (buf && alive && size >= 10) {
		size_t at = (size_t)data[8] * 32, n = data[9];
		uint64_t prod;

		memcpy(&prod, data, sizeof(prod));
		data += 10;
		size -= 10;
		n = n < size ? n : size;
		n = n < RING - at ? n : RING - at;
		memcpy(pages + CAPRING_PAGE_SIZE + at, data, n);
		data += n;
		size -= n;
		r.shared->prod = prod;
		alive = drain(&r, buf);
	}
out:
	free(buf);
	free(pages);
	return 0;
}
