/* SPDX-License-Identifier: MIT */
/* tandem-blkback: a driver domain that serves virtual disks. */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "backends/block/blkback.h"
#include "hv/base/adapt.h"
#include "hv/base/log.h"
#include "hv/base/num.h"
#include "hv/base/sandbox.h"
#include "hv/plat/plat.h"
#include "ringproto/blkif.h"
#include "tools/opener.h"

#define MAX_ALLOW   16
#define SHUTDOWN_MS 5000

const char *argp_program_version = "tandem-blkback " TANDEM_VERSION;

struct options {
	const char *domain, *platform;
	char *allow[MAX_ALLOW];
	int nallow;
	bool sandbox;
	struct blkback_config cfg;
};

enum {
	OPT_ALLOW = 256,
	OPT_WORKERS,
	OPT_POLL,
	OPT_QUEUES,
	OPT_ORDER,
	OPT_INDIRECT,
	OPT_PERSISTENT,
	OPT_PIN,
	OPT_PLATFORM,
	OPT_NO_SANDBOX,
};

static const struct argp_option option_table[] = {
	{ "domain", 'd', "NAME", 0, "serve the disks of driver domain NAME (or its id)",
	  0 },
	{ "allow", OPT_ALLOW, "DIR", 0,
	  "open images below DIR only; may be given again; without it anywhere", 0 },
	{ "workers", OPT_WORKERS, "N", 0, "threads that serve queues (1)", 0 },
	{ "pin", OPT_PIN, NULL, 0, "run worker i on CPU i", 0 },
	{ "poll-us", OPT_POLL, "N", 0,
	  "poll at most N microseconds before sleeping; 0: never; always (100)", 0 },
	{ "max-queues", OPT_QUEUES, "N", 0, "queues a disk may have, 1..64 (16)", 0 },
	{ "max-ring-order", OPT_ORDER, "N", 0, "log2 of the ring pages, 0..4 (4)", 0 },
	{ "max-indirect", OPT_INDIRECT, "N", 0, "segments a request, 0..4096 (256)", 0 },
	{ "max-persistent", OPT_PERSISTENT, "N", 0,
	  "grants a queue keeps mapped; 0: do not offer it (1056)", 0 },
	{ "platform", OPT_PLATFORM, "SPEC", 0, "proc (the default), fault:...", 0 },
	{ "no-sandbox", OPT_NO_SANDBOX, NULL, 0, "keep all rights: for debugging", 0 },
	{ "verbose", 'v', NULL, 0, "say what happens", 0 },
	{ 0 },
};

static uint32_t parse_number(struct argp_state *state, const char *arg, uint32_t max)
{
	uint64_t n = 0;

	if (num_parse_u64(arg, max, &n))
		argp_error(state, "%s: want a number of at most %u", arg, max);
	return (uint32_t)n;
}

static void add_allow(struct argp_state *state, struct options *o, const char *dir)
{
	char *real = realpath(dir, NULL);

	if (!real)
		argp_error(state, "--allow %s: %s", dir, strerror(errno));
	if (o->nallow == MAX_ALLOW)
		argp_error(state, "--allow: at most %d times", MAX_ALLOW);
	o->allow[o->nallow++] = real;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'd':
		o->domain = arg;
		break;
	case 'v':
		log_set_level(LOG_DEBUG);
		break;
	case OPT_ALLOW:
		add_allow(state, o, arg);
		break;
	case OPT_WORKERS:
		o->cfg.workers = parse_number(state, arg, 64);
		break;
	case OPT_POLL:
		o->cfg.poll_ns = !strcmp(arg, "always")
					 ? ADAPT_ALWAYS
					 : parse_number(state, arg, 1000000) * 1000ull;
		break;
	case OPT_QUEUES:
		o->cfg.max_queues = parse_number(state, arg, 64);
		break;
	case OPT_ORDER:
		o->cfg.max_ring_order = parse_number(state, arg, BLKIF_MAX_RING_ORDER);
		break;
	case OPT_INDIRECT:
		o->cfg.max_indirect =
			parse_number(state, arg, BLKIF_MAX_INDIRECT_SEGMENTS);
		break;
	case OPT_PERSISTENT:
		o->cfg.max_persistent = parse_number(state, arg, 1u << 20);
		break;
	case OPT_PIN:
		o->cfg.pin = true;
		break;
	case OPT_PLATFORM:
		o->platform = arg;
		break;
	case OPT_NO_SANDBOX:
		o->sandbox = false;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: no such argument", arg);
		break;
	case ARGP_KEY_END:
		if (!o->cfg.workers || !o->cfg.max_queues)
			argp_error(state, "--workers, --max-queues: want at least 1");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* --------------------------------------------------------------- the loop */

struct server {
	struct evloop *loop;
	struct blkback *bb;
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
	blkback_shutdown(s->bb);
}

static void server_run(struct server *s)
{
	uint64_t deadline = 0;
	int err = 0;

	while (!err && !s->status) {
		err = evloop_once(s->loop, s->ending ? 20 : -1);
		if (s->status)
			break;
		blkback_poll(s->bb);
		if (!s->ending)
			continue;
		if (!deadline)
			deadline = adapt_clock() + SHUTDOWN_MS * 1000000ull;
		if (blkback_idle(s->bb) || adapt_clock() > deadline)
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
static int enter_sandbox(void)
{
	const struct sandbox_spec spec = { .caps = 1ull << CAP_IPC_LOCK };
	int err = sandbox_enter(&spec);

	if (err == SANDBOX_NO_LANDLOCK)
		log_warn("this kernel has no Landlock: seccomp alone confines the "
			 "backend");
	return err < 0 ? err : 0;
}

static int serve(struct plat *p, struct options *o)
{
	struct server s = { .loop = evloop_new(), .sigfd = server_signals() };
	int err = s.loop && s.sigfd >= 0 ? 0 : -ENOMEM;

	if (!err)
		err = evloop_add(s.loop, s.sigfd, EPOLLIN, server_signal, &s, NULL);
	if (!err)
		err = blkback_new(p, s.loop, &o->cfg, server_lost, &s, &s.bb);
	if (!err && o->sandbox)
		err = enter_sandbox();
	if (!err)
		err = blkback_start(s.bb);
	if (err) {
		log_err("cannot start: %s", strerror(-err));
		s.status = 2;
	} else {
		server_run(&s);
	}
	blkback_free(s.bb);
	evloop_free(s.loop);
	close(s.sigfd);
	return s.status;
}

static void raise_limits(void)
{
	struct rlimit r;

	/* a wish only: fewer disks, or plain buffers, without it */
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

static const char doc[] =
	"Serves the virtual disks that the toolstack made for a driver domain.\v"
	"Attach disks with `tandem block-attach GUEST "
	"'vdev=xvda,backend=NAME,target=...'`.";

int main(int argc, char **argv)
{
	struct options o = { .sandbox = true, .cfg = blkback_config_default };
	struct argp argp = { option_table, parse_option, NULL, doc, NULL, NULL, NULL };
	struct opener *op = NULL;
	const char *what = "";
	struct plat *p;
	int err, status = 2;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	err = opener_start(o.allow, o.nallow, &op);
	if (err) {
		log_err("cannot fork: %s", strerror(-err));
		return 2;
	}
	o.cfg.open_files = opener_open;
	o.cfg.open_arg = op;
	err = plat_open(o.platform, o.domain, &p, &what);
	if (err) {
		log_err("cannot connect as domain %s: %s: %s",
			o.domain ? o.domain : "(given)", what, strerror(-err));
	} else {
		status = serve(p, &o);
		plat_close(p);
	}
	opener_stop(op);
	for (int i = 0; i < o.nallow; i++)
		free(o.allow[i]);
	return status;
}
