/* SPDX-License-Identifier: MIT */
/* A backend process from its options to its end. */
#include "tools/serve.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hv/base/adapt.h"
#include "hv/base/log.h"
#include "hv/base/num.h"
#include "hv/base/sandbox.h"
#include "tools/opt.h"

#define SHUTDOWN_MS 5000

/* ---------------------------------------------------------------- options */

enum {
	OPT_ALLOW = 256,
	OPT_WORKERS,
	OPT_POLL,
	OPT_PIN,
	OPT_PLATFORM,
	OPT_NO_SANDBOX,
};

static const struct argp_option option_table[] = {
	{ "domain", 'd', "NAME", 0, "serve the devices of driver domain NAME (or its id)",
	  0 },
	{ "allow", OPT_ALLOW, "DIR", 0,
	  "open files below DIR only; may be given again; without it anywhere", 0 },
	{ "workers", OPT_WORKERS, "N", 0, "threads that serve queues (1)", 0 },
	{ "pin", OPT_PIN, NULL, 0, "run worker i on CPU i", 0 },
	{ "poll-us", OPT_POLL, "N", 0,
	  "poll at most N microseconds before sleeping; 0: never; always (100)", 0 },
	{ "platform", OPT_PLATFORM, "SPEC", 0, "proc (the default), fault:...", 0 },
	{ "no-sandbox", OPT_NO_SANDBOX, NULL, 0, "keep all rights: for debugging", 0 },
	{ "verbose", 'v', NULL, 0, "say what happens", 0 },
	{ 0 },
};

uint32_t serve_number(const char *option, const char *arg, uint32_t max)
{
	uint64_t n = 0;

	if (num_parse_u64(arg, max, &n))
		opt_error("--%s %s: want a number of at most %u", option, arg, max);
	return (uint32_t)n;
}

static void add_allow(struct serve_options *o, const char *dir)
{
	char *real = realpath(dir, NULL);

	if (!real)
		opt_error("--allow %s: %s", dir, strerror(errno));
	if (o->rules.nallow == SERVE_MAX_ALLOW)
		opt_error("--allow: at most %d times", SERVE_MAX_ALLOW);
	o->allow[o->rules.nallow++] = real;
	o->rules.allow = o->allow;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct serve_options *o = state->input;

	switch (key) {
	case 'd':
		o->domain = arg;
		break;
	case 'v':
		log_set_level(LOG_DEBUG);
		break;
	case OPT_ALLOW:
		add_allow(o, arg);
		break;
	case OPT_WORKERS:
		o->be->workers = serve_number("workers", arg, BACKEND_MAX_WORKERS);
		break;
	case OPT_POLL:
		o->be->poll_ns =
			!strcmp(arg, "always")
				? ADAPT_ALWAYS
				: serve_number("poll-us", arg, 1000000) * 1000ull;
		break;
	case OPT_PIN:
		o->be->pin = true;
		break;
	case OPT_PLATFORM:
		o->platform = arg;
		break;
	case OPT_NO_SANDBOX:
		o->sandbox = false;
		break;
	case ARGP_KEY_ARG:
		opt_error("%s: no such argument", arg);
		break;
	case ARGP_KEY_END:
		if (!o->be->workers)
			opt_error("--workers: want at least 1");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

const struct argp serve_argp = {
	option_table, parse_option, NULL, NULL, NULL, NULL, NULL
};

/* --------------------------------------------------------------- the loop */

struct server {
	struct evloop *loop;
	struct backend *be;
	int sigfd;
	bool ending;
	int status;
};

static void server_lost(void *arg)
{
	struct server *s = arg;

	log_err("the hypervisor is gone: ending");
	s->status = 2;
	evloop_stop(s->loop, 2);
}

static void server_signal(void *arg, uint32_t events)
{
	struct server *s = arg;
	struct signalfd_siginfo si;

	(void)events;
	if (read(s->sigfd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (s->ending) /* asked twice: at once */
		evloop_stop(s->loop, 0);
	s->ending = true;
	backend_shutdown(s->be);
}

static void server_run(struct server *s)
{
	uint64_t deadline = 0;
	int err = 0;

	while (!err && !s->status) {
		err = evloop_once(s->loop, s->ending ? 20 : -1);
		if (s->status)
			break;
		backend_poll(s->be);
		if (!s->ending)
			continue;
		if (!deadline)
			deadline = clock_ns() + SHUTDOWN_MS * 1000000ull;
		if (backend_idle(s->be) || clock_ns() > deadline)
			break;
	}
}

/* Signals arrive by descriptor, on the control thread alone. */
static int server_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* From here on no file is opened, no ring made: the opener has the rights. */
static int enter_sandbox(uint64_t caps)
{
	const struct sandbox_spec spec = { .caps = caps };
	int err = sandbox_enter(&spec);

	if (err == SANDBOX_NO_LANDLOCK)
		log_warn("this kernel has no Landlock: seccomp alone confines the "
			 "backend");
	return err < 0 ? err : 0;
}

static int serve(struct plat *p, const struct serve_options *o, serve_make_fn *make,
		 void *arg)
{
	struct server s = { .loop = evloop_new(), .sigfd = server_signals() };
	int err = s.loop && s.sigfd >= 0 ? 0 : -ENOMEM;
	bool said = false;

	if (!err)
		err = evloop_add(s.loop, s.sigfd, EPOLLIN, server_signal, &s, NULL);
	if (!err) {
		err = make(p, s.loop, server_lost, &s, arg, &s.be);
		said = err;
	}
	if (!err && o->sandbox)
		err = enter_sandbox(o->caps);
	if (!err)
		err = backend_start(s.be);
	if (err) {
		if (!said)
			log_err("cannot start: %s", strerror(-err));
		s.status = 2;
	} else {
		server_run(&s);
	}
	backend_free(s.be);
	evloop_free(s.loop);
	close(s.sigfd);
	return s.status;
}

static int serve_run(const struct serve_options *o, serve_make_fn *make, void *arg)
{
	const char *what = "";
	struct plat *p;
	int err = plat_open(o->platform, o->domain, &p, &what), status;

	if (err) {
		log_err("cannot connect as domain %s: %s: %s",
			o->domain ? o->domain : "(given)", what, strerror(-err));
		return 2;
	}
	status = serve(p, o, make, arg);
	plat_close(p);
	return status;
}

static void serve_prepare(void)
{
	struct rlimit r;

	signal(SIGPIPE, SIG_IGN);
	/* wishes only: fewer devices, or plain buffers, without them */
	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	r = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	if (setrlimit(RLIMIT_MEMLOCK, &r) && !getrlimit(RLIMIT_MEMLOCK, &r)) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &r);
	}
}

int serve_main(int argc, char **argv, const struct argp *argp, struct serve_options *o,
	       int (*opener)(const struct opener_rules *rules, struct opener **op),
	       void **open_arg, serve_make_fn *make, void *arg)
{
	struct opener *op = NULL;
	int err, status = 2;

	o->sandbox = true;
	opt_parse(argp, argc, argv, o);
	serve_prepare();
	err = opener(&o->rules, &op);
	if (err) {
		log_err("cannot fork: %s", strerror(-err));
	} else {
		*open_arg = op;
		status = serve_run(o, make, arg);
	}
	opener_stop(op);
	for (int i = 0; i < o->rules.nallow; i++)
		free(o->allow[i]);
	return status;
}
