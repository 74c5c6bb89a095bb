/* SPDX-License-Identifier: MIT */
/* Opening files on behalf of a process that cannot any more. */
#include "tools/opener.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/fdpass.h"

struct opener {
	int sock;
	pid_t pid;
	size_t size;
};

/* ------------------------------------------------------------------ rules */

static bool opener_inside(const char *real, const struct opener_rules *r)
{
	for (int i = 0; i < r->nallow; i++) {
		size_t len = strlen(r->allow[i]);

		if (!strncmp(real, r->allow[i], len) && (real[len] == '/' || len == 1))
			return true;
	}
	return false;
}

bool opener_allowed(const struct opener_rules *r, const char *path)
{
	char real[PATH_MAX];

	if (!r->nallow)
		return true;
	if (!realpath(path, real))
		return true; /* opening it says what is wrong with it */
	return opener_inside(real, r);
}

bool opener_may_make(const struct opener_rules *r, const char *path)
{
	cleanup_free char *dir = NULL;
	char real[PATH_MAX];
	struct stat st;

	if (!r->nallow)
		return true;
	if (realpath(path, real))
		return opener_inside(real, r);
	/* not a dangling link, which would be created where it points to */
	if (lstat(path, &st) == 0 || errno != ENOENT)
		return false;
	dir = strdup(path);
	if (!dir || !realpath(dirname(dir), real) || strlen(real) + 2 > sizeof(real))
		return false;
	strcat(real, "/");
	return opener_inside(real, r);
}

/* ----------------------------------------------------------------- child */

typedef void serve_fn(void *request, const struct opener_rules *rules,
		      struct opener_reply *reply, int *fds, int *nfds);

static void opener_child(int sock, size_t size, serve_fn *serve,
			 const struct opener_rules *rules)
{
	struct opener_reply rp;
	void *rq = malloc(size);
	int fds[OPENER_MAX_FDS];

	while (rq && fdpass_recv(sock, rq, size, NULL, NULL, 0) == (long)size) {
		int nfds = 0;

		memset(&rp, 0, sizeof(rp));
		serve(rq, rules, &rp, fds, &nfds);
		/* cannot fail in a way that matters: the parent is gone then */
		(void)fdpass_send(sock, &rp, sizeof(rp), fds, nfds);
		for (int i = 0; i < nfds; i++)
			close(fds[i]);
	}
	free(rq);
	_exit(0);
}

/* ---------------------------------------------------------------- parent */

int opener_start(size_t size, serve_fn *serve, const struct opener_rules *rules,
		 struct opener **out)
{
	struct opener *op = calloc(1, sizeof(*op));
	int sv[2];

	if (!op)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0) {
		free(op);
		return -errno;
	}
	op->pid = fork();
	if (op->pid < 0) {
		close(sv[0]);
		close(sv[1]);
		free(op);
		return -errno;
	}
	if (!op->pid) {
		close(sv[0]);
		/* the parent's death closes its end; this is for its children */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		opener_child(sv[1], size, serve, rules);
	}
	close(sv[1]);
	op->sock = sv[0];
	op->size = size;
	*out = op;
	return 0;
}

int opener_ask(struct opener *op, const void *request, struct opener_reply *rp, int *fds,
	       int *nfds, char **why)
{
	int err = fdpass_send(op->sock, request, op->size, NULL, 0);
	long n;

	if (err)
		return err;
	*nfds = OPENER_MAX_FDS;
	n = fdpass_recv(op->sock, rp, sizeof(*rp), fds, nfds, 0);
	if (n != (long)sizeof(*rp)) {
		*nfds = 0;
		return n < 0 ? (int)n : -EPIPE;
	}
	rp->why[sizeof(rp->why) - 1] = '\0';
	if (rp->err && rp->why[0])
		*why = strdup(rp->why);
	return rp->err;
}

void opener_stop(struct opener *op)
{
	if (!op)
		return;
	close(op->sock);
	waitpid(op->pid, NULL, 0);
	free(op);
}
