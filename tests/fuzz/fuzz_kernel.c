/* SPDX-License-Identifier: MIT */
/* Hostile kernels: ELF, bzImage, and each packer by itself. */
#include <stdlib.h>
#include <string.h>

#include "hv/kvm/image.h"

#define RAM (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a loader accepts is true: the entry lies in what was loaded, and that in RAM. */
static void check(const struct gmem *m, const struct kernel *k)
{
	if (k->start > k->entry || k->end <= k->entry || !gmem_ptr_ro(m, k->start, 1) ||
	    !gmem_ptr_ro(m, k->end - 1, 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gmem mem;
	static uint8_t out[1u << 20];
	const char *why = NULL;
	struct image img = { .fd = -1, .size = size };
	struct kernel k;
	int err;

	if (!mem.n && gmem_init(&mem, RAM, false, NULL, NULL))
		abort();
	if (!size)
		return 0;
	img.mem = malloc(size);
	if (!img.mem)
		abort();
	memcpy(img.mem, data, size);
	err = kernel_load(&mem, &img, &k, &why);
	if (!err)
		check(&mem, &k);
	else if (!why || !*why)
		abort();
	if (unpack(img.mem, size, out, sizeof(out)) > (int64_t)sizeof(out))
		abort();
	free(img.mem);
	return 0;
}
