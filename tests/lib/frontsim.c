/* SPDX-License-Identifier: MIT */
/* libtandem on one thread: the calls that wait, replaced by the linker. */
#include "tests/lib/frontsim.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#define TICK_NS 1000u /* a look at the clock */
#define SECOND	UINT64_C(1000000000)

static struct {
	bool on;
	void (*move)(void *arg);
	void *arg;
	uint64_t now;
	void *(*thread)(void *arg);
	struct tandem_disk *disk, *in_round;
} sim;

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __real_nanosleep(const struct timespec *ts, struct timespec *left);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
		 const sigset_t *set);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __real_pthread_join(pthread_t t, void **ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_nanosleep(const struct timespec *ts, struct timespec *left);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
		 const sigset_t *set);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg);
int __wrap_pthread_join(pthread_t t, void **ret);

void frontsim_begin(void (*move)(void *arg), void *arg)
{
	memset(&sim, 0, sizeof(sim));
	sim.on = true;
	sim.now = SECOND;
	sim.move = move;
	sim.arg = arg;
}

void frontsim_end(void)
{
	sim.on = false;
}

void frontsim_pass(uint64_t ns)
{
	sim.now += ns;
}

/* The control thread's function, which ends behind its first wait. */
void frontsim_round(struct tandem_disk *d)
{
	if (sim.in_round || !sim.thread)
		return;
	sim.in_round = d;
	atomic_store(&d->front.stop, false);
	(void)sim.thread(d);
	sim.in_round = NULL;
}

/* A wait of at most ns: the peer moves, the control thread looks. */
static int sim_wait(struct pollfd *fds, nfds_t n, uint64_t ns)
{
	int ready;

	sim.move(sim.arg);
	if (sim.disk)
		frontsim_round(sim.disk);
	ready = __real_poll(fds, n, 0);
	if (!ready)
		sim.now += ns;
	return ready;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	if (!sim.on)
		return __real_poll(fds, n, timeout);
	if (sim.in_round) {
		atomic_store(&sim.in_round->front.stop, true);
		return __real_poll(fds, n, 0);
	}
	return sim_wait(fds, n,
			timeout < 0 ? SECOND : (uint64_t)timeout * UINT64_C(1000000));
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
		 const sigset_t *set)
{
	if (!sim.on)
		return __real_ppoll(fds, n, ts, set);
	return sim_wait(fds, n,
			ts ? (uint64_t)ts->tv_sec * SECOND + (uint64_t)ts->tv_nsec
			   : SECOND);
}

int __wrap_nanosleep(const struct timespec *ts, struct timespec *left)
{
	if (!sim.on)
		return __real_nanosleep(ts, left);
	sim.now += (uint64_t)ts->tv_sec * SECOND + (uint64_t)ts->tv_nsec;
	return 0;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!sim.on)
		return __real_clock_gettime(id, ts);
	sim.now += TICK_NS;
	ts->tv_sec = (time_t)(sim.now / SECOND);
	ts->tv_nsec = (long)(sim.now % SECOND);
	return 0;
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *arg)
{
	if (!sim.on)
		return __real_pthread_create(t, attr, fn, arg);
	*t = 0;
	sim.thread = fn;
	sim.disk = arg;
	return 0;
}

int __wrap_pthread_join(pthread_t t, void **ret)
{
	if (!sim.on)
		return __real_pthread_join(t, ret);
	sim.disk = NULL;
	return 0;
}
