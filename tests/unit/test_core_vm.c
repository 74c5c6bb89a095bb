/* SPDX-License-Identifier: MIT */
/* VMs without sockets: their memory, who gets it, their ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/core/evtchn.h"
#include "hv/core/gntvm.h"

#define RAM	64u
#define LOW	24u
#define TABLE	2u
#define ENTRIES (TABLE * ARENA_PAGE / 8)

static const struct core_limits limits = {
	.arena_pages = 1000,
	.arenas_per_peer = 8,
	.fds = 64,
};

struct fixture {
	struct registry *reg;
	struct domain *vm, *b, *c;
	struct client cvm, cb, cc;
	domid_t served_by;
};

static bool serves(void *arg, domid_t vm, domid_t peer)
{
	const struct fixture *f = arg;

	return vm == f->vm->id && peer == f->served_by;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->reg = registry_new(&limits);
	if (!f->reg || domain_create(f->reg, "vm", 0, &f->vm) ||
	    domain_create(f->reg, "b", 0, &f->b) || domain_create(f->reg, "c", 0, &f->c))
		return -1;
	f->vm->vm = true;
	f->reg->vm_serves = serves;
	f->reg->vm_serves_arg = f;
	f->served_by = f->b->id;
	client_init(&f->cvm, f->vm);
	client_init(&f->cb, f->b);
	client_init(&f->cc, f->c);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	client_end(&f->cvm);
	client_end(&f->cb);
	client_end(&f->cc);
	assert_int_equal(f->vm->fds | f->b->fds | f->c->fds, 0);
	assert_int_equal(f->vm->pages | f->vm->nr_arenas, 0);
	registry_free(f->reg);
	free(f);
	return 0;
}

static int memfd(uint32_t pages, int seals, unsigned flags)
{
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)pages * ARENA_PAGE), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* Registers and, where that fails, closes. *ram stays readable for the test. */
static int memory(struct client *c, int ram, uint32_t pages, uint32_t low, int table)
{
	int err = gntvm_register(c, ram, pages, low, table);

	if (err) {
		close(ram);
		close(table);
	}
	return err;
}

static int good(struct fixture *f)
{
	return memory(&f->cvm, memfd(RAM, F_SEAL_SHRINK, 0), RAM, LOW,
		      memfd(TABLE, F_SEAL_SHRINK, 0));
}

static void test_layouts(void **state)
{
	static const struct {
		uint32_t pages, low, ram, table;
	} bad[] = {
		{ RAM, LOW, RAM - 1, TABLE },
		{ RAM, LOW, RAM + 1, TABLE },
		{ RAM, 0, RAM, TABLE },
		{ RAM, RAM + 1, RAM, TABLE },
		{ 0, 0, RAM, TABLE },
		{ UINT32_MAX, GNTVM_HIGH_FRAME, RAM, TABLE },
		{ RAM, UINT32_MAX, RAM, TABLE },
		{ RAM, LOW, RAM, GNTVM_TABLE_MAX + 1 },
		{ GNTVM_HIGH_FRAME + 2, GNTVM_HIGH_FRAME + 1, GNTVM_HIGH_FRAME + 2, 1 },
	};
	struct fixture *f = *state;
	int r, t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(memory(&f->cvm, memfd(bad[i].ram, F_SEAL_SHRINK, 0),
					bad[i].pages, bad[i].low,
					memfd(bad[i].table, F_SEAL_SHRINK, 0)),
				 -EINVAL);
	/* sizes that are no whole pages */
	r = memfd(RAM, 0, 0);
	t = memfd(TABLE, 0, 0);
	assert_int_equal(ftruncate(t, TABLE * ARENA_PAGE - 1), 0);
	assert_int_equal(fcntl(r, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(fcntl(t, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(memory(&f->cvm, r, RAM, LOW, t), -EINVAL);
	assert_int_equal(memory(&f->cvm, memfd(RAM, F_SEAL_SHRINK, 0), RAM, LOW,
				memfd(0, F_SEAL_SHRINK, 0)),
			 -EINVAL);
	assert_int_equal(memory(&f->cb, memfd(RAM, F_SEAL_SHRINK, 0), RAM, LOW,
				memfd(TABLE, F_SEAL_SHRINK, 0)),
			 -EPERM);
	/* all of it below the hole */
	assert_int_equal(memory(&f->cvm, memfd(RAM, F_SEAL_SHRINK, 0), RAM, RAM,
				memfd(TABLE, F_SEAL_SHRINK, 0)),
			 0);
	assert_int_equal(good(f), -EBUSY);
}

static void test_seals(void **state)
{
	static const int bad[] = {
		0,
		F_SEAL_GROW,
		F_SEAL_GROW | F_SEAL_SEAL,
		F_SEAL_SHRINK | F_SEAL_WRITE,
		F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_WRITE,
	};
	struct fixture *f = *state;
	int p[2], ram, table;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(memory(&f->cvm, memfd(RAM, bad[i], 0), RAM, LOW,
					memfd(TABLE, F_SEAL_SHRINK, 0)),
				 -EINVAL);
		assert_int_equal(memory(&f->cvm, memfd(RAM, F_SEAL_SHRINK, 0), RAM, LOW,
					memfd(TABLE, bad[i], 0)),
				 -EINVAL);
	}
	/* no memfd at all */
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(memory(&f->cvm, p[0], RAM, LOW, p[1]), -EINVAL);
	assert_int_equal(memory(&f->cvm, open("/dev/zero", O_RDWR | O_CLOEXEC), RAM, LOW,
				memfd(TABLE, F_SEAL_SHRINK, 0)),
			 -EINVAL);
	/* what it has now nobody can change */
	ram = memfd(RAM, F_SEAL_SHRINK, 0);
	table = memfd(TABLE, F_SEAL_SHRINK, 0);
	assert_int_equal(memory(&f->cvm, ram, RAM, LOW, table), 0);
	assert_int_equal(ftruncate(ram, 0), -1);
	assert_int_equal(ftruncate(ram, 2 * RAM * ARENA_PAGE), -1);
	assert_int_equal(fcntl(ram, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_int_equal(fcntl(table, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
}

/* Pages that can be taken away under whoever has them mapped. */
static void test_hugetlb(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);

	if (fd < 0) {
		print_message("no hugetlbfs here\n");
		return;
	}
	assert_int_equal(ftruncate(fd, 2 << 20), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(memory(&f->cvm, fd, 512, 512, memfd(TABLE, F_SEAL_SHRINK, 0)),
			 -EINVAL);
}

static void test_access(void **state)
{
	struct fixture *f = *state;
	struct arena *a;
	int fds[2];

	assert_int_equal(arena_map(&f->cb, f->vm->id, 0, &a), -ENOENT);
	assert_int_equal(good(f), 0);
	assert_int_equal(arena_map(&f->cc, f->vm->id, 0, &a), -EACCES);
	assert_int_equal(arena_map(&f->cb, f->vm->id, 1, &a), -ENOENT);
	assert_int_equal(arena_map(&f->cb, f->vm->id, 0, &a), 0);
	assert_true(a->vm && !a->readonly);
	assert_int_equal(a->ram_pages, RAM);
	assert_int_equal(a->low_pages, LOW);
	assert_int_equal(a->first, 0);
	assert_int_equal(a->total, ENTRIES);
	assert_int_equal(arena_entry_pages(a), TABLE);
	assert_int_equal(arena_fds(a, false, fds), 2);
	assert_int_equal(lseek(fds[0], 0, SEEK_END), RAM * ARENA_PAGE);
	assert_int_equal(lseek(fds[1], 0, SEEK_END), TABLE * ARENA_PAGE);
	close(fds[0]);
	close(fds[1]);
	/* its own */
	assert_int_equal(arena_map(&f->cvm, f->vm->id, 0, &a), 0);
	/* nobody says who serves it */
	f->reg->vm_serves = NULL;
	assert_int_equal(arena_map(&f->cb, f->vm->id, 0, &a), -EACCES);
	/* arenas of its own making come behind the memory */
	assert_int_equal(arena_create(&f->cvm, f->b->id, 1, false, &a), 0);
	assert_int_equal(a->id, 1);
}

static struct grant_entry_v1 *table_map(const struct arena *a)
{
	void *p = mmap(NULL, TABLE * ARENA_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       a->entries, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

/* A killed backend's marks go, and nobody else's. */
static void test_marks(void **state)
{
	const uint16_t used = GTF_permit_access | GTF_reading | GTF_writing;
	struct fixture *f = *state;
	struct grant_entry_v1 *e;
	struct client cb2;
	struct arena *a;

	assert_int_equal(good(f), 0);
	f->served_by = f->c->id;
	assert_int_equal(arena_map(&f->cc, f->vm->id, 0, &a), 0);
	f->served_by = f->b->id;
	client_init(&cb2, f->b);
	assert_int_equal(arena_map(&f->cb, f->vm->id, 0, &a), 0);
	assert_int_equal(arena_map(&cb2, f->vm->id, 0, &a), 0);
	e = table_map(a);
	e[0].domid = e[ENTRIES - 1].domid = f->b->id;
	e[1].domid = f->c->id;
	e[0].flags = e[1].flags = e[ENTRIES - 1].flags = used;
	/* one of two clients of its domain */
	client_end(&cb2);
	assert_int_equal(e[0].flags, used);
	assert_int_equal(arena_unmap(&f->cb, f->vm->id, 0), 0);
	assert_int_equal(e[0].flags, GTF_permit_access);
	assert_int_equal(e[ENTRIES - 1].flags, GTF_permit_access);
	assert_int_equal(e[1].flags, used);
	/* the VM's process ends: nothing is granted any more, and nobody gets it */
	client_end(&f->cvm);
	client_init(&f->cvm, f->vm);
	assert_int_equal(e[0].flags, GTF_invalid);
	assert_int_equal(e[1].flags, GTF_reading | GTF_writing);
	assert_int_equal(arena_map(&f->cb, f->vm->id, 0, &a), -ENOENT);
	/* nor another one's in its place, as long as somebody has it */
	assert_int_equal(good(f), -EBUSY);
	assert_int_equal(arena_unmap(&f->cc, f->vm->id, 0), 0);
	assert_int_equal(good(f), 0);
	munmap(e, TABLE * ARENA_PAGE);
}

static void test_quota(void **state)
{
	struct fixture *f = *state;
	struct port *p;
	int n = 0;

	while (!port_alloc_unbound(&f->cvm, f->b->id, 0, &p))
		n++;
	assert_int_equal(n, 32);
	assert_int_equal(good(f), -ENOMEM);
	assert_int_equal(port_close(&f->cvm, 7), 0);
	assert_int_equal(good(f), 0);
	/* local ports cost no descriptor */
	assert_int_equal(port_alloc_local(&f->cvm, EVTCHNSTAT_ipi, 0, &p), 0);
	assert_int_equal(p->nr, 7);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void close_fds(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

/* Either end's domain makes it a channel of eventfds. */
static void test_eventfds(void **state)
{
	struct fixture *f = *state;
	struct client *from[] = { &f->cvm, &f->cb }, *to[] = { &f->cb, &f->cvm };
	const uint64_t one = 1;
	int fa[EVTCHN_NR_FDS], fb[EVTCHN_NR_FDS];
	struct port *p, *q;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(port_alloc_unbound(from[i], to[i]->dom->id, 0, &p), 0);
		assert_true(port_is_eventfd(p));
		assert_int_equal(port_fds(p, fa), 2);
		assert_int_equal(port_bind_interdomain(to[i], from[i]->dom->id, p->nr, 0,
						       &q),
				 0);
		assert_int_equal(port_fds(q, fb), 2);
		assert_true(readable(fb[EVTCHN_WAIT]));
		assert_false(readable(fa[EVTCHN_WAIT]));
		assert_int_equal(write(fb[EVTCHN_NOTIFY], &one, sizeof(one)),
				 sizeof(one));
		assert_true(readable(fa[EVTCHN_WAIT]));
		close_fds(fa, 2);
		close_fds(fb, 2);
	}
	assert_int_equal(port_alloc_unbound(&f->cb, f->c->id, 0, &p), 0);
	assert_false(port_is_eventfd(p));
}

/* The end that stays keeps its descriptors; the next binder finds an event, even
 * where the peer did all to make the broker wait. */
static void test_rebind(void **state)
{
	struct fixture *f = *state;
	const uint64_t full = UINT64_MAX - 1;
	int fa[EVTCHN_NR_FDS], fb[EVTCHN_NR_FDS];
	struct port *p, *q;
	domid_t remote;
	uint64_t n;

	alarm(20);
	assert_int_equal(port_alloc_unbound(&f->cvm, f->b->id, 0, &p), 0);
	assert_int_equal(port_fds(p, fa), 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(port_status(&f->cvm, p->nr, &remote),
				 EVTCHNSTAT_unbound);
		assert_int_equal(remote, f->b->id);
		assert_int_equal(fcntl(fa[EVTCHN_NOTIFY], F_SETFL, 0), 0);
		assert_int_equal(write(fa[EVTCHN_NOTIFY], &full, sizeof(full)),
				 sizeof(full));
		assert_int_equal(port_bind_interdomain(&f->cb, f->vm->id, p->nr, 0, &q),
				 0);
		assert_int_equal(port_status(&f->cvm, p->nr, &remote),
				 EVTCHNSTAT_interdomain);
		assert_int_equal(port_fds(q, fb), 2);
		assert_int_equal(read(fb[EVTCHN_WAIT], &n, sizeof(n)), sizeof(n));
		client_end(&f->cb);
		client_init(&f->cb, f->b);
		close_fds(fb, 2);
	}
	close_fds(fa, 2);
	alarm(0);
}

static void test_local_ports(void **state)
{
	struct fixture *f = *state;
	struct port *p, *q;
	domid_t remote;

	assert_int_equal(port_alloc_local(&f->cvm, 0, 0, &p), -EINVAL);
	assert_int_equal(port_alloc_local(&f->cvm, EVTCHNSTAT_interdomain, 0, &p),
			 -EINVAL);
	assert_int_equal(port_alloc_local(&f->cvm, EVTCHNSTAT_virq, EVTCHN_2L_NR_CHANNELS,
					  &p),
			 -EINVAL);
	assert_int_equal(port_alloc_local(&f->cvm, EVTCHNSTAT_virq, 0, &p), 0);
	assert_int_equal(p->nr, 1);
	assert_int_equal(port_alloc_unbound(&f->cvm, f->b->id, 0, &q), 0);
	assert_int_equal(q->nr, 2);
	assert_int_equal(port_alloc_local(&f->cvm, EVTCHNSTAT_ipi, 2, &p), -EEXIST);
	assert_int_equal(port_alloc_unbound(&f->cvm, f->b->id, 1, &q), -EEXIST);
	assert_int_equal(port_alloc_local(&f->cvm, EVTCHNSTAT_ipi,
					  EVTCHN_2L_NR_CHANNELS - 1, &p),
			 0);
	assert_int_equal(port_status(&f->cvm, 1, &remote), EVTCHNSTAT_virq);
	assert_int_equal(port_status(&f->cvm, EVTCHN_2L_NR_CHANNELS - 1, &remote),
			 EVTCHNSTAT_ipi);
	/* nobody binds to them, even where the remote's id would fit */
	assert_int_equal(port_bind_interdomain(&f->cb, f->vm->id, 1, 0, &q), -EINVAL);
	assert_int_equal(port_bind_interdomain(&f->cvm, f->vm->id, 1, 0, &q), -EINVAL);
	/* a port of the binder's own choice */
	assert_int_equal(port_bind_interdomain(&f->cb, f->vm->id, 2, 77, &q), 0);
	assert_int_equal(q->nr, 77);
	assert_int_equal(port_close(&f->cb, 1), -EINVAL);
	assert_int_equal(port_close(&f->cvm, 1), 0);
	assert_int_equal(port_status(&f->cvm, 1, &remote), EVTCHNSTAT_closed);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_layouts),  T(test_seals),  T(test_hugetlb),
		T(test_access),	  T(test_marks),  T(test_quota),
		T(test_eventfds), T(test_rebind), T(test_local_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
