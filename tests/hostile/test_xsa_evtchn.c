/* SPDX-License-Identifier: MIT */
/*
 * Advisories on event channels, by number, against process domains: a domain that
 * talks to the hypervisor by hand, and one that never stops sending events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hv/plat/plat.h"
#include "hv/proc/hvcall.h"
#include "tests/lib/hvd.h"

static int setup(void **state)
{
	return hvd_pair_new(NULL, (struct hvd_pair **)state);
}

static int teardown(void **state)
{
	return hvd_pair_free(*state);
}

static void test_xsa_221_317_342_boundary_ports(void **state)
{
	static const uint32_t bad[] = { 0,
					EVTCHN_2L_NR_CHANNELS - 1,
					EVTCHN_2L_NR_CHANNELS,
					EVTCHN_2L_NR_CHANNELS + 1,
					1u << 16,
					1u << 31,
					UINT32_MAX };
	struct hvd_pair *f = *state;
	int conn = hvd_connect_as(f->front_id);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_BIND_INTERDOMAIN,
					  f->back_id, bad[i]),
				 -EINVAL);
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_CLOSE, 0, bad[i]), -EINVAL);
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_STATUS, 0, bad[i]),
				 bad[i] && bad[i] < EVTCHN_2L_NR_CHANNELS ? 0 : -EINVAL);
	}
	static const uint32_t domids[] = { DOMID_FIRST_RESERVED,
					   DOMID_SELF,
					   DOMID_INVALID,
					   0xffff,
					   0x10001,
					   UINT32_MAX };
	for (size_t i = 0; i < sizeof(domids) / sizeof(domids[0]); i++) {
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_BIND_INTERDOMAIN, domids[i],
					  1),
				 -EINVAL);
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_ALLOC_UNBOUND, domids[i],
					  0),
				 -ENOENT);
		assert_int_equal(hvd_call(conn, HVCALL_ARENA_MAP, domids[i], 0), -ENOENT);
		assert_int_equal(hvd_call(conn, HVCALL_ARENA_UNMAP, domids[i], 0),
				 -ENOENT);
	}
	close(conn);
}

/* All of a domain's ports, then one more; every one is usable and comes back. */
static void test_xsa_221_all_ports(void **state)
{
	struct hvd_pair *f = *state;
	int conn = hvd_connect_as(f->front_id), n = 0, err;

	for (int round = 0; round < 2; round++) {
		for (n = 0; n < 5000; n++) {
			err = hvd_call(conn, HVCALL_EVTCHN_ALLOC_UNBOUND, f->back_id, 0);
			if (err)
				break;
		}
		assert_int_equal(err, -ENOMEM);
		assert_in_range(n, 32, EVTCHN_2L_NR_CHANNELS - 1);
		/* and another domain still gets its own */
		struct evtchn *ch;
		assert_int_equal(evtchn_alloc_unbound(f->back, f->front_id, &ch), 0);
		evtchn_close(ch);
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_RESET, 0, 0), 0);
	}
	close(conn);
}

/* One process resets its ports over and over, another binds to them. */
static void test_xsa_338_343_505_reset_against_bind(void **state)
{
	struct hvd_pair *f = *state;
	int conn, status, bound = 0;
	uint64_t until;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		conn = hvd_connect_as(f->front_id);
		until = now_ms() + 700;
		while (now_ms() < until) {
			if (hvd_call(conn, HVCALL_EVTCHN_ALLOC_UNBOUND, f->back_id, 0) ||
			    hvd_call(conn, HVCALL_EVTCHN_RESET, 0, 0))
				_exit(1);
		}
		_exit(0);
	}
	conn = hvd_connect_as(f->back_id);
	assert_true(conn >= 0);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		int err = hvd_call(conn, HVCALL_EVTCHN_BIND_INTERDOMAIN, f->front_id, 1);

		assert_true(err == 0 || err == -EINVAL);
		bound += !err;
		if (bound % 7 == 0)
			assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_RESET, 0, 0), 0);
	}
	assert_int_equal(status, 0);
	assert_true(bound > 0);
	assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_RESET, 0, 0), 0);
	/* nothing leaked: the whole quota is still there */
	for (int n = 0; n < 32; n++)
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_ALLOC_UNBOUND, f->front_id,
					  0),
				 0);
	close(conn);
}

/* A storm of events on one channel: others' round trips stay short. */
static void storm(struct hvd_pair *f, evtchn_port_t port)
{
	struct evtchn *ch;
	struct plat *p;

	if (hvd_plat(NULL, f->back_id, &p) ||
	    evtchn_bind_interdomain(p, f->front_id, port, &ch))
		_exit(1);
	for (;;)
		evtchn_notify(ch);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void test_xsa_331_332_391_event_storm(void **state)
{
	struct hvd_pair *f = *state;
	struct evtchn *hit, *fe, *be;
	uint64_t took[200];
	char *value;
	pid_t pid;

	assert_int_equal(evtchn_alloc_unbound(f->front, f->back_id, &hit), 0);
	assert_int_equal(evtchn_alloc_unbound(f->front, f->back_id, &fe), 0);
	assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, fe->port, &be), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		storm(f, hit->port);
	assert_true(fd_readable(hit->fd, 5000));
	for (int i = 0; i < 200; i++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		/* the one that is stormed takes its events and is not held up */
		assert_int_equal(evtchn_ack(hit), 0);
		evtchn_notify(hit);
		/* a neighbour's channel, and the hypervisor */
		evtchn_notify(fe);
		assert_true(fd_readable(be->fd, 5000));
		assert_int_equal(evtchn_ack(be), 0);
		assert_int_equal(xenstore_read(f->front, 0, "name", &value, NULL), 0);
		free(value);
		clock_gettime(CLOCK_MONOTONIC, &b);
		took[i] = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000 +
			  (uint64_t)((b.tv_nsec - a.tv_nsec) / 1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	qsort(took, 200, sizeof(took[0]), by_value);
	/* the storm costs a CPU share, no more: median below 20 ms even on one CPU */
	assert_true(took[100] < 20000);
	evtchn_close(hit);
	evtchn_close(fe);
	evtchn_close(be);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_xsa_221_317_342_boundary_ports),
		T(test_xsa_221_all_ports),
		T(test_xsa_338_343_505_reset_against_bind),
		T(test_xsa_331_332_391_event_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
