/* SPDX-License-Identifier: MIT */
/* Loop devices by the kernel's own ioctls. */
#include "tests/lib/loopdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "hv/base/cleanup.h"

#define TRIES 50 /* others take free devices, too */

static int loopdev_try(int control, int file, uint32_t block, char *dev, size_t size)
{
	struct loop_config cfg = { .fd = (__u32)file,
				   .block_size = block,
				   .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int n = ioctl(control, LOOP_CTL_GET_FREE), fd;

	if (n < 0)
		return -errno;
	snprintf(dev, size, "/dev/loop%d", n);
	fd = open(dev, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!ioctl(fd, LOOP_CONFIGURE, &cfg))
		return fd;
	n = -errno;
	close(fd);
	return n;
}

int loopdev_attach(const char *path, uint32_t block, char *dev, size_t size)
{
	cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	cleanup_close int file = -1;
	int fd;

	if (control < 0)
		return -errno;
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return -errno;
	for (int i = 0; i < TRIES; i++) {
		fd = loopdev_try(control, file, block, dev, size);
		if (fd != -EBUSY)
			break;
	}
	return fd;
}

int loopdev_resized(int fd)
{
	return ioctl(fd, LOOP_SET_CAPACITY) < 0 ? -errno : 0;
}
