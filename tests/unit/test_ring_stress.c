/* SPDX-License-Identifier: MIT */
/*
 * The ring between two that run at the same time: no lost wake-up, nothing
 * lost or doubled, and a peer that rewrites a slot while it is read.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ringproto/blkif.h"

#define LOST_MS 60000 /* a sleep this long is a lost wake-up, not a slow machine */

struct end {
	pthread_t thread;
	int wake; /* eventfd: what the other end notifies */
	unsigned sleeps;
	const char *failed;
};

struct stress {
	uint8_t *page;
	uint32_t total;
	struct end front, back;
	struct ring_front f;
	struct ring_back b;
};

static void notify(int fd)
{
	const uint64_t one = 1;

	/* cannot fail: the counter is far from its end */
	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

/* Waits for an event. False: none came. */
static bool sleep_on(struct end *e)
{
	struct pollfd p = { .fd = e->wake, .events = POLLIN };
	uint64_t n;

	e->sleeps++;
	if (poll(&p, 1, LOST_MS) != 1)
		return false;
	return read(e->wake, &n, sizeof(n)) == sizeof(n);
}

/* A thread's own cheap random numbers: how bursts and pauses mix. */
static uint32_t dice(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static void *run_back(void *arg)
{
	struct stress *s = arg;
	struct blkif_req req;
	uint32_t done = 0, seed = 7;
	int n;

	while (done < s->total) {
		n = ring_back_avail(&s->b);
		if (n == 0)
			n = ring_back_arm(&s->b);
		if (n < 0) {
			s->back.failed = "an honest frontend was refused";
			break;
		}
		if (n == 0 && !sleep_on(&s->back)) {
			s->back.failed = "the backend lost a wake-up";
			break;
		}
		for (; n > 0; n--, done++) {
			blkif_copy_request(&s->b, BLKIF_ABI_X86_64, &req);
			if (req.id != done || req.sector_number != ~req.id)
				s->back.failed = "a request came torn or out of order";
			blkif_put_response(&s->b, BLKIF_ABI_X86_64, req.id, req.operation,
					   (int16_t)req.id);
			if (dice(&seed) % 8 == 0 && ring_back_push(&s->b))
				notify(s->front.wake);
		}
		if (ring_back_push(&s->b))
			notify(s->front.wake);
		if (dice(&seed) % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* Takes what is there; the number of responses, or -1. */
static int take(struct stress *s, uint32_t *got)
{
	struct blkif_response rsp;
	int n = ring_front_avail(&s->f);

	for (int i = 0; i < n; i++, (*got)++) {
		blkif_copy_response(&s->f, &rsp);
		if (rsp.id != *got || rsp.status != (int16_t)*got)
			s->front.failed = "a response came torn or out of order";
	}
	if (n < 0)
		s->front.failed = "an honest backend was refused";
	return n;
}

static void *run_front(void *arg)
{
	struct stress *s = arg;
	struct blkif_req req = { .operation = BLKIF_OP_FLUSH_DISKCACHE };
	uint32_t sent = 0, got = 0, seed = 3, burst;

	while (got < s->total && !s->front.failed) {
		burst = dice(&seed) % 40;
		for (; burst && sent < s->total && ring_front_free(&s->f); burst--) {
			req.id = sent++;
			req.sector_number = ~req.id;
			blkif_put_request(&s->f, BLKIF_ABI_X86_64, &req);
		}
		if (ring_front_push(&s->f))
			notify(s->back.wake);
		if (take(s, &got) != 0 || got == s->total || dice(&seed) % 4)
			continue;
		/* everything published, nothing to take: sleep if that stays so */
		if (sent != got && ring_front_arm(&s->f) == 0 && !sleep_on(&s->front))
			s->front.failed = "the frontend lost a wake-up";
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct stress s = { .total = 300000 };
	const char *n = getenv("RING_STRESS");

	(void)state;
	if (n)
		s.total = (uint32_t)strtoul(n, NULL, 10);
	s.page = aligned_alloc(RING_PAGE_SIZE, RING_PAGE_SIZE);
	s.front.wake = eventfd(0, EFD_CLOEXEC);
	s.back.wake = eventfd(0, EFD_CLOEXEC);
	assert_true(s.page && s.front.wake >= 0 && s.back.wake >= 0);
	ring_front_init(&s.f, s.page, RING_PAGE_SIZE, blkif_slot_size(BLKIF_ABI_X86_64));
	assert_int_equal(ring_back_init(&s.b, s.page, RING_PAGE_SIZE,
					blkif_slot_size(BLKIF_ABI_X86_64)),
			 0);
	assert_int_equal(pthread_create(&s.back.thread, NULL, run_back, &s), 0);
	assert_int_equal(pthread_create(&s.front.thread, NULL, run_front, &s), 0);
	pthread_join(s.front.thread, NULL);
	pthread_join(s.back.thread, NULL);
	close(s.front.wake);
	close(s.back.wake);
	free(s.page);
	if (s.front.failed || s.back.failed)
		fail_msg("%s", s.front.failed ? s.front.failed : s.back.failed);
	/* both ends did sleep: the rule was needed */
	print_message("%u requests, sleeps: front %u, back %u\n", s.total, s.front.sleeps,
		      s.back.sleeps);
	assert_true(s.front.sleeps > 0 && s.back.sleeps > 0);
}

/*
 * The rule's kernel: one end publishes while the other arms. Round after round
 * both do so at the same moment; either the publisher owes an event or the
 * other sees what was published. Without the two full fences a store buffer
 * hides each from the other, within some thousand rounds.
 */
struct litmus {
	struct ring_front f;
	struct ring_back b;
	_Atomic unsigned round, done;
	unsigned rounds;
	bool front; /* which end arms */
	int seen;   /* by the end that arms */
};

static void wait_for(_Atomic unsigned *what, unsigned value)
{
	for (unsigned i = 0; atomic_load(what) != value; i++)
		if (i > 1000)
			sched_yield();
}

static void *run_arming(void *arg)
{
	struct litmus *l = arg;

	for (unsigned i = 1; i <= l->rounds; i++) {
		wait_for(&l->round, i);
		l->seen = l->front ? ring_front_arm(&l->f) : ring_back_arm(&l->b);
		atomic_store(&l->done, i);
	}
	return NULL;
}

static void ask(struct litmus *l)
{
	ring_front_next(&l->f);
}

static void answer(struct litmus *l)
{
	assert_int_equal(ring_back_avail(&l->b), 1);
	ring_back_consume(&l->b);
	ring_back_next(&l->b, 16);
}

/* One request or response against one arm; whether the wake-up was lost. */
static bool litmus_round(struct litmus *l, unsigned i, unsigned delay)
{
	bool event;

	if (l->front) {
		ask(l);
		ring_front_push(&l->f);
		answer(l);
	} else {
		ask(l);
	}
	atomic_store(&l->round, i);
	/* sweeps over the moment at which the other thread arms */
	for (volatile unsigned k = 0; k < delay; k++)
		;
	event = l->front ? ring_back_push(&l->b) : ring_front_push(&l->f);
	wait_for(&l->done, i);
	if (!l->front) {
		answer(l);
		ring_back_push(&l->b);
	}
	assert_int_equal(ring_front_avail(&l->f), 1);
	l->f.rsp_cons++;
	return !event && l->seen == 0;
}

static void run_litmus(bool front)
{
	struct litmus l = { .rounds = 300000, .front = front };
	uint8_t *page = aligned_alloc(RING_PAGE_SIZE, RING_PAGE_SIZE);
	unsigned lost = 0;
	pthread_t thread;

	ring_front_init(&l.f, page, RING_PAGE_SIZE, 112);
	assert_int_equal(ring_back_init(&l.b, page, RING_PAGE_SIZE, 112), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_arming, &l), 0);
	for (unsigned i = 1; i <= l.rounds; i++)
		lost += litmus_round(&l, i, i % 97);
	pthread_join(thread, NULL);
	free(page);
	if (lost)
		fail_msg("%u of %u wake-ups were lost", lost, l.rounds);
}

static void test_publish_against_arm(void **state)
{
	(void)state;
	run_litmus(false);
	run_litmus(true);
}

/*
 * XSA-155: a request that its sender rewrites while it is read. The sender, a
 * process of its own, flips the operation between READ and INDIRECT, which
 * read the bytes behind it differently. Each copy must be one of the two
 * readings, whole.
 */
static void flip_forever(volatile uint8_t *op)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		*op ^= BLKIF_OP_INDIRECT;
}

static void check_reading(const struct blkif_req *req, unsigned *reads)
{
	switch (req->operation) {
	case BLKIF_OP_READ:
		assert_int_equal(req->nr_segments, 9);
		assert_int_equal(req->handle, 0x0505);
		assert_int_equal(req->seg[8].gref, 0x05050505);
		assert_int_equal(req->indirect_op, 0xee);
		(*reads)++;
		break;
	case BLKIF_OP_INDIRECT:
		assert_int_equal(req->nr_segments, 0x0505);
		assert_int_equal(req->indirect_op, 9);
		assert_int_equal(req->seg[8].gref, 0xeeeeeeee);
		break;
	default:
		fail_msg("operation %u is in neither reading", req->operation);
	}
}

static void test_xsa_155(void **state)
{
	uint8_t *page = mmap(NULL, RING_PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct blkif_req req;
	struct ring_back b;
	unsigned reads = 0;
	pid_t pid;

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(ring_back_init(&b, page, RING_PAGE_SIZE,
					blkif_slot_size(BLKIF_ABI_X86_64)),
			 0);
	memset(ring_slot(&b.r, 0), 0x05, sizeof(struct blkif_request));
	ring_slot(&b.r, 0)[0] = BLKIF_OP_READ;
	ring_slot(&b.r, 0)[1] = 9;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		flip_forever(ring_slot(&b.r, 0));
	for (unsigned i = 0; i < 300000; i++) {
		memset(&req, 0xee, sizeof(req));
		b.req_cons = 0;
		blkif_copy_request(&b, BLKIF_ABI_X86_64, &req);
		check_reading(&req, &reads);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(page, RING_PAGE_SIZE);
	print_message("%u of 300000 were READ\n", reads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_threads),
		cmocka_unit_test(test_publish_against_arm),
		cmocka_unit_test(test_xsa_155),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
