/* SPDX-License-Identifier: MIT */
/* A hostile overlay file: opened, read, written and flushed. */
#include <stdlib.h>
#include <unistd.h>

#include "backends/block/zimage/overlay.h"
#include "tests/lib/zbuild.h"

#define DISK (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct overlay *ov, uint8_t how)
{
	uint8_t buf[1024] = { 0 };
	struct iovec iov = { buf, sizeof(buf) };
	uint64_t off = 0, run;
	bool present;

	while (off < DISK) {
		run = overlay_run(ov, off, DISK - off, &present);
		if (!run || run % OVERLAY_SECTOR || run > DISK - off)
			abort();
		off += run;
	}
	off = (uint64_t)how % 126 * OVERLAY_SECTOR;
	if (how & 128)
		(void)overlay_discard(ov, off, sizeof(buf));
	else
		(void)overlay_write(ov, off, sizeof(buf), &iov, 1);
	if (overlay_run(ov, off, sizeof(buf), &present) != sizeof(buf) || !present)
		abort();
}

/* The first byte says what is done to it, the others are the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct overlay_base base = { .file_size = 1000, .size = DISK, .id = { 1 } };
	uint8_t boot[OVERLAY_BOOT_LEN] = { 1 };
	struct overlay *ov;
	char *why = NULL;
	int fd;

	if (!size)
		return 0;
	fd = zbuild_fd(data + 1, size - 1);
	/* The length that is right, so that more than the header is looked at. */
	if (size > 4096 && ftruncate(fd, 65536 + DISK))
		abort();
	if (overlay_open(fd, false, &base, boot, NULL, &ov, &why)) {
		close(fd);
		free(why);
		return 0;
	}
	use(ov, data[0]);
	(void)overlay_close(ov);
	return 0;
}
