/* SPDX-License-Identifier: MIT */
/* Requests about domains, and CONTROL. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/log.h"
#include "hv/xenstore/ops.h"
#include "hv/xenstore/watch.h"

/* n strings, the first of them a domain id. */
static int req_domid(const struct xs_req *rq, const char **vec, unsigned n,
		     domid_t *domid)
{
	int err = req_strings(rq, vec, n);

	return err ? err : path_domid(vec[0], domid);
}

/* ... of a domain that is introduced. */
static int req_domain(const struct xs_req *rq, const char **vec, unsigned n,
		      struct xs_domain **d)
{
	domid_t id;
	int err = req_domid(rq, vec, n, &id);

	if (err)
		return err;
	*d = domain_find(rq->view.srv, id);
	return *d && (*d)->introduced ? 0 : -ENOENT;
}

/* <mfn> and <evtchn> are for shared rings: a process domain has a socket. */
int op_introduce(struct xs_req *rq)
{
	const char *vec[3];
	domid_t id;
	int err = req_domid(rq, vec, 3, &id);

	if (!err && (id == 0 || id >= DOMID_FIRST_RESERVED))
		err = -EINVAL;
	if (!err)
		err = domain_introduce(rq->view.srv, id);
	return err && err != -EEXIST ? err : reply_ok(rq);
}

int op_release(struct xs_req *rq)
{
	const char *vec[1];
	domid_t id;
	int err = req_domid(rq, vec, 1, &id);

	if (!err)
		err = id ? domain_release(rq->view.srv, id) : -EINVAL;
	return err ? err : reply_ok(rq);
}

int op_resume(struct xs_req *rq)
{
	const char *vec[1];
	struct xs_domain *d;
	int err = req_domain(rq, vec, 1, &d);

	return err ? err : reply_ok(rq);
}

int op_set_target(struct xs_req *rq)
{
	const char *vec[2];
	struct xs_domain *d;
	const struct xs_domain *target;
	domid_t id;
	int err = req_domain(rq, vec, 2, &d);

	if (!err)
		err = path_domid(vec[1], &id);
	if (err)
		return err;
	target = domain_find(rq->view.srv, id);
	if (!target || !target->introduced)
		return -ENOENT;
	if (domain_privileged(d) || domain_privileged(target) || target == d)
		return -EINVAL;
	d->has_target = true;
	d->target = id;
	d->target_epoch = target->epoch;
	return reply_ok(rq);
}

int op_get_domain_path(struct xs_req *rq)
{
	char buf[32];
	const char *vec[1];
	domid_t id;
	int err = req_domid(rq, vec, 1, &id);

	if (err)
		return err;
	if (id == DOMID_SELF)
		id = rq->conn->dom->id;
	(void)snprintf(buf, sizeof(buf), XS_HOME_FMT, id);
	return reply_string(rq, buf);
}

/* A domain may ask about itself; of others only dom0 is told. */
int op_is_domain_introduced(struct xs_req *rq)
{
	const char *vec[1];
	const struct xs_domain *d, *self = rq->conn->dom;
	domid_t id;
	int err = req_domid(rq, vec, 1, &id);

	if (err)
		return err;
	if (id == DOMID_SELF)
		id = self->id;
	if (!domain_privileged(self) && id != self->id)
		return -EACCES;
	d = domain_find(rq->view.srv, id);
	return reply_string(rq, d && d->introduced ? "T" : "F");
}

static int control_help(struct xs_req *rq, const char *arg)
{
	(void)arg;
	return reply_string(rq, "check help log memreport print quota");
}

static int control_check(struct xs_req *rq, const char *arg)
{
	const char *wrong = xs_check(rq->view.srv);

	(void)arg;
	if (!wrong)
		return reply_ok(rq);
	log_err("xenstore: check: %s", wrong);
	return reply_string(rq, wrong);
}

static int control_log(struct xs_req *rq, const char *arg)
{
	if (!arg || (strcmp(arg, "on") != 0 && strcmp(arg, "off") != 0))
		return -EINVAL;
	log_set_level(strcmp(arg, "on") == 0 ? LOG_DEBUG : LOG_WARN);
	return reply_ok(rq);
}

static int control_print(struct xs_req *rq, const char *arg)
{
	if (!arg)
		return -EINVAL;
	log_info("xenstore: %s", arg);
	return reply_ok(rq);
}

static int control_memreport(struct xs_req *rq, const char *arg)
{
	const struct xs_server *srv = rq->view.srv;
	char buf[256];

	(void)arg;
	(void)snprintf(buf, sizeof(buf),
		       "nodes %u\ndomains %u\nwatches %u\npending events %u\n",
		       HASH_COUNT(srv->tree.by_path), HASH_COUNT(srv->domains),
		       HASH_COUNT(srv->watches), HASH_COUNT(srv->events));
	return reply_string(rq, buf);
}

/* The bounds, or what one domain uses of them. */
static int control_quota(struct xs_req *rq, const char *arg)
{
	const struct xs_quota *q = &rq->view.srv->quota;
	const struct xs_domain *d;
	char buf[512];
	domid_t id;

	if (!arg) {
		(void)snprintf(
			buf, sizeof(buf),
			"nodes %u\nnode-size %u\nwatches %u\ntransactions %u\n"
			"permissions %u\npath-length %u\nmemory %u\noutstanding %u\n",
			q->nodes, q->node_size, q->watches, q->transactions, q->perms,
			q->path_len, q->memory, q->outstanding);
		return reply_string(rq, buf);
	}
	if (path_domid(arg, &id))
		return -EINVAL;
	d = domain_find(rq->view.srv, id);
	if (!d)
		return -ENOENT;
	(void)snprintf(buf, sizeof(buf),
		       "nodes %u\ngiven %u\nwatches %u\ntransactions %u\nmemory %llu\n"
		       "outstanding %llu\n",
		       d->nodes, d->given, d->watches, d->transactions,
		       (unsigned long long)d->memory, (unsigned long long)d->outstanding);
	return reply_string(rq, buf);
}

int op_control(struct xs_req *rq)
{
	static const struct {
		const char *name;
		int (*fn)(struct xs_req *rq, const char *arg);
	} commands[] = {
		{ "help", control_help },
		{ "check", control_check },
		{ "log", control_log },
		{ "print", control_print },
		{ "memreport", control_memreport },
		{ "quota", control_quota },
	};
	const char *vec[2];
	int n = req_strings_upto(rq, vec, 2);

	for (unsigned i = 0; n > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(vec[0], commands[i].name) == 0)
			return commands[i].fn(rq, n > 1 ? vec[1] : NULL);
	return -EINVAL;
}
