/* SPDX-License-Identifier: MIT */
/*
 * Device numbers of virtual devices (xen-vbd-interface(7)): 202 << 8 for the
 * first 16 xvd disks, 1 << 28 for the others, and the numbers of Linux's IDE
 * and SCSI disks; and of its floppies, which are emulated only.
 */
#include "tools/disk_spec.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

struct vdev_class {
	const char *prefix;
	uint32_t max_disk, max_part;
};

/* Decimal without sign and leading zeros, at most `max`. Moves *p behind it. */
static int take_number(const char **p, uint32_t max, uint32_t *value)
{
	const char *s = *p;
	uint64_t v = 0;

	if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > max)
			return -EINVAL;
	}
	*p = s;
	*value = (uint32_t)v;
	return 0;
}

static int take_letters(const char **p, uint32_t max, uint32_t *disk)
{
	const char *s = *p;
	uint64_t v = 0;

	if (*s < 'a' || *s > 'z')
		return -EINVAL;
	/* "z" is followed by "aa": base 26 without a zero digit */
	for (; *s >= 'a' && *s <= 'z'; s++) {
		v = v * 26 + (uint64_t)(*s - 'a') + 1;
		if (v - 1 > max)
			return -EINVAL;
	}
	*p = s;
	*disk = (uint32_t)(v - 1);
	return 0;
}

/* "xvdb3": class letters partition. */
static int parse_letters(const char *s, const struct vdev_class *c, uint32_t *disk,
			 uint32_t *part)
{
	size_t len = strlen(c->prefix);
	int err;

	if (strncmp(s, c->prefix, len))
		return -EINVAL;
	s += len;
	err = take_letters(&s, c->max_disk, disk);
	*part = 0;
	if (!err && *s)
		err = *s == '0' ? -EINVAL : take_number(&s, c->max_part, part);
	return err || *s ? -EINVAL : 0;
}

/* "d5p1" */
static int parse_dp(const char *s, uint32_t *disk, uint32_t *part)
{
	if (*s++ != 'd' || take_number(&s, (1u << 20) - 1, disk) || *s++ != 'p' ||
	    take_number(&s, 255, part))
		return -EINVAL;
	return *s ? -EINVAL : 0;
}

static int parse_hex(const char *s, uint32_t *devid)
{
	uint64_t v = 0;

	if (s[0] != '0' || (s[1] != 'x' && s[1] != 'X') || !s[2])
		return -EINVAL;
	for (s += 2; *s; s++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = strchr(digits, *s >= 'A' && *s <= 'F' ? *s | 0x20 : *s);

		if (!d)
			return -EINVAL;
		v = v * 16 + (uint64_t)(d - digits);
		if (v > INT_MAX)
			return -EINVAL;
	}
	*devid = (uint32_t)v;
	return 0;
}

int disk_vdev_parse(const char *vdev, uint32_t *devid)
{
	static const struct vdev_class xvd = { "xvd", (1u << 20) - 1, 255 };
	static const struct vdev_class hd = { "hd", 3, 63 };
	static const struct vdev_class fd = { "fd", 1, 0 };
	static const struct vdev_class sd = { "sd", 15, 15 };
	const char *end = vdev;
	uint32_t disk, part;

	if (!parse_letters(vdev, &xvd, &disk, &part) || !parse_dp(vdev, &disk, &part)) {
		*devid = disk <= 15 && part <= 15 ? 202u << 8 | disk << 4 | part
						  : 1u << 28 | disk << 8 | part;
		return 0;
	}
	if (!parse_letters(vdev, &hd, &disk, &part)) {
		*devid = (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | part;
		return 0;
	}
	if (!parse_letters(vdev, &fd, &disk, &part) && !part) {
		*devid = 2u << 8 | disk;
		return 0;
	}
	if (!parse_letters(vdev, &sd, &disk, &part)) {
		*devid = 8u << 8 | disk << 4 | part;
		return 0;
	}
	if (!take_number(&end, INT_MAX, devid) && !*end)
		return 0;
	return parse_hex(vdev, devid);
}

#define XVD_MAJOR 202u
#define IDE0	  3u
#define IDE1	  22u
#define FD_MAJOR  2u

unsigned disk_drive(uint32_t devid)
{
	const uint32_t major = devid >> 8, minor = devid & 0xff;

	if (major == FD_MAJOR && minor < 2)
		return DISK_DRIVE_FLOPPY + minor;
	if ((major == IDE0 || major == IDE1) && minor % 64 == 0 && minor < 128)
		return (major == IDE1 ? 2 : 0) + minor / 64;
	if (major == XVD_MAJOR && minor % 16 == 0 && minor < 64)
		return minor / 16;
	return DISK_DRIVE_NONE;
}
