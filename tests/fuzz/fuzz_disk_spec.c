/* SPDX-License-Identifier: MIT */
/*
 * Disk strings from anywhere. Besides what the sanitizers see: an error has
 * one printable line and leaves nothing behind, and what is accepted can be
 * written to xenstore.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tools/disk_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_clean(const char *s)
{
	for (; s && *s; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_accepted(const struct disk_spec *d)
{
	must(d->vdev && *d->vdev && d->devid <= INT32_MAX);
	if (d->format == DISK_FORMAT_EMPTY) {
		must(!d->driver && d->cdrom);
		return;
	}
	must(d->driver && d->target && *d->target);
	must(strlen(d->target) <= DISK_SPEC_MAX + 5);
	must(d->sector_size == 0 || d->sector_size == 512 || d->sector_size == 4096);
	must(d->format == DISK_FORMAT_RAW || d->format == DISK_FORMAT_ZSTD);
	must(!d->cdrom || !d->readwrite);
	check_clean(d->target);
	check_clean(d->vdev);
	check_clean(d->backend);
	check_clean(d->options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *why;
	struct disk_spec d;
	const char *strings[2];
	int err, n = 1;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	strings[0] = strings[1] = text;
	if (strlen(text) < size) { /* a NUL separates two parts of one disk */
		strings[1] = text + strlen(text) + 1;
		n = 2;
	}
	err = disk_spec_parse(n, strings, &d, &why);
	if (err) {
		must(err == -EINVAL || err == -ENOTSUP);
		must(why && *why && !d.target && !d.vdev && !d.options);
		check_clean(why);
	} else {
		must(!why);
		check_accepted(&d);
		disk_spec_clear(&d);
	}
	free(why);
	free(text);
	return 0;
}
