/* SPDX-License-Identifier: MIT */
/* The mapping, and its guard: a fault within it ends the copy, not the process. */
#include "backends/block/rawmap.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* Set while this thread copies out of a mapping. */
static _Thread_local const struct rawmap *volatile guarded;
static _Thread_local sigjmp_buf guard;

static void rawmap_fault(int sig, siginfo_t *info, void *context)
{
	const struct rawmap *m = guarded;
	const ucontext_t *interrupted = context;

	if (m && (uintptr_t)info->si_addr - (uintptr_t)m->mem < m->len) {
		/* the jump leaves the handler without the kernel's return */
		pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL);
		siglongjmp(guard, 1);
	}
	/* not ours: the same instruction again, without us */
	signal(sig, SIG_DFL);
}

static void rawmap_catch(void)
{
	struct sigaction sa = { .sa_sigaction = rawmap_fault, .sa_flags = SA_SIGINFO };

	/* cannot fail: the signal exists */
	(void)sigaction(SIGBUS, &sa, NULL);
}

void rawmap_open(struct rawmap *m, int fd, uint64_t size)
{
	void *mem;

	*m = (struct rawmap){ 0 };
	if (!size || lseek(fd, 0, SEEK_HOLE) < (off_t)size)
		return;
	mem = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return;
	rawmap_catch();
	m->mem = mem;
	m->len = size;
}

void rawmap_close(struct rawmap *m)
{
	if (m->mem)
		munmap((void *)m->mem, m->len);
	m->mem = NULL;
}

void rawmap_stop(struct rawmap *m)
{
	__atomic_store_n(&m->stopped, true, __ATOMIC_RELAXED);
}

static bool rawmap_has(const struct rawmap *m, uint64_t offset, uint64_t len)
{
	return m->mem && offset <= m->len && len <= m->len - offset &&
	       !__atomic_load_n(&m->stopped, __ATOMIC_RELAXED);
}

bool rawmap_read(const struct rawmap *m, uint64_t offset, uint64_t len,
		 const struct iovec *iov, unsigned iovcnt)
{
	const uint8_t *p;

	if (!rawmap_has(m, offset, len))
		return false;
	if (sigsetjmp(guard, 0)) {
		guarded = NULL;
		return false;
	}
	guarded = m;
	p = m->mem + offset;
	for (unsigned i = 0; i < iovcnt; p += iov[i++].iov_len)
		memcpy(iov[i].iov_base, p, iov[i].iov_len);
	guarded = NULL;
	return true;
}
