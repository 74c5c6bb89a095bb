/* SPDX-License-Identifier: MIT */
/*
 * A backend that tries to reach what was not granted to it, with the very
 * descriptors that the hypervisor hands out: beyond its arena, into another
 * domain's, into a read-only one. It is a process of its own; where it dies of a
 * signal, that is what it should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/proc/hvclient.h"
#include "tests/lib/hvd.h"

#define PAGES 3u

struct hostile {
	struct hvd_pair *pair;
	struct gnttab_arena *rw, *ro, *others;
	uint32_t domid, id; /* the arena that the child maps */
	int fds[HVCALL_MAX_FDS], nfds;
	uint32_t total;
};

static int setup(void **state)
{
	struct hostile *h = calloc(1, sizeof(*h));

	*state = h;
	if (!h || hvd_pair_new(NULL, &h->pair))
		return -1;
	return gnttab_arena_new(h->pair->front, h->pair->back_id, PAGES, false, &h->rw) ||
	       gnttab_arena_new(h->pair->front, h->pair->back_id, PAGES, true, &h->ro) ||
	       gnttab_arena_new(h->pair->front, 0, PAGES, false, &h->others);
}

static int teardown(void **state)
{
	struct hostile *h = *state;
	int err = hvd_pair_free(h->pair);

	free(h);
	return err;
}

/* HVCALL_ARENA_MAP by hand, as the backend's domain. */
static int map_arena(struct hostile *h, const struct gnttab_arena *a)
{
	struct hvcall call = {
		.op = HVCALL_ARENA_MAP,
		.domid = h->pair->front_id,
		.id = gref_arena(a->refs[0]),
	};
	int conn = hvd_connect_as(h->pair->back_id), err;
	struct hvreply reply;

	if (conn < 0)
		return conn;
	err = hvclient_call(conn, &call, &reply, h->fds, &h->nfds);
	h->total = reply.value;
	return err;
}

/* Runs try() in a process of its own: its exit status, or minus the signal. */
static int child(struct hostile *h, int (*try)(struct hostile *))
{
	const struct rlimit none = { 0, 0 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		for (int s = 1; s < 32; s++)
			signal(s, SIG_DFL);
		_exit(try(h));
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Exit statuses of a child. */
enum { REFUSED = 0, REACHED = 1, BROKEN = 99 };

static int refused(long ret)
{
	return ret < 0 ? REFUSED : REACHED;
}

static int touch_beyond(struct hostile *h)
{
	size_t len = (size_t)(h->total + 1) * PLAT_PAGE_SIZE;
	volatile char *p = MAP_FAILED;

	if (!map_arena(h, h->rw))
		p = mmap(NULL, len + (1 << 20), PROT_READ | PROT_WRITE, MAP_SHARED,
			 h->fds[0], 0);
	if (p == MAP_FAILED)
		return BROKEN;
	p[(size_t)h->total * PLAT_PAGE_SIZE - 1] = 1; /* its own last byte */
	p = p + (size_t)h->total * PLAT_PAGE_SIZE;    /* the first one beyond */
	*p = 1;
	return REACHED;
}

static int grow(struct hostile *h)
{
	off_t size = (off_t)(PAGES + 100) * PLAT_PAGE_SIZE;

	if (map_arena(h, h->rw))
		return BROKEN;
	return refused(ftruncate(h->fds[0], size)) |
	       refused(fallocate(h->fds[0], 0, 0, size)) |
	       refused(pwrite(h->fds[0], "x", 1, size));
}

static int shrink(struct hostile *h)
{
	if (map_arena(h, h->rw))
		return BROKEN;
	return refused(ftruncate(h->fds[0], 0)) |
	       refused(ftruncate(h->fds[0], PLAT_PAGE_SIZE));
}

/* Seals of its own would take the granter's rights away. */
static int add_seals(struct hostile *h)
{
	if (map_arena(h, h->rw))
		return BROKEN;
	return refused(fcntl(h->fds[0], F_ADD_SEALS, F_SEAL_WRITE)) |
	       refused(fcntl(h->fds[0], F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
}

static int run_it(struct hostile *h)
{
	char path[64];

	if (map_arena(h, h->rw))
		return BROKEN;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", h->fds[0]);
	return refused(execl(path, path, (char *)NULL));
}

static int map_others(struct hostile *h)
{
	return map_arena(h, h->others) == -EACCES && !h->nfds ? REFUSED : REACHED;
}

/* Every arena id there is, of every domain there may be. */
static int map_any(struct hostile *h)
{
	int conn = hvd_connect_as(h->pair->back_id), got = 0;

	if (conn < 0)
		return BROKEN;
	for (uint32_t d = 0; d < 4; d++)
		for (uint32_t id = 0; id < GREF_ARENAS + 8; id++)
			got += !hvd_call(conn, HVCALL_ARENA_MAP, d, id);
	return got == 2 ? REFUSED : REACHED;
}

static int ro_mmap(struct hostile *h)
{
	size_t len = (size_t)PAGES * PLAT_PAGE_SIZE;
	void *p;

	if (map_arena(h, h->ro) || h->nfds != 2)
		return BROKEN;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, h->fds[0], 0);
	return p == MAP_FAILED ? REFUSED : REACHED;
}

static int ro_mprotect(struct hostile *h)
{
	size_t len = (size_t)PAGES * PLAT_PAGE_SIZE;
	void *p = MAP_FAILED;

	if (!map_arena(h, h->ro))
		p = mmap(NULL, len, PROT_READ, MAP_SHARED, h->fds[0], 0);
	if (p == MAP_FAILED)
		return BROKEN;
	return refused(mprotect(p, len, PROT_READ | PROT_WRITE));
}

static int ro_poke(struct hostile *h)
{
	volatile char *p = MAP_FAILED;

	if (!map_arena(h, h->ro))
		p = mmap(NULL, PLAT_PAGE_SIZE, PROT_READ, MAP_SHARED, h->fds[0],
			 PLAT_PAGE_SIZE);
	if (p == MAP_FAILED)
		return BROKEN;
	*p = 1;
	return REACHED;
}

static int write_all_ways(int fd)
{
	size_t len = (size_t)PAGES * PLAT_PAGE_SIZE;
	void *p = mmap(NULL, len, PROT_WRITE, MAP_SHARED, fd, 0);

	return refused(p == MAP_FAILED ? -1 : 0) |
	       refused(pwrite(fd, "x", 1, PLAT_PAGE_SIZE)) | refused(write(fd, "x", 1)) |
	       refused(ftruncate(fd, 0)) |
	       refused(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				 (off_t)len)) |
	       refused(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, (off_t)len));
}

static int ro_write(struct hostile *h)
{
	return map_arena(h, h->ro) ? BROKEN : write_all_ways(h->fds[0]);
}

static int ro_reopen(struct hostile *h)
{
	char path[64];
	int fd;

	if (map_arena(h, h->ro))
		return BROKEN;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", h->fds[0]);
	fd = open(path, O_RDWR);
	return fd < 0 ? REFUSED : write_all_ways(fd);
}

static int ro_unseal(struct hostile *h)
{
	int seals;

	if (map_arena(h, h->ro))
		return BROKEN;
	seals = fcntl(h->fds[0], F_GET_SEALS);
	return seals & F_SEAL_FUTURE_WRITE && seals & F_SEAL_SEAL &&
			       seals & F_SEAL_GROW && seals & F_SEAL_SHRINK
		       ? refused(fcntl(h->fds[0], F_ADD_SEALS, F_SEAL_WRITE))
		       : REACHED;
}

static void test_refused(void **state)
{
	static const struct {
		const char *name;
		int (*fn)(struct hostile *);
		int want;
	} tries[] = {
#define T(f, w) { #f, f, w }
		T(touch_beyond, -SIGBUS), T(grow, REFUSED),	T(shrink, REFUSED),
		T(add_seals, REFUSED),	  T(run_it, REFUSED),	T(map_others, REFUSED),
		T(map_any, REFUSED),	  T(ro_mmap, REFUSED),	T(ro_mprotect, REFUSED),
		T(ro_poke, -SIGSEGV),	  T(ro_write, REFUSED), T(ro_reopen, REFUSED),
		T(ro_unseal, REFUSED),
#undef T
	};
	struct hostile *h = *state;

	memset(h->ro->pages, 'r', PAGES * PLAT_PAGE_SIZE);
	memset(h->others->pages, 'o', PAGES * PLAT_PAGE_SIZE);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		int got = child(h, tries[i].fn);

		if (got != tries[i].want)
			print_error("%s: %d\n", tries[i].name, got);
		assert_int_equal(got, tries[i].want);
	}
	for (size_t i = 0; i < PAGES * PLAT_PAGE_SIZE; i++) {
		assert_int_equal(h->ro->pages[i], 'r');
		assert_int_equal(h->others->pages[i], 'o');
	}
	/* and the granter goes on using all three */
	h->rw->pages[PAGES * PLAT_PAGE_SIZE - 1] = 1;
}

/* The entries are what a peer may write; that frees no page that is in use, moves
 * nothing of the granter's, and stops no teardown. */
static void test_entries_scribbled(void **state)
{
	struct hostile *h = *state;
	uint8_t *p;

	assert_int_equal(map_arena(h, h->rw), 0);
	p = mmap(NULL, PLAT_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, h->fds[0], 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	memset(h->rw->pages, 'w', PAGES * PLAT_PAGE_SIZE);
	memset(p, 0xff, PLAT_PAGE_SIZE);
	for (uint32_t i = 0; i < PAGES; i++) {
		assert_int_equal(gnttab_end_access(h->rw, i), -EBUSY);
		assert_int_equal(gnttab_grant(h->rw, i), 0);
		assert_int_equal(h->rw->pages[i * PLAT_PAGE_SIZE], 'w');
	}
	memset(p, 0, PLAT_PAGE_SIZE);
	for (uint32_t i = 0; i < PAGES; i++) {
		assert_int_equal(gnttab_end_access(h->rw, i), 0);
		assert_int_equal(gnttab_grant(h->rw, i), 0);
		assert_int_equal(gnttab_end_access(h->rw, i), 0);
	}
	munmap(p, PLAT_PAGE_SIZE);
	close(h->fds[0]);
	gnttab_arena_free(h->rw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_entries_scribbled, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
