/* SPDX-License-Identifier: MIT */
/* Signalling an eventfd without ever waiting for its other holders. */
#include "hv/base/evsignal.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SIGNALS 64 /* completions that wait to be thrown away */
#define TRIES	16

struct evsignal {
	aio_context_t aio;
	int idle; /* our own eventfd: a read of it ends at once */
};

struct evsignal *evsignal_new(void)
{
	struct evsignal *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->idle = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->idle < 0)
		goto free_signal;
	if (syscall(SYS_io_setup, SIGNALS, &s->aio) < 0)
		goto close_idle;
	/* before Linux 5.8 an eventfd knows neither of the two */
	evsignal_send(s, s->idle);
	if (!eventfd_take(s->idle))
		return s;
	/* cannot fail: made above */
	(void)syscall(SYS_io_destroy, s->aio);
close_idle:
	close(s->idle);
free_signal:
	free(s);
	return NULL;
}

void evsignal_free(struct evsignal *s)
{
	if (!s)
		return;
	/* cannot fail: made by evsignal_new() */
	(void)syscall(SYS_io_destroy, s->aio);
	close(s->idle);
	free(s);
}

/* All reads are complete when they are submitted: only their records wait. */
static void records_drop(struct evsignal *s)
{
	struct io_event events[SIGNALS];
	struct timespec now = { 0, 0 };

	/* cannot fail: the context is there */
	(void)syscall(SYS_io_getevents, s->aio, 0L, (long)SIGNALS, events, &now);
}

void evsignal_send(struct evsignal *s, int eventfd)
{
	uint64_t none;
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)s->idle,
		.aio_buf = (uintptr_t)&none,
		.aio_nbytes = sizeof(none),
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)eventfd,
	};
	struct iocb *list = &cb;

	for (int i = 0; i < TRIES; i++) {
		if (syscall(SYS_io_submit, s->aio, 1L, &list) == 1 || errno != EAGAIN)
			return;
		records_drop(s);
	}
}

int eventfd_take(int eventfd)
{
	uint64_t n;
	struct iovec iov = { .iov_base = &n, .iov_len = sizeof(n) };

	return preadv2(eventfd, &iov, 1, -1, RWF_NOWAIT) < 0 ? -errno : 0;
}
