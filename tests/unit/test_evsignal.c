/* SPDX-License-Identifier: MIT */
/* Eventfds that somebody hostile has, too: neither signal nor read ever waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv/base/evsignal.h"

#define SIGNALS 2000
#define THREADS 4

static struct evsignal *sig;
static int efd;

static int setup(void **state)
{
	(void)state;
	sig = evsignal_new();
	efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* a wait would be for ever */
	alarm(30);
	return sig && efd >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	alarm(0);
	evsignal_free(sig);
	return close(efd);
}

static bool readable(void)
{
	struct pollfd p = { .fd = efd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_signal(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(eventfd_take(efd), -EAGAIN);
	for (int i = 0; i < 3; i++) {
		evsignal_send(sig, efd);
		assert_true(readable());
		assert_int_equal(eventfd_take(efd), 0);
		assert_false(readable());
		assert_int_equal(eventfd_take(efd), -EAGAIN);
	}
	/* many, more than there are records for: none is lost */
	for (int i = 0; i < SIGNALS; i++)
		evsignal_send(sig, efd);
	assert_int_equal(read(efd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, SIGNALS);
}

/* The peer makes it blocking and fills it. */
static void test_hostile(void **state)
{
	uint64_t full = UINT64_MAX - 1;

	(void)state;
	assert_int_equal(fcntl(efd, F_SETFL, 0), 0);
	assert_int_equal(eventfd_take(efd), -EAGAIN);
	assert_int_equal(write(efd, &full, sizeof(full)), sizeof(full));
	for (int i = 0; i < SIGNALS; i++)
		evsignal_send(sig, efd);
	assert_true(readable());
	assert_int_equal(eventfd_take(efd), 0);
	assert_int_equal(eventfd_take(efd), -EAGAIN);
}

/* What is no eventfd is nobody's harm. */
static void test_no_eventfd(void **state)
{
	(void)state;
	evsignal_send(sig, -1);
	evsignal_send(sig, STDIN_FILENO);
	evsignal_send(sig, efd);
	assert_int_equal(eventfd_take(efd), 0);
	assert_true(eventfd_take(-1) < 0);
}

static void *sender(void *arg)
{
	for (int i = 0; i < SIGNALS; i++)
		evsignal_send(sig, *(int *)arg);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[THREADS];
	uint64_t n;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, sender, &efd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(read(efd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, THREADS * SIGNALS);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_signal),
		T(test_hostile),
		T(test_no_eventfd),
		T(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
