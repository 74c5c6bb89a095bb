/* SPDX-License-Identifier: MIT */
/* tandem-netfront: a guest's side of a vif, as a tap or as a generator and sink. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/base/sandbox.h"
#include "tools/daemon.h"
#include "tools/netfront_opt.h"

#define EXIT_USAGE 2
#define TICK_MS	   200
#define ASKING_S   2 /* seconds for the control ring */

const char *argp_program_version = "tandem-netfront " TANDEM_VERSION;

struct run {
	struct netfront_options o;
	struct netfront_prog p;
	int ready; /* of the background, -1: none */
};

/* ------------------------------------------------------------ before it runs */

static int enter_sandbox(void)
{
	const struct sandbox_spec spec = { 0 };
	int err = sandbox_enter(&spec);

	if (err == SANDBOX_NO_LANDLOCK)
		log_warn("this kernel has no Landlock: seccomp alone confines "
			 "tandem-netfront");
	if (err < 0)
		log_err("cannot drop rights: %s", strerror(-err));
	return err < 0 ? err : 0;
}

/* Connected, and no thread yet: the last moment with all rights. */
static int connected(struct tandem_net *net, void *arg)
{
	struct run *r = arg;
	int err = 0;

	r->p.net = net;
	if (r->p.tap)
		err = bridge_setup(&r->p);
	if (err)
		return err;
	if (r->p.verbose && !r->o.info)
		info_print(&r->p);
	daemon_ready(r->ready);
	r->ready = -1;
	return r->o.sandbox ? enter_sandbox() : 0;
}

/* --------------------------------------------------------------- the threads */

static void *thread_main(void *arg)
{
	struct netfront_thread *t = arg;
	struct timespec ts;

	if (t->p->tap)
		bridge_run(t);
	else
		gen_run(t);
	/* cannot fail: it is this thread's clock */
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	t->cpu = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	return NULL;
}

static double now(void)
{
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Until a signal, the end of the time, or that of a thread. */
static void wait_for_end(struct run *r, const sigset_t *signals)
{
	double start = now(), stats = start + r->o.stats_every;
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };

	while (!atomic_load(&r->p.err)) {
		if (sigtimedwait(signals, NULL, &tick) > 0)
			return;
		if (r->p.seconds && now() - start >= r->p.seconds)
			return;
		if (r->o.stats_every && now() >= stats) {
			info_stats(r->p.net);
			stats += r->o.stats_every;
		}
	}
}

static void print_result(const struct netfront_thread *t, unsigned n, double seconds)
{
	struct netfront_thread sum = { 0 };

	for (unsigned i = 0; i < n; i++) {
		sum.tx_packets += t[i].tx_packets;
		sum.tx_bytes += t[i].tx_bytes;
		sum.rx_packets += t[i].rx_packets;
		sum.rx_bytes += t[i].rx_bytes;
		sum.cpu += t[i].cpu;
	}
	printf("{\"tx_packets\":%" PRIu64 ",\"tx_bytes\":%" PRIu64
	       ",\"rx_packets\":%" PRIu64 ",\"rx_bytes\":%" PRIu64
	       ",\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n",
	       sum.tx_packets, sum.tx_bytes, sum.rx_packets, sum.rx_bytes, seconds,
	       sum.cpu);
	fflush(stdout);
}

static int run_threads(struct run *r, const sigset_t *signals)
{
	struct netfront_thread *t = calloc(r->p.opts.queues, sizeof(*t));
	const uint64_t one = 1;
	double start = now();
	unsigned n = 0;
	int err = t ? 0 : -ENOMEM;

	for (; !err && n < r->p.opts.queues; n += !err) {
		t[n].p = &r->p;
		t[n].index = n;
		t[n].q = tandem_net_queue(r->p.net, n);
		err = -pthread_create(&t[n].thread, NULL, thread_main, &t[n]);
	}
	if (!err)
		wait_for_end(r, signals);
	atomic_store(&r->p.stop, true);
	/* cannot fail: the counter is nowhere near its end */
	(void)!write(r->p.stop_fd, &one, sizeof(one));
	for (unsigned i = 0; i < n; i++)
		pthread_join(t[i].thread, NULL);
	if (!err && !r->p.tap)
		print_result(t, n, now() - start);
	if (err)
		log_err("cannot start: %s", strerror(-err));
	free(t);
	return err ? err : atomic_load(&r->p.err);
}

/* --info: prints it when all is known, or when the backend has had its time. */
static void print_info(const struct netfront_prog *p)
{
	struct tandem_net *net = p->net;
	double start = now();
	struct tandem_net_info i;

	do
		tandem_net_get_info(net, &i);
	while (i.asking && now() - start < ASKING_S &&
	       tandem_net_wait(tandem_net_queue(net, 0), 0, TICK_MS * 1000) >= 0);
	info_print(p);
}

/* --------------------------------------------------------------------- main */

static int run(struct run *r)
{
	char *why = NULL, name[300];
	sigset_t signals;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	snprintf(name, sizeof(name), "%s/%u", r->o.domain, r->o.vif);
	r->p.opts.connected = connected;
	r->p.opts.connected_arg = r;
	err = tandem_net_open(name, &r->p.opts, &r->p.net, &why);
	if (err) {
		log_err("%s", why ? why : strerror(-err));
		free(why);
		r->p.net = NULL;
		return err;
	}
	if (r->o.info)
		print_info(&r->p);
	else
		err = run_threads(r, &signals);
	if (err && !tandem_net_error(r->p.net)) /* else the library has said it */
		log_err("%s: %s", name,
			err == -ENODEV ? "its tap is gone" : strerror(-err));
	tandem_net_close(r->p.net);
	return err;
}

int main(int argc, char **argv)
{
	struct run r = { .ready = -1 };
	int err = 0;

	netfront_options(argc, argv, &r.o, &r.p);
	r.p.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r.p.stop_fd < 0)
		err = -errno;
	if (!err && r.o.daemonize)
		err = daemon_start(&r.ready);
	if (err)
		log_err("cannot start: %s", strerror(-err));
	if (!err && r.p.tap)
		err = bridge_open(&r.p);
	if (!err)
		err = run(&r);
	bridge_close(&r.p);
	return err ? EXIT_USAGE : 0;
}
