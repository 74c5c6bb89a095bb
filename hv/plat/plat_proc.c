/* SPDX-License-Identifier: MIT */
/* The platform of process domains: the connection, claims, the table of operations. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/plat/proc_int.h"
#include "hv/proc/hvclient.h"

int proc_call(struct plat_proc *pp, struct hvcall *call, struct hvreply *reply, int *fds,
	      int *nfds)
{
	int err;

	if (nfds)
		*nfds = 0;
	pthread_mutex_lock(&pp->call_lock);
	err = pp->gone ? -ENOTCONN : hvclient_call(pp->sock, call, reply, fds, nfds);
	if (err == -ENOTCONN)
		pp->gone = true;
	pthread_mutex_unlock(&pp->call_lock);
	return err;
}

int proc_call_fds(struct plat_proc *pp, struct hvcall *call, struct hvreply *reply,
		  int *fds, int want)
{
	int nfds, err = proc_call(pp, call, reply, fds, &nfds);

	if (err || nfds == want)
		return err;
	while (nfds > 0)
		close(fds[--nfds]);
	return -EPROTO;
}

static int proc_claim(struct plat *p, const char *path, bool take)
{
	struct hvcall call = { .op = take ? HVCALL_CLAIM : HVCALL_UNCLAIM };
	struct hvreply reply;
	int err = hvclient_str(&call, path);

	return err ? err : proc_call(proc_of(p), &call, &reply, NULL, NULL);
}

/* The xenstore connection is made when it is first wanted. */
static int proc_xs_get(struct plat_proc *pp)
{
	struct hvcall call = { .op = HVCALL_XENSTORE_CONNECT };
	int fds[HVCALL_MAX_FDS], err;
	struct hvreply reply;

	if (proc_xs_is_open(&pp->xs))
		return 0;
	err = proc_call_fds(pp, &call, &reply, fds, 1);
	return err ? err : proc_xs_open(&pp->xs, fds[0]);
}

static int proc_xs_request(struct plat *p, uint32_t type, xenstore_tx_t tx,
			   const void *payload, size_t len, char **reply,
			   size_t *reply_len)
{
	struct plat_proc *pp = proc_of(p);
	int err = proc_xs_get(pp);

	if (err)
		return err;
	return proc_xs_call(&pp->xs, type, tx, payload, len, reply, reply_len);
}

static int proc_xs_wait_fd(struct plat *p)
{
	struct plat_proc *pp = proc_of(p);
	int err = proc_xs_get(pp);

	return err ? err : pp->xs.wait_fd;
}

static int proc_xs_event(struct plat *p, char **path, char **token)
{
	struct plat_proc *pp = proc_of(p);
	int err = proc_xs_get(pp);

	return err ? err : proc_xs_next(&pp->xs, path, token);
}

static void proc_close(struct plat *p)
{
	struct plat_proc *pp = proc_of(p);

	proc_mappers_end(pp);
	proc_evtchns_end(pp);
	proc_arenas_end(pp);
	proc_xs_close(&pp->xs);
	close(pp->sock);
	pthread_mutex_destroy(&pp->lock);
	pthread_mutex_destroy(&pp->call_lock);
	free(pp);
}

static const struct plat_ops proc_ops = {
	.name = "proc",
	.close = proc_close,
	.claim = proc_claim,
	.arena_new = proc_arena_new,
	.end_access = proc_end_access,
	.grant = proc_grant,
	.arena_free = proc_arena_free,
	.mapper_new = proc_mapper_new,
	.mapper_free = proc_mapper_free,
	.map_refs = proc_map_refs,
	.unmap_refs = proc_unmap_refs,
	.map_ring = proc_map_ring,
	.unmap_ring = proc_unmap_ring,
	.region = proc_region,
	.evtchn_alloc = proc_evtchn_alloc,
	.evtchn_bind = proc_evtchn_bind,
	.evtchn_notify = proc_evtchn_notify,
	.evtchn_ack = proc_evtchn_ack,
	.evtchn_close = proc_evtchn_close,
	.xs_request = proc_xs_request,
	.xs_fd = proc_xs_wait_fd,
	.xs_event = proc_xs_event,
};

/* A decimal domid, or -1. */
static int parse_domid(const char *s)
{
	unsigned long v;
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	v = strtoul(s, &end, 10);
	return *end || v >= DOMID_FIRST_RESERVED ? -1 : (int)v;
}

/* The connection that a launcher handed over; it serves one plat. */
static int connect_passed(const char *env, const char *domain, const char **err_what)
{
	char name[HVCALL_NAME_MAX], *end;
	long fd = strtol(env, &end, 10);
	domid_t domid;
	int err;

	*err_what = "$TANDEM_HV_FD";
	if (end == env || *end || fd < 0 || fd > 1 << 20)
		return -EBADF;
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	err = hvclient_hello((int)fd, &domid, name);
	if (err)
		return err;
	if (domain && strcmp(domain, name) && parse_domid(domain) != domid) {
		*err_what = "$TANDEM_HV_FD is another domain";
		return -EACCES;
	}
	unsetenv("TANDEM_HV_FD");
	return (int)fd;
}

/* dom0's connection; then, for another domain, one of its own. */
static int connect_socket(const char *domain, const char **err_what)
{
	static _Thread_local char what[160];
	int id = domain ? parse_domid(domain) : 0, conn, err;
	cleanup_close int sock = hvclient_connect(NULL, what, sizeof(what));

	*err_what = what;
	if (sock < 0)
		return sock == -ECONNREFUSED ? -ENOENT : sock;
	if (!id)
		return take_fd(sock);
	err = hvclient_domain_connect(sock, (domid_t)(id > 0 ? id : 0),
				      id > 0 ? NULL : domain, &conn);
	if (err)
		snprintf(what, sizeof(what), "domain %s", domain);
	return err ? err : conn;
}

int plat_proc_open(const char *domain, struct plat **plat, const char **err_what)
{
	const char *env = getenv("TANDEM_HV_FD");
	cleanup_close int sock = -1;
	struct plat_proc *pp;
	int err;

	sock = env ? connect_passed(env, domain, err_what)
		   : connect_socket(domain, err_what);
	if (sock < 0)
		return sock;
	pp = calloc(1, sizeof(*pp));
	if (!pp)
		return -ENOMEM;
	err = hvclient_hello(sock, &pp->plat.domid, pp->plat.name);
	if (err) {
		free(pp);
		return err;
	}
	pp->plat.ops = &proc_ops;
	pp->sock = take_fd(sock);
	/* cannot fail: default attributes */
	(void)pthread_mutex_init(&pp->lock, NULL);
	(void)pthread_mutex_init(&pp->call_lock, NULL);
	LIST_INIT(&pp->arenas);
	LIST_INIT(&pp->evtchns);
	LIST_INIT(&pp->mappers);
	LIST_INIT(&pp->peers);
	proc_xs_init(&pp->xs);
	*plat = &pp->plat;
	return 0;
}
