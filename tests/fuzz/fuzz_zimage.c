/* SPDX-License-Identifier: MIT */
/* A hostile compressed image: opened, and all of it read. */
#include <stdlib.h>
#include <unistd.h>

#include "backends/block/zimage/zimage.h"
#include "tests/lib/zbuild.h"

/* So much of one input is decompressed: a few bytes can ask for gigabytes. */
#define READ_MAX (UINT64_C(8) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = zbuild_fd(data, size);
	struct zdec *dec = zdec_new();
	uint64_t read = 0;
	struct zimage z;
	char *why = NULL;

	if (zimage_open(fd, &z, &why)) {
		close(fd);
		free(why);
		zdec_free(dec);
		return 0;
	}
	for (uint32_t i = 0; i < z.table.frames && read < READ_MAX; i++) {
		struct seekframe f = seektable_frame(&z.table, i);
		uint8_t *out = malloc(f.len ? f.len : 1);

		if (f.len && (seektable_find(&z.table, f.off) != i ||
			      seektable_find(&z.table, f.off + f.len - 1) != i))
			abort();
		if (out)
			(void)zdec_frame(dec, &z, i, out);
		read += f.len;
		free(out);
	}
	zdec_free(dec);
	zimage_close(&z);
	return 0;
}
