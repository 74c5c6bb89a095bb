/* SPDX-License-Identifier: MIT */
/* Domains, arenas and ports without sockets: quotas, ids, who owns what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/core/evtchn.h"
#include "hv/core/gnttab.h"

static const struct core_limits limits = {
	.arena_pages = 1000,
	.arenas_per_peer = 8,
	.fds = 64,
};

struct fixture {
	struct registry *reg;
	struct domain *a, *b;
	struct client ca, cb;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->reg = registry_new(&limits);
	if (!f->reg || domain_create(f->reg, "a", 0, &f->a) ||
	    domain_create(f->reg, "b", 0, &f->b))
		return -1;
	client_init(&f->ca, f->a);
	client_init(&f->cb, f->b);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	client_end(&f->ca);
	client_end(&f->cb);
	assert_int_equal(f->a->fds | f->b->fds, 0);
	assert_int_equal(f->a->pages | f->b->pages, 0);
	registry_free(f->reg);
	free(f);
	return 0;
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "drv0", "My_Guest-1.2", "0x", "1-2" };
	static const char *const bad[] = {
		"", "a b", "a/b", "12", "0", "\xc3\xa4", "a\n"
	};
	char name[DOMAIN_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(domain_name_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(domain_name_valid(bad[i]));
	memset(name, 'n', sizeof(name));
	name[DOMAIN_NAME_MAX - 1] = '\0';
	assert_true(domain_name_valid(name));
	name[DOMAIN_NAME_MAX - 1] = 'n';
	name[DOMAIN_NAME_MAX] = '\0';
	assert_false(domain_name_valid(name));
}

static void test_registry(void **state)
{
	struct fixture *f = *state;
	struct domain *d;

	assert_int_equal(f->a->id, 1);
	assert_int_equal(f->b->id, 2);
	assert_ptr_equal(domain_by_name(f->reg, "dom0"), domain_by_id(f->reg, 0));
	assert_ptr_equal(domain_by_name(f->reg, DOMAIN0_NAME), domain_by_id(f->reg, 0));
	assert_int_equal(domain_destroy(domain_by_id(f->reg, 0)), -EPERM);
	assert_int_equal(domain_create(f->reg, "a", 0, &d), -EEXIST);
	assert_int_equal(domain_create(f->reg, "dom0", 0, &d), -EEXIST);
	assert_int_equal(domain_create(f->reg, "c", 2, &d), -EEXIST);
	assert_int_equal(domain_create(f->reg, "c", DOMID_FIRST_RESERVED, &d), -EINVAL);
	assert_int_equal(domain_create(f->reg, "c", 77, &d), 0);
	assert_ptr_equal(domain_next(f->reg, 3), d);
	assert_null(domain_next(f->reg, 78));
	assert_int_equal(domain_destroy(d), 0);
	assert_null(domain_by_name(f->reg, "c"));
	/* ids are not used again soon */
	assert_int_equal(domain_create(f->reg, "c", 0, &d), 0);
	assert_int_equal(d->id, 3);
	assert_int_equal(domain_destroy(d), 0);
	assert_int_equal(domain_create(f->reg, "c", 0, &d), 0);
	assert_int_equal(d->id, 4);
}

static void test_all_ids(void **state)
{
	struct registry *reg = registry_new(&limits);
	struct domain *d = NULL;
	char name[16];
	int n = 0, err;

	(void)state;
	/* few at a time: a domain is 64 KiB of tables */
	for (n = 0; n < 40000; n++) {
		snprintf(name, sizeof(name), "d%d", n);
		err = domain_create(reg, name, 0, &d);
		assert_int_equal(err, 0);
		assert_in_range(d->id, 1, DOMID_FIRST_RESERVED - 1);
		assert_int_equal(domain_destroy(d), 0);
	}
	registry_free(reg);
}

static void test_arena_layout(void **state)
{
	struct fixture *f = *state;
	struct grant_entry_v1 *e;
	struct arena *a;
	int fds[2];

	assert_int_equal(arena_create(&f->ca, f->b->id, 600, false, &a), 0);
	assert_int_equal(a->total - a->first, 600);
	assert_true(a->total * 8 <= a->first * ARENA_PAGE);
	assert_int_equal(arena_fds(a, true, fds), 1);
	e = mmap(NULL, a->total * ARENA_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0],
		 0);
	assert_ptr_not_equal(e, MAP_FAILED);
	for (uint32_t i = 0; i < a->first * ARENA_PAGE / 8; i++) {
		bool data = i >= a->first && i < a->total;

		assert_int_equal(e[i].flags, data ? GTF_permit_access : 0);
		assert_int_equal(e[i].domid, data ? f->b->id : 0);
		assert_int_equal(e[i].frame, data ? i : 0);
	}
	munmap(e, a->total * ARENA_PAGE);
	assert_int_equal(ftruncate(fds[0], 0), -1);
	assert_int_equal(ftruncate(fds[0], (off_t)(a->total + 1) * ARENA_PAGE), -1);
	assert_int_equal(fcntl(fds[0], F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	close(fds[0]);
}

static void test_arena_quota(void **state)
{
	struct fixture *f = *state;
	struct arena *a[16], *x;
	int n = 0;

	assert_int_equal(arena_create(&f->ca, f->b->id, 0, false, &x), -EINVAL);
	assert_int_equal(arena_create(&f->ca, f->b->id, ARENA_MAX_PAGES + 1, false, &x),
			 -EINVAL);
	assert_int_equal(arena_create(&f->ca, 99, 1, false, &x), -ENOENT);
	/* pages, the entries' own included */
	assert_int_equal(arena_create(&f->ca, f->b->id, 999, false, &x), -ENOMEM);
	assert_int_equal(arena_create(&f->ca, f->b->id, 998, false, &x), 0);
	assert_int_equal(f->a->pages, 1000);
	assert_int_equal(arena_create(&f->ca, f->b->id, 1, false, &x), -ENOMEM);
	assert_int_equal(arena_destroy(&f->ca, 0), 0);
	/* arenas to one peer */
	for (n = 0; n < 8; n++)
		assert_int_equal(arena_create(&f->ca, f->b->id, 1, n % 2, &a[n]), 0);
	assert_int_equal(arena_create(&f->ca, f->b->id, 1, false, &x), -ENOMEM);
	assert_int_equal(arena_create(&f->ca, 0, 1, false, &x), 0);
	assert_int_equal(arena_destroy(&f->ca, a[3]->id), 0);
	assert_int_equal(arena_create(&f->ca, f->b->id, 1, false, &x), 0);
	assert_int_equal(x->id, 3);
	/* not another's */
	assert_int_equal(arena_destroy(&f->cb, 3), -ENOENT);
	assert_int_equal(arena_destroy(&f->ca, GREF_ARENAS), -ENOENT);
	assert_int_equal(arena_destroy(&f->ca, UINT32_MAX), -ENOENT);
}

/* An id is free again when the owner and all who mapped it have let go. */
static void test_arena_id_reuse(void **state)
{
	struct fixture *f = *state;
	struct client cb2;
	struct arena *a, *m;

	client_init(&cb2, f->b);
	assert_int_equal(arena_create(&f->ca, f->b->id, 1, false, &a), 0);
	assert_int_equal(arena_map(&f->cb, f->a->id, 0, &m), 0);
	assert_int_equal(arena_map(&f->cb, f->a->id, 0, &m), 0); /* once */
	assert_int_equal(arena_map(&cb2, f->a->id, 0, &m), 0);
	assert_int_equal(arena_destroy(&f->ca, 0), 0);
	assert_int_equal(arena_destroy(&f->ca, 0), -ENOENT);
	assert_int_equal(arena_map(&f->cb, f->a->id, 0, &m), -ENOENT);
	assert_int_equal(arena_create(&f->ca, f->b->id, 1, false, &a), 0);
	assert_int_equal(a->id, 1);
	assert_int_equal(arena_unmap(&f->cb, f->a->id, 0), 0);
	assert_int_equal(arena_unmap(&f->cb, f->a->id, 0), -ENOENT);
	assert_non_null(f->a->arenas[0]);
	client_end(&cb2);
	assert_null(f->a->arenas[0]);
	assert_int_equal(arena_create(&f->ca, f->b->id, 1, false, &a), 0);
	assert_int_equal(a->id, 0);
}

static void test_arena_access(void **state)
{
	struct fixture *f = *state;
	struct arena *a, *m;
	struct domain *c;
	struct client cc;
	int fds[2];

	assert_int_equal(domain_create(f->reg, "c", 0, &c), 0);
	client_init(&cc, c);
	assert_int_equal(arena_create(&f->ca, f->b->id, 1, true, &a), 0);
	assert_int_equal(arena_map(&cc, f->a->id, 0, &m), -EACCES);
	assert_int_equal(arena_map(&f->ca, f->a->id, 0, &m), -EACCES);
	/* not before it is sealed */
	assert_int_equal(arena_map(&f->cb, f->a->id, 0, &m), -EAGAIN);
	assert_int_equal(arena_fds(a, true, fds), 2);
	assert_int_equal(fcntl(fds[0], F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
			 0);
	assert_int_equal(arena_map(&f->cb, f->a->id, 0, &m), 0);
	close(fds[0]);
	close(fds[1]);
	client_end(&cc);
}

/* A domain that got the id of a destroyed one gets none of its grants. */
static void test_grant_outlives_no_domid(void **state)
{
	struct fixture *f = *state;
	struct domain *c, *c2;
	struct arena *a, *m;
	struct client cc;
	struct port *p, *q;
	domid_t id;

	assert_int_equal(domain_create(f->reg, "c", 0, &c), 0);
	id = c->id;
	assert_int_equal(arena_create(&f->ca, id, 1, false, &a), 0);
	assert_int_equal(port_alloc_unbound(&f->ca, id, 0, &p), 0);
	assert_int_equal(domain_destroy(c), 0);
	assert_int_equal(domain_create(f->reg, "c", id, &c2), 0);
	client_init(&cc, c2);
	assert_int_equal(arena_map(&cc, f->a->id, a->id, &m), -EACCES);
	assert_int_equal(port_bind_interdomain(&cc, f->a->id, p->nr, 0, &q), -EINVAL);
	client_end(&cc);
}

/* Nor is an id given out while somebody has the old domain's arena mapped. */
static void test_domid_waits_for_arenas(void **state)
{
	struct fixture *f = *state;
	struct arena *a, *m;
	struct domain *c, *c2;
	struct client cc;
	domid_t id;

	assert_int_equal(domain_create(f->reg, "c", 0, &c), 0);
	id = c->id;
	client_init(&cc, c);
	assert_int_equal(arena_create(&cc, f->b->id, 1, false, &a), 0);
	assert_int_equal(arena_map(&f->cb, id, 0, &m), 0);
	client_end(&cc);
	assert_int_equal(domain_destroy(c), 0);
	assert_null(domain_by_id(f->reg, id));
	assert_int_equal(domain_create(f->reg, "c", id, &c2), -EEXIST);
	assert_int_equal(arena_unmap(&f->cb, id, 0), 0);
	assert_int_equal(domain_create(f->reg, "c", id, &c2), 0);
}

static struct grant_entry_v1 *entries(const struct arena *a)
{
	int fds[2], n = arena_fds(a, true, fds);
	void *p = mmap(NULL, a->first * ARENA_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fds[n - 1], 0);

	while (n > 0)
		close(fds[--n]);
	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

/* A killed backend's marks go with its connection; a freed arena grants nothing. */
static void test_marks(void **state)
{
	struct fixture *f = *state;
	struct grant_entry_v1 *e;
	struct arena *a, *m;

	assert_int_equal(arena_create(&f->ca, f->b->id, 2, false, &a), 0);
	e = entries(a);
	assert_int_equal(arena_map(&f->cb, f->a->id, a->id, &m), 0);
	e[1].flags |= GTF_reading | GTF_writing;
	client_end(&f->cb);
	client_init(&f->cb, f->b);
	assert_int_equal(e[1].flags, GTF_permit_access);
	assert_int_equal(arena_map(&f->cb, f->a->id, a->id, &m), 0);
	e[1].flags |= GTF_reading;
	assert_int_equal(arena_destroy(&f->ca, a->id), 0);
	assert_int_equal(e[1].flags, GTF_reading);
	assert_int_equal(e[2].flags, GTF_invalid);
	munmap(e, ARENA_PAGE);
}

static void test_ports(void **state)
{
	struct fixture *f = *state;
	struct port *p, *q, *r;
	domid_t remote;

	assert_int_equal(port_alloc_unbound(&f->ca, 99, 0, &p), -ENOENT);
	assert_int_equal(port_alloc_unbound(&f->ca, f->b->id, 0, &p), 0);
	assert_int_equal(p->nr, 1);
	assert_int_equal(port_status(&f->ca, 1, &remote), EVTCHNSTAT_unbound);
	assert_int_equal(remote, f->b->id);
	assert_int_equal(port_bind_interdomain(&f->ca, f->a->id, 1, 0, &q), -EINVAL);
	assert_int_equal(port_bind_interdomain(&f->cb, f->a->id, 1, 0, &q), 0);
	assert_int_equal(port_status(&f->ca, 1, &remote), EVTCHNSTAT_interdomain);
	assert_int_equal(port_status(&f->cb, q->nr, &remote), EVTCHNSTAT_interdomain);
	assert_int_equal(port_bind_interdomain(&f->cb, f->a->id, 1, 0, &r), -EINVAL);
	/* the allocator goes: the binder's port is what can be bound now */
	assert_int_equal(port_close(&f->cb, 1 + 4095), -EINVAL);
	assert_int_equal(port_close(&f->ca, 1), 0);
	assert_int_equal(port_close(&f->ca, 1), -EINVAL);
	assert_int_equal(port_status(&f->cb, q->nr, &remote), EVTCHNSTAT_unbound);
	assert_int_equal(remote, f->a->id);
	assert_int_equal(port_bind_interdomain(&f->ca, f->b->id, q->nr, 0, &r), 0);
	assert_int_equal(port_status(&f->cb, q->nr, &remote), EVTCHNSTAT_interdomain);
	assert_int_equal(port_status(&f->ca, 0, &remote), -EINVAL);
	assert_int_equal(port_status(&f->ca, EVTCHN_2L_NR_CHANNELS - 1, &remote),
			 EVTCHNSTAT_closed);
	assert_int_equal(port_status(&f->ca, EVTCHN_2L_NR_CHANNELS, &remote), -EINVAL);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Each end's descriptors are descriptions of its own. */
static void test_pipes(void **state)
{
	struct fixture *f = *state;
	int fa[EVTCHN_NR_FDS], fb[EVTCHN_NR_FDS];
	struct port *p, *q;
	char buf[16];

	assert_int_equal(port_alloc_unbound(&f->ca, f->b->id, 0, &p), 0);
	assert_int_equal(port_fds(p, fa), 3);
	assert_int_equal(port_bind_interdomain(&f->cb, f->a->id, p->nr, 0, &q), 0);
	assert_int_equal(port_fds(q, fb), 3);
	assert_true(readable(fb[EVTCHN_WAIT]));
	assert_false(readable(fa[EVTCHN_WAIT]));
	/* b makes all it has blocking: a's reads and writes stay as they are */
	for (int i = 0; i < EVTCHN_NR_FDS; i++)
		assert_int_equal(fcntl(fb[i], F_SETFL, 0), 0);
	for (int i = 0; i < EVTCHN_NR_FDS; i++)
		assert_true(fcntl(fa[i], F_GETFL) & O_NONBLOCK);
	assert_int_equal(read(fa[EVTCHN_WAIT], buf, sizeof(buf)), -1);
	assert_int_equal(errno, EAGAIN);
	for (int i = 0; i < 10000; i++)
		(void)!write(fa[EVTCHN_NOTIFY], buf, 8);
	/* b cannot write to what a writes to, nor read as a */
	assert_int_equal(write(fb[EVTCHN_WAIT], buf, 8), -1);
	assert_int_equal(write(fb[EVTCHN_KEEP], buf, 8), -1);
	for (int i = 0; i < EVTCHN_NR_FDS; i++) {
		close(fa[i]);
		close(fb[i]);
	}
}

static void test_port_quota(void **state)
{
	struct fixture *f = *state;
	struct port *p;
	int n = 0;

	while (!port_alloc_unbound(&f->ca, f->b->id, 0, &p))
		n++;
	assert_int_equal(n, 32); /* of 64 descriptors */
	/* another's quota is its own */
	assert_int_equal(port_alloc_unbound(&f->cb, f->a->id, 0, &p), 0);
	evtchn_client_end(&f->ca);
	assert_int_equal(f->a->fds, 0);
	assert_int_equal(port_alloc_unbound(&f->ca, f->b->id, 0, &p), 0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		T(test_registry),
		cmocka_unit_test(test_all_ids),
		T(test_arena_layout),
		T(test_arena_quota),
		T(test_arena_id_reuse),
		T(test_arena_access),
		T(test_grant_outlives_no_domid),
		T(test_domid_waits_for_arenas),
		T(test_marks),
		T(test_ports),
		T(test_pipes),
		T(test_port_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
