/* SPDX-License-Identifier: MIT */
/* Virtual disk names to device numbers, as Xen's vbd-interface(7) lays down. */
#include "frontends/vdev.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/base/num.h"

#define XVD_MAJOR	202
#define SD_MAJOR	8
#define VDEV_EXT	(1u << 28) /* disk << 8 | partition */
#define VDEV_DISKS_MAX	(1u << 20)
#define XVD_PARTS_SHORT 16

static int vdev_number(const char *kind, uint32_t disk, uint32_t part, uint32_t *devid)
{
	if (!strcmp(kind, "xvd")) {
		if (part > 255)
			return -EINVAL;
		if (disk < 16 && part < XVD_PARTS_SHORT)
			*devid = XVD_MAJOR << 8 | disk << 4 | part;
		else
			*devid = VDEV_EXT | disk << 8 | part;
		return 0;
	}
	if (!strcmp(kind, "sd") && disk < 16 && part < 16) {
		*devid = SD_MAJOR << 8 | disk << 4 | part;
		return 0;
	}
	if (!strcmp(kind, "hd") && disk < 4 && part < 64) {
		*devid = (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | part;
		return 0;
	}
	return -EINVAL;
}

int vdev_parse(const char *name, uint32_t *devid)
{
	static const char *const kinds[] = { "xvd", "sd", "hd" };
	uint64_t num = 0;
	uint32_t disk = 0;
	const char *p;

	if (*name >= '0' && *name <= '9') {
		if (num_parse_u64(name, UINT32_MAX, &num))
			return -EINVAL;
		*devid = (uint32_t)num;
		return 0;
	}
	for (unsigned i = 0; i < 3; i++) {
		p = name + strlen(kinds[i]);
		if (strncmp(name, kinds[i], strlen(kinds[i])) || *p < 'a' || *p > 'z')
			continue;
		for (; *p >= 'a' && *p <= 'z' && disk < VDEV_DISKS_MAX / 32; p++)
			disk = disk * 26 + (uint32_t)(*p - 'a') + 1;
		if (*p && (*p == '0' || num_parse_u64(p, 255, &num)))
			return -EINVAL;
		return vdev_number(kinds[i], disk - 1, (uint32_t)num, devid);
	}
	return -EINVAL;
}

void vdev_name(uint32_t devid, char name[VDEV_NAME_MAX])
{
	uint32_t disk, part;
	char letters[8];
	int n = sizeof(letters) - 1;

	if (devid & VDEV_EXT) {
		disk = (devid & ~VDEV_EXT) >> 8;
		part = devid & 255;
	} else {
		disk = devid >> 4 & 15;
		part = devid & 15;
	}
	if ((!(devid & VDEV_EXT) && devid >> 8 != XVD_MAJOR) || disk >= VDEV_DISKS_MAX) {
		snprintf(name, VDEV_NAME_MAX, "%u", devid);
		return;
	}
	letters[n] = '\0';
	for (disk++; disk; disk = (disk - 1) / 26)
		letters[--n] = (char)('a' + (disk - 1) % 26);
	n = snprintf(name, VDEV_NAME_MAX, "xvd%s", letters + n);
	if (part)
		snprintf(name + n, VDEV_NAME_MAX - (size_t)n, "%u", part);
}
