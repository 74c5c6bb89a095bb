/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a blkif ring against a peer that writes whatever it likes into
 * the shared page. The first byte chooses ABI and end; the rest is a program
 * of page writes and calls. Checked: counts stay within the ring, a broken
 * ring stays broken, no access leaves the page (ASan: the page is exact).
 */
#include <stdint.h>
#include <stdlib.h>

#include "ringproto/blkif.h"
#include "tests/fuzz/input.h"

static void write_page(struct input *in, uint8_t *page)
{
	uint32_t at = input_u32(in) % RING_PAGE_SIZE;
	uint8_t n = input_u8(in);

	while (n-- && in->left && at < RING_PAGE_SIZE)
		page[at++] = input_u8(in);
}

static void run_back(struct input *in, uint8_t *page, enum blkif_abi abi)
{
	struct blkif_req req;
	struct ring_back b;
	unsigned owed = 0;
	int n, was_broken = 0;

	if (ring_back_init(&b, page, RING_PAGE_SIZE, blkif_slot_size(abi)) < 0)
		return;
	while (in->left) {
		switch (input_u8(in) % 5) {
		case 0:
			write_page(in, page);
			break;
		case 1: /* a producer near the truth */
			atomic_store(&b.r.shared->req_prod,
				     b.req_cons + input_u8(in) - 64u);
			break;
		case 2:
			n = input_u8(in) & 1 ? ring_back_arm(&b) : ring_back_avail(&b);
			must(n == -EPROTO || (n >= 0 && (uint32_t)n <= b.r.mask + 1));
			must(!was_broken || n == -EPROTO);
			was_broken = n < 0;
			for (; n > 0; n--, owed++)
				blkif_copy_request(&b, abi, &req);
			must(owed <= b.r.mask + 1);
			break;
		case 3:
			if (!owed)
				break;
			blkif_put_response(&b, abi, input_u32(in), input_u8(in), -1);
			owed--;
			break;
		default:
			(void)ring_back_push(&b);
		}
	}
}

static void run_front(struct input *in, uint8_t *page, enum blkif_abi abi)
{
	struct blkif_req req = { .operation = BLKIF_OP_READ };
	struct blkif_response rsp;
	struct ring_front f;
	int n, was_broken = 0;

	ring_front_init(&f, page, RING_PAGE_SIZE, blkif_slot_size(abi));
	while (in->left) {
		switch (input_u8(in) % 5) {
		case 0:
			write_page(in, page);
			break;
		case 1:
			atomic_store(&f.r.shared->rsp_prod,
				     f.rsp_cons + input_u8(in) - 64u);
			break;
		case 2:
			n = input_u8(in) & 1 ? ring_front_arm(&f) : ring_front_avail(&f);
			must(n == -EPROTO || n >= 0);
			must(n < 0 || (uint32_t)n <= f.req_prod_pub - f.rsp_cons);
			must(!was_broken || n == -EPROTO);
			was_broken = n < 0;
			for (; n > 0; n--)
				blkif_copy_response(&f, &rsp);
			break;
		case 3:
			must(ring_front_free(&f) <= f.r.mask + 1);
			if (!ring_front_free(&f))
				break;
			req.operation = input_u8(in);
			req.nr_segments = input_u8(in);
			blkif_put_request(&f, abi, &req);
			break;
		default:
			(void)ring_front_push(&f);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = input_u8(&in);
	enum blkif_abi abi = how & 1 ? BLKIF_ABI_X86_32 : BLKIF_ABI_X86_64;
	uint8_t *page = aligned_alloc(64, RING_PAGE_SIZE);

	if (!page)
		return 0;
	memset(page, how & 4 ? 0xaa : 0, RING_PAGE_SIZE);
	if (how & 2)
		run_front(&in, page, abi);
	else
		run_back(&in, page, abi);
	free(page);
	return 0;
}
