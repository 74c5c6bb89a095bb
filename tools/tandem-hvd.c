/* SPDX-License-Identifier: MIT */
/* tandem-hvd: the broker. Domains, grants, event channels and xenstore. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hv/base/evloop.h"
#include "hv/base/log.h"
#include "hv/base/statedir.h"
#include "hv/proc/server.h"
#include "hv/xenstore/xenstore.h"
#include "tools/daemon.h"
#include "tools/hvd_dir.h"
#include "tools/opt.h"

#define EXIT_USAGE 2

const char *argp_program_version = "tandem-hvd " TANDEM_VERSION;
static const char doc[] =
	"The broker of a tandem instance: domains, grant arenas, event channels and "
	"xenstore, on sockets in a state directory.";

enum { OPT_FOREGROUND = 256, OPT_DAEMONIZE };

static const struct argp_option options[] = {
	{ "dir", 'd', "DIR", 0,
	  "State directory (default: $TANDEM_DIR, $XDG_RUNTIME_DIR/tandem or "
	  "/run/tandem)",
	  0 },
	{ "foreground", OPT_FOREGROUND, NULL, 0, "Stay in the foreground (the default)",
	  0 },
	{ "daemonize", OPT_DAEMONIZE, NULL, 0,
	  "Return when ready, go on in the background", 0 },
	{ 0 },
};

struct options {
	const char *dir;
	bool daemonize;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case 'd':
		opt->dir = arg;
		return 0;
	case OPT_FOREGROUND:
		opt->daemonize = false;
		return 0;
	case OPT_DAEMONIZE:
		opt->daemonize = true;
		return 0;
	case ARGP_KEY_ARG:
		opt_error("unexpected argument: %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* As many descriptors as there may be; a quarter of them is a domain's share. */
static void limits_raise(struct core_limits *limits)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0 && getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	*limits = core_limits_default;
	if (rl.rlim_cur / 4 < limits->fds)
		limits->fds = (uint32_t)(rl.rlim_cur / 4);
}

struct hvd {
	struct hvd_dir *dir;
	struct evloop *loop;
	struct xs_server *xs;
	struct hvserver *srv;
	int sigfd;
};

static void signalled(void *arg, uint32_t events)
{
	struct hvd *h = arg;

	(void)events;
	evloop_stop(h->loop, 0);
}

static int signals_watch(struct hvd *h)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	h->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->sigfd < 0)
		return -errno;
	return evloop_add(h->loop, h->sigfd, EPOLLIN, signalled, h, NULL);
}

static int hvd_start(struct hvd *h, const struct core_limits *limits)
{
	int err;

	h->loop = evloop_new();
	if (!h->loop)
		return -ENOMEM;
	err = signals_watch(h);
	if (err)
		return err;
	h->xs = xs_server_new(h->loop, &xs_quota_default);
	if (!h->xs)
		return -ENOMEM;
	err = hvserver_new(h->loop, h->xs, limits, &h->srv);
	if (err)
		return err;
	err = xs_server_listen(h->xs, hvd_dir_take(h->dir, HVD_DIR_XS));
	return err ? err : hvserver_listen(h->srv, hvd_dir_take(h->dir, HVD_DIR_HV));
}

static void hvd_end(struct hvd *h)
{
	hvserver_free(h->srv);
	xs_server_free(h->xs);
	evloop_free(h->loop);
	if (h->sigfd >= 0)
		close(h->sigfd);
	hvd_dir_close(h->dir);
}

int main(int argc, char **argv)
{
	const struct argp argp = { options, parse, NULL, doc, NULL, NULL, NULL };
	struct core_limits limits = core_limits_default;
	struct hvd h = { .sigfd = -1 };
	struct options opt = { 0 };
	int err, ready = -1;

	opt_parse(&argp, argc, argv, &opt);
	signal(SIGPIPE, SIG_IGN);
	limits_raise(&limits);
	err = opt.daemonize ? daemon_start(&ready) : 0;
	if (!err && hvd_dir_open(opt.dir, &h.dir))
		return EXIT_USAGE; /* it said why */
	if (!err)
		err = hvd_start(&h, &limits);
	if (!err) {
		daemon_ready(ready);
		err = evloop_run(h.loop);
	}
	if (err)
		log_err("%s", strerror(-err));
	hvd_end(&h);
	return err ? EXIT_USAGE : 0;
}
