/* SPDX-License-Identifier: MIT */
/* Block devices for tests: a loop device over a file. Root only. */
#ifndef TANDEM_TESTS_LIB_LOOPDEV_H
#define TANDEM_TESTS_LIB_LOOPDEV_H

#include <stddef.h>
#include <stdint.h>

/*
 * A loop device of that logical block size over the file; its name in dev.
 * Returns a descriptor: the device goes when the last one of it is closed, so
 * also when the test dies. -errno: not possible here (-EPERM, -EACCES: not root).
 */
int loopdev_attach(const char *file, uint32_t block, char *dev, size_t size);
/* The file has another size now. */
int loopdev_resized(int fd);

#endif
