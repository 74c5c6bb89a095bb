/* SPDX-License-Identifier: MIT */
/* Output files that appear only when they are complete, and the progress bar. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/block/zimage/syncdir.h"
#include "hv/base/cleanup.h"
#include "hv/base/clock.h"
#include "tools/image_int.h"

static void take_mode(int fd, int like)
{
	struct stat st;
	mode_t mask;

	if (like < 0 || fstat(like, &st) < 0) {
		mask = umask(0);
		umask(mask);
		(void)fchmod(fd, 0666 & ~mask);
		return;
	}
	/* as far as we may: a user keeps his own files */
	(void)!fchown(fd, st.st_uid, st.st_gid);
	(void)fchmod(fd, st.st_mode & 07777);
}

int output_open(struct output *out, const char *path, bool force, int like)
{
	struct stat st;

	*out = (struct output){ .path = path, .fd = -1 };
	if (lstat(path, &st) == 0) {
		if (!force)
			return image_fail(path, "exists already (--force replaces it)");
		if (!S_ISREG(st.st_mode))
			return image_fail(path, "not a regular file");
	}
	if (asprintf(&out->temp, "%s.tmp-XXXXXX", path) < 0) {
		out->temp = NULL;
		return image_fail(path, "out of memory");
	}
	out->fd = mkostemp(out->temp, O_CLOEXEC);
	if (out->fd < 0) {
		int err = errno;

		free(out->temp);
		out->temp = NULL;
		return image_fail(path, "cannot create: %s", strerror(err));
	}
	take_mode(out->fd, like);
	return 0;
}

int output_commit(struct output *out, bool force)
{
	int err = 0;

	if (fsync(out->fd) < 0)
		err = errno;
	else if (image_signal)
		err = EINTR;
	else if (renameat2(AT_FDCWD, out->temp, AT_FDCWD, out->path,
			   force ? 0 : RENAME_NOREPLACE) < 0)
		err = errno;
	if (err) {
		output_drop(out);
		return image_fail(out->path, "%s", strerror(err));
	}
	free(out->temp);
	out->temp = NULL;
	close(out->fd);
	out->fd = -1;
	err = syncdir_of(out->path);
	return err ? image_fail(out->path, "%s", strerror(-err)) : 0;
}

void output_drop(struct output *out)
{
	if (out->temp)
		unlink(out->temp);
	free(out->temp);
	out->temp = NULL;
	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
}

void progress_begin(struct progress *p, const char *what, uint64_t total, bool force)
{
	*p = (struct progress){ .what = what, .total = total, .permille = -1 };
	p->shown = force || isatty(STDERR_FILENO);
	p->begun = clock_ns();
}

#define BAR_LEN	     30
#define BAR_EVERY_NS 100000000u

void progress_show(struct progress *p, uint64_t done)
{
	static const char bar[BAR_LEN + 1] = "##############################";
	int permille = p->total ? (int)((double)done / (double)p->total * 1000) : 1000;
	uint64_t now;
	char rate[32];

	if (!p->shown || permille == p->permille)
		return;
	now = clock_ns();
	if (permille < 1000 && now - p->last < BAR_EVERY_NS)
		return;
	p->last = now;
	p->permille = permille;
	fprintf(stderr, "\r%s [%-*.*s] %3d.%d %% %s/s ", p->what, BAR_LEN,
		permille * BAR_LEN / 1000, bar, permille / 10, permille % 10,
		image_human((uint64_t)((double)done * 1e9 / (double)(now - p->begun + 1)),
			    rate, sizeof(rate)));
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputc('\n', stderr);
	p->shown = false;
}
