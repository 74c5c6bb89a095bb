/* SPDX-License-Identifier: MIT */
/* Keeps stderr in memory for a while. */
#include "tests/lib/heard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

int heard_begin(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC), keep = dup(STDERR_FILENO);

	assert_true(fd >= 0 && keep >= 0);
	dup2(fd, STDERR_FILENO);
	close(fd);
	return keep;
}

unsigned heard_end(int keep, char *text, size_t size)
{
	ssize_t n = pread(STDERR_FILENO, text, size - 1, 0);
	unsigned lines = 0;

	dup2(keep, STDERR_FILENO);
	close(keep);
	assert_true(n >= 0);
	text[n] = '\0';
	for (const char *s = text; (s = strchr(s, '\n')); s++)
		lines++;
	return lines;
}
