/* SPDX-License-Identifier: MIT */
/* A block driver's files, asked for and opened. */
#include "tools/opener_block.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"

_Static_assert(BLKDRV_MAX_FDS <= OPENER_MAX_FDS, "a driver's files in one reply");

struct request {
	char driver[32];
	char target[OPENER_STR];
	char options[OPENER_STR];
	bool has_options, readonly, direct;
	uint32_t sector_size;
};

static bool may_open(const struct blkdrv_params *p, const char *path)
{
	return opener_may_make(p->may_open_arg, path);
}

static void serve(void *request, const struct opener_rules *rules,
		  struct opener_reply *rp, int *fds, int *nfds)
{
	struct request *rq = request;
	const struct blkdrv_ops *ops;
	struct blkdrv_params p = {
		.driver = rq->driver,
		.target = rq->target,
		.options = rq->has_options ? rq->options : NULL,
		.readonly = rq->readonly,
		.direct = rq->direct,
		.sector_size = rq->sector_size,
		.may_open = may_open,
		.may_open_arg = (void *)(uintptr_t)rules,
	};

	rq->driver[sizeof(rq->driver) - 1] = '\0';
	rq->target[OPENER_STR - 1] = '\0';
	rq->options[OPENER_STR - 1] = '\0';
	ops = blkdrv_find(rq->driver);
	if (!ops || !ops->open_files) {
		rp->err = -EINVAL;
	} else if (!opener_allowed(rules, rq->target)) {
		rp->err = -EACCES;
		snprintf(rp->why, sizeof(rp->why),
			 "target=%.300s: outside of what --allow names", rq->target);
	} else {
		rp->err = ops->open_files(&p);
		if (rp->err)
			snprintf(rp->why, sizeof(rp->why), "target=%.300s: %s",
				 rq->target, strerror(-rp->err));
	}
	*nfds = p.nfds;
	memcpy(fds, p.fds, sizeof(p.fds));
}

int opener_block_start(const struct opener_rules *rules, struct opener **op)
{
	return opener_start(sizeof(struct request), serve, rules, op);
}

int opener_block_open(void *op, struct blkdrv_params *p, char **why)
{
	cleanup_free struct request *rq = calloc(1, sizeof(*rq));
	struct opener_reply rp;
	int fds[OPENER_MAX_FDS], nfds, err;

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
	err = opener_ask(op, rq, &rp, fds, &nfds, why);
	if (nfds > BLKDRV_MAX_FDS) /* cannot be: the child is ours */
		return -EPROTO;
	p->nfds = nfds;
	memcpy(p->fds, fds, (size_t)nfds * sizeof(fds[0]));
	return err;
}
