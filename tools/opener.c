/* SPDX-License-Identifier: MIT */
/* Opening files on behalf of a process that cannot any more. */
#include "tools/opener.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/fdpass.h"

#define OPENER_STR 4096

struct opener {
	int sock;
	pid_t pid;
};

struct opener_request {
	char driver[32];
	char target[OPENER_STR];
	char options[OPENER_STR];
	bool has_options, readonly, direct;
	uint32_t sector_size;
};

struct opener_reply {
	int err;
	char why[512];
};

/* ----------------------------------------------------------------- child */

struct opener_rules {
	char *const *allow;
	int nallow;
};

static bool opener_inside(const char *real, const struct opener_rules *r)
{
	for (int i = 0; i < r->nallow; i++) {
		size_t len = strlen(r->allow[i]);

		if (!strncmp(real, r->allow[i], len) && (real[len] == '/' || len == 1))
			return true;
	}
	return false;
}

static bool opener_allowed(const char *target, const struct opener_rules *r)
{
	char real[PATH_MAX];

	if (!r->nallow)
		return true;
	if (!realpath(target, real))
		return true; /* open_files() says what is wrong with it */
	return opener_inside(real, r);
}

/* A file that the driver wants besides, and may create. */
static bool opener_may_open(const struct blkdrv_params *p, const char *path)
{
	const struct opener_rules *r = p->may_open_arg;
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

static void opener_serve(const struct opener_request *rq, const struct opener_rules *r,
			 struct blkdrv_params *p, struct opener_reply *rp)
{
	const struct blkdrv_ops *ops = blkdrv_find(rq->driver);

	p->driver = rq->driver;
	p->target = rq->target;
	p->options = rq->has_options ? rq->options : NULL;
	p->readonly = rq->readonly;
	p->direct = rq->direct;
	p->sector_size = rq->sector_size;
	p->may_open = opener_may_open;
	p->may_open_arg = (void *)(uintptr_t)r;
	if (!ops || !ops->open_files) {
		rp->err = -EINVAL;
	} else if (!opener_allowed(rq->target, r)) {
		rp->err = -EACCES;
		snprintf(rp->why, sizeof(rp->why),
			 "target=%.300s: outside of what --allow names", rq->target);
	} else {
		rp->err = ops->open_files(p);
		if (rp->err)
			snprintf(rp->why, sizeof(rp->why), "target=%.300s: %s",
				 rq->target, strerror(-rp->err));
	}
}

static void opener_child(int sock, char *const *allow, int nallow)
{
	struct opener_request *rq = malloc(sizeof(*rq));
	struct opener_rules rules = { allow, nallow };
	struct opener_reply rp;
	struct blkdrv_params p;

	while (rq &&
	       fdpass_recv(sock, rq, sizeof(*rq), NULL, NULL, 0) == (long)sizeof(*rq)) {
		memset(&rp, 0, sizeof(rp));
		memset(&p, 0, sizeof(p));
		rq->driver[sizeof(rq->driver) - 1] = '\0';
		rq->target[OPENER_STR - 1] = '\0';
		rq->options[OPENER_STR - 1] = '\0';
		opener_serve(rq, &rules, &p, &rp);
		/* cannot fail in a way that matters: the parent is gone then */
		(void)fdpass_send(sock, &rp, sizeof(rp), p.fds, p.nfds);
		for (int i = 0; i < p.nfds; i++)
			close(p.fds[i]);
	}
	free(rq);
	_exit(0);
}

/* ---------------------------------------------------------------- parent */

int opener_start(char *const *allow, int nallow, struct opener **out)
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
		opener_child(sv[1], allow, nallow);
	}
	close(sv[1]);
	op->sock = sv[0];
	*out = op;
	return 0;
}

int opener_open(void *arg, struct blkdrv_params *p, char **why)
{
	struct opener *op = arg;
	cleanup_free struct opener_request *rq = calloc(1, sizeof(*rq));
	struct opener_reply rp;
	long n;
	int err;

	if (!rq)
		return -ENOMEM;
	if (strlen(p->driver) >= sizeof(rq->driver) || strlen(p->target) >= OPENER_STR ||
	    (p->options && strlen(p->options) >= OPENER_STR))
		return -ENAMETOOLONG;
	strcpy(rq->driver, p->driver);
	strcpy(rq->target, p->target);
	if (p->options)
		strcpy(rq->options, p->options);
	rq->has_options = p->options != NULL;
	rq->readonly = p->readonly;
	rq->direct = p->direct;
	rq->sector_size = p->sector_size;
	err = fdpass_send(op->sock, rq, sizeof(*rq), NULL, 0);
	if (err)
		return err;
	p->nfds = BLKDRV_MAX_FDS;
	n = fdpass_recv(op->sock, &rp, sizeof(rp), p->fds, &p->nfds, 0);
	if (n != (long)sizeof(rp)) {
		p->nfds = 0;
		return n < 0 ? (int)n : -EPIPE;
	}
	rp.why[sizeof(rp.why) - 1] = '\0';
	if (rp.err && rp.why[0])
		*why = strdup(rp.why);
	return rp.err;
}

void opener_stop(struct opener *op)
{
	if (!op)
		return;
	close(op->sock);
	waitpid(op->pid, NULL, 0);
	free(op);
}
