/* SPDX-License-Identifier: MIT */
/* Log files with a size and a rate. */
#include "tools/bounded_log.h"
#include "hv/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/statedir.h"

#define BURST_SECONDS 4

static int file_open(struct bounded_log *l)
{
	struct stat st;

	l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
		     0600);
	if (l->fd < 0)
		return -errno;
	l->size = fstat(l->fd, &st) ? 0 : (size_t)st.st_size;
	return 0;
}

int bounded_log_open(struct bounded_log *l, const char *name, const char *suffix,
		     size_t max, uint64_t rate)
{
	char file[128];
	int err = statedir_path(l->path, sizeof(l->path), "log");

	if (err)
		return err;
	if (mkdir(l->path, 0700) && errno != EEXIST)
		return -errno;
	snprintf(file, sizeof(file), "log/%s%s", name, suffix);
	err = statedir_path(l->path, sizeof(l->path), file);
	l->max = max;
	l->rate = rate;
	l->burst = l->tokens = rate * BURST_SECONDS;
	l->at_ns = clock_ns();
	return err ? err : file_open(l);
}

size_t bounded_log_allowance(struct bounded_log *l, size_t n)
{
	uint64_t now = clock_ns(), ms = (now - l->at_ns) / 1000000;

	if (ms) {
		/* an hour is long enough to fill it */
		l->tokens += (ms < 3600000 ? ms : 3600000) * l->rate / 1000;
		l->at_ns += ms * 1000000;
	}
	if (l->tokens > l->burst)
		l->tokens = l->burst;
	return n < l->tokens ? n : (size_t)l->tokens;
}

static void rotate(struct bounded_log *l)
{
	char old[PATH_MAX + 2];

	snprintf(old, sizeof(old), "%s.1", l->path);
	/* cannot fail in a way that could be mended: then the file is begun anew */
	if (rename(l->path, old) && unlink(l->path))
		return;
	bounded_log_close(l);
	(void)file_open(l);
}

void bounded_log_write(struct bounded_log *l, const char *s, size_t n)
{
	l->tokens -= n < l->tokens ? n : l->tokens;
	if (l->fd >= 0 && l->size + n > l->max && l->size)
		rotate(l);
	while (l->fd >= 0 && n) {
		ssize_t done = write(l->fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		s += done;
		n -= (size_t)done;
		l->size += (size_t)done;
	}
}

void bounded_log_close(struct bounded_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
