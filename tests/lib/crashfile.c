/* SPDX-License-Identifier: MIT */
/* The recorder below an overlay, and what a crash leaves. */
#include "tests/lib/crashfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

uint64_t crashfile_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void record(struct crashfile *f, enum crashfile_kind kind, uint64_t off,
		   uint64_t len, const struct iovec *iov, int iovcnt)
{
	struct crashfile_op *op;
	size_t at = 0;

	pthread_mutex_lock(&f->lock);
	f->op = reallocarray(f->op, f->ops + 1, sizeof(*op));
	op = &f->op[f->ops++];
	*op = (struct crashfile_op){ kind, off, len, NULL };
	if (kind == CRASHFILE_WRITE)
		op->data = malloc(len);
	for (int i = 0; i < iovcnt; i++) {
		memcpy(op->data + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	pthread_mutex_unlock(&f->lock);
}

static int rec_write(void *ctx, int fd, const struct iovec *iov, int iovcnt, uint64_t off)
{
	uint64_t len = 0;

	for (int i = 0; i < iovcnt; i++)
		len += iov[i].iov_len;
	record(ctx, CRASHFILE_WRITE, off, len, iov, iovcnt);
	return pwritev(fd, iov, iovcnt, (off_t)off) == (ssize_t)len ? 0 : -EIO;
}

static int rec_sync(void *ctx, int fd)
{
	(void)fd;
	record(ctx, CRASHFILE_SYNC, 0, 0, NULL, 0);
	/* Others write meanwhile; what they write is not synced. */
	if (((struct crashfile *)ctx)->slow_sync)
		usleep(300);
	return 0;
}

static int rec_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[CRASHFILE_MAX];

	record(ctx, CRASHFILE_PUNCH, off, len, NULL, 0);
	return pwrite(fd, zeros, len, (off_t)off) == (ssize_t)len ? 0 : -EIO;
}

static int rec_resize(void *ctx, int fd, uint64_t size)
{
	record(ctx, CRASHFILE_RESIZE, size, 0, NULL, 0);
	return ftruncate(fd, (off_t)size) ? -errno : 0;
}

struct overlay_io crashfile_io(struct crashfile *f)
{
	return (struct overlay_io){ f, rec_write, rec_sync, rec_punch, rec_resize };
}

void crashfile_init(struct crashfile *f, const struct crashfile_image *start)
{
	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	f->start = *start;
	f->fd = memfd_create("overlay", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_int_equal(write(f->fd, start->bytes, start->size), (ssize_t)start->size);
}

static void forget(struct crashfile *f)
{
	for (size_t i = 0; i < f->ops; i++)
		free(f->op[i].data);
	f->ops = 0;
}

void crashfile_exit(struct crashfile *f)
{
	forget(f);
	free(f->op);
	pthread_mutex_destroy(&f->lock);
}

size_t crashfile_position(struct crashfile *f)
{
	size_t n;

	pthread_mutex_lock(&f->lock);
	n = f->ops;
	pthread_mutex_unlock(&f->lock);
	return n;
}

/* ------------------------------------------------------------------- crash */

static void apply(struct crashfile_image *img, const struct crashfile_op *op, bool torn,
		  uint64_t *random)
{
	if (op->kind == CRASHFILE_RESIZE) {
		if (torn && crashfile_random(random) % 2)
			return;
		if (op->off < img->size)
			memset(img->bytes + op->off, 0, img->size - op->off);
		img->size = op->off;
		return;
	}
	for (uint64_t at = op->off;
	     op->kind != CRASHFILE_SYNC && at < op->off + op->len;) {
		uint64_t n = CRASHFILE_UNIT - at % CRASHFILE_UNIT;

		if (n > op->off + op->len - at)
			n = op->off + op->len - at;
		if (!torn || crashfile_random(random) % 2) {
			if (op->kind == CRASHFILE_WRITE)
				memcpy(img->bytes + at, op->data + (at - op->off), n);
			else
				memset(img->bytes + at, 0, n);
			if (op->kind == CRASHFILE_WRITE && at + n > img->size)
				img->size = at + n;
		}
		at += n;
	}
}

void crashfile_crash(const struct crashfile *f, size_t n, bool power,
		     struct crashfile_image *img, uint64_t *random)
{
	size_t synced = 0;

	*img = f->start;
	for (size_t i = 0; i < n; i++)
		if (f->op[i].kind == CRASHFILE_SYNC)
			synced = i;
	for (size_t i = 0; i < n; i++)
		apply(img, &f->op[i], power && i >= synced, random);
}

void crashfile_restart(struct crashfile *f)
{
	for (size_t i = 0; i < f->ops; i++)
		apply(&f->start, &f->op[i], false, NULL);
	forget(f);
}
