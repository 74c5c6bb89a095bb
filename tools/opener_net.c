/* SPDX-License-Identifier: MIT */
/* A port's files and interfaces, asked for and opened. */
#include "tools/opener_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"

_Static_assert(NETDRV_MAX_FDS <= OPENER_MAX_FDS, "a port's files in one reply");

/* Strings: "" is one, NULL is a bit in `none`. */
enum { TARGET, OPTIONS, BRIDGE, IFNAME };

struct request {
	char driver[32];
	char target[OPENER_STR];
	char options[OPENER_STR];
	char bridge[NETDRV_NAME_MAX * 4]; /* more than a name: the driver complains */
	char ifname[NETDRV_NAME_MAX * 4];
	uint32_t none;
	uint8_t mac[6];
	uint32_t mtu, queues;
};

struct answer {
	char made[NETDRV_NAME_MAX];
	uint32_t found_mtu;
};
_Static_assert(sizeof(struct answer) <= sizeof(((struct opener_reply *)0)->data),
	       "opener.h");

static bool may_open(const struct netdrv_params *p, const char *path)
{
	return opener_may_make(p->may_open_arg, path);
}

static const char *given(const struct request *rq, int what, char *s, size_t size)
{
	s[size - 1] = '\0';
	return rq->none & 1u << what ? NULL : s;
}

static void serve(void *request, const struct opener_rules *rules,
		  struct opener_reply *rp, int *fds, int *nfds)
{
	struct request *rq = request;
	struct netdrv_params p = {
		.driver = rq->driver,
		.target = given(rq, TARGET, rq->target, sizeof(rq->target)),
		.options = given(rq, OPTIONS, rq->options, sizeof(rq->options)),
		.bridge = given(rq, BRIDGE, rq->bridge, sizeof(rq->bridge)),
		.ifname = given(rq, IFNAME, rq->ifname, sizeof(rq->ifname)),
		.mtu = rq->mtu,
		.queues = rq->queues,
		.may_open = may_open,
		.may_open_arg = (void *)(uintptr_t)rules,
	};
	cleanup_free char *why = NULL;
	const struct netdrv_ops *ops;
	struct answer a;

	memcpy(p.mac, rq->mac, sizeof(p.mac));
	rq->driver[sizeof(rq->driver) - 1] = '\0';
	ops = netdrv_find(rq->driver);
	rp->err = ops && ops->open_files ? ops->open_files(&p, &why) : -EINVAL;
	if (rp->err)
		snprintf(rp->why, sizeof(rp->why), "%s", why ? why : strerror(-rp->err));
	*nfds = p.nfds;
	memcpy(fds, p.fds, (size_t)p.nfds * sizeof(p.fds[0]));
	memcpy(a.made, p.made, sizeof(a.made));
	a.found_mtu = p.found_mtu;
	memcpy(rp->data, &a, sizeof(a));
}

int opener_net_start(const struct opener_rules *rules, struct opener **op)
{
	return opener_start(sizeof(struct request), serve, rules, op);
}

static int put(struct request *rq, int what, const char *from, char *to, size_t size)
{
	if (!from) {
		rq->none |= 1u << what;
		return 0;
	}
	if (strlen(from) >= size)
		return -ENAMETOOLONG;
	strcpy(to, from);
	return 0;
}

int opener_net_open(void *op, struct netdrv_params *p, char **why)
{
	cleanup_free struct request *rq = calloc(1, sizeof(*rq));
	struct opener_reply rp;
	int fds[OPENER_MAX_FDS], nfds = 0, err;
	struct answer a;

	if (!rq)
		return -ENOMEM;
	if (strlen(p->driver) >= sizeof(rq->driver) ||
	    put(rq, TARGET, p->target, rq->target, sizeof(rq->target)) ||
	    put(rq, OPTIONS, p->options, rq->options, sizeof(rq->options)) ||
	    put(rq, BRIDGE, p->bridge, rq->bridge, sizeof(rq->bridge)) ||
	    put(rq, IFNAME, p->ifname, rq->ifname, sizeof(rq->ifname)))
		return -ENAMETOOLONG;
	strcpy(rq->driver, p->driver);
	memcpy(rq->mac, p->mac, sizeof(rq->mac));
	rq->mtu = p->mtu;
	rq->queues = p->queues;
	err = opener_ask(op, rq, &rp, fds, &nfds, why);
	if (err)
		return err;
	if (nfds > NETDRV_MAX_FDS) /* cannot be: the child is ours */
		return -EPROTO;
	p->nfds = nfds;
	memcpy(p->fds, fds, (size_t)nfds * sizeof(fds[0]));
	memcpy(&a, rp.data, sizeof(a));
	memcpy(p->made, a.made, sizeof(p->made));
	p->found_mtu = a.found_mtu;
	return 0;
}
