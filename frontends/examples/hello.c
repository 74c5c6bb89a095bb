/* SPDX-License-Identifier: MIT */
/* Writes a greeting to a disk's first sector and reads it back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tandem.h>

int main(int argc, char **argv)
{
	struct tandem_info info;
	struct tandem_disk *disk;
	char *why, *buf;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DOMAIN/VDEV\n", argv[0]);
		return 2;
	}
	err = tandem_open(argv[1], NULL, &disk, &why);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[0], why);
		free(why);
		return 2;
	}
	tandem_get_info(disk, &info);
	printf("%llu bytes, %u-byte sectors\n", (unsigned long long)info.size,
	       info.sector_size);

	buf = tandem_alloc(disk, info.sector_size);
	strcpy(buf, "hello, disk");
	err = tandem_pwrite(disk, buf, info.sector_size, 0);
	if (!err && info.flush)
		err = tandem_flush(disk);
	memset(buf, 0, info.sector_size);
	if (!err)
		err = tandem_pread(disk, buf, info.sector_size, 0);
	if (err)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(-err));
	else
		puts(buf);
	tandem_free(disk, buf);
	tandem_close(disk);
	return err ? 1 : 0;
}
