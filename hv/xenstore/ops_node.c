/* SPDX-License-Identifier: MIT */
/* Requests about nodes: read, write, list, remove, permissions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xenstore/ops.h"

#define PERMS_MAX (XENSTORE_PAYLOAD_MAX / 3) /* "r0" and a NUL each */

/* The payload is one path. */
static int req_one_path(const struct xs_req *rq, bool special, struct xs_path *p)
{
	const char *s;
	int err = req_strings(rq, &s, 1);

	return err ? err : req_path(rq, s, special, p);
}

int op_read(struct xs_req *rq)
{
	const struct xs_body *b;
	struct xs_path p;
	int err = req_one_path(rq, false, &p);

	if (!err)
		err = view_read(&rq->view, &p, XS_PERM_READ, 1u << XS_GEN_VALUE, &b);
	return err ? err : reply(rq, body_value(b), b->len);
}

int op_write(struct xs_req *rq)
{
	const char *end = memchr(rq->data, '\0', rq->hdr.len);
	struct xs_path p;
	int err = end ? req_path(rq, rq->data, false, &p) : -EINVAL;

	if (!err)
		err = view_write(&rq->view, &p, end + 1,
				 rq->hdr.len - (uint32_t)(end + 1 - rq->data));
	return err ? err : reply_ok(rq);
}

int op_mkdir(struct xs_req *rq)
{
	struct xs_path p;
	int err = req_one_path(rq, false, &p);

	if (!err)
		err = view_mkdir(&rq->view, &p);
	return err ? err : reply_ok(rq);
}

int op_rm(struct xs_req *rq)
{
	struct xs_path p;
	int err = req_one_path(rq, false, &p);

	if (!err)
		err = view_remove(&rq->view, &p);
	return err ? err : reply_ok(rq);
}

int op_directory(struct xs_req *rq)
{
	struct xs_names names;
	struct xs_path p;
	int err = req_one_path(rq, false, &p);

	if (!err)
		err = view_list(&rq->view, &p, &names);
	if (err)
		return err;
	err = reply(rq, names.s, names.len);
	free(names.s);
	return err;
}

/* Whole names from `at` on, as many as fit; one empty name behind the last. */
static int reply_part(struct xs_req *rq, const struct xs_names *names, size_t at)
{
	char buf[XENSTORE_PAYLOAD_MAX];
	size_t len = (size_t)snprintf(buf, sizeof(buf), "%" PRIu64, names->gen) + 1;

	while (at < names->len) {
		size_t n = strlen(names->s + at) + 1;

		if (len + n + 1 > sizeof(buf))
			return reply(rq, buf, len);
		memcpy(buf + len, names->s + at, n);
		len += n;
		at += n;
	}
	buf[len++] = '\0';
	return reply(rq, buf, len);
}

int op_directory_part(struct xs_req *rq)
{
	const char *vec[2];
	struct xs_names names;
	struct xs_path p;
	unsigned long at;
	char *end;
	int err = req_strings(rq, vec, 2);

	if (!err)
		err = req_path(rq, vec[0], false, &p);
	if (err)
		return err;
	at = strtoul(vec[1], &end, 10);
	if (*end || vec[1][0] < '0' || vec[1][0] > '9')
		return -EINVAL;
	err = view_list(&rq->view, &p, &names);
	if (err)
		return err;
	/* a name starts there: the offsets we gave are such */
	if (at > names.len || (at > 0 && names.s[at - 1]))
		err = -EINVAL;
	else
		err = reply_part(rq, &names, at);
	free(names.s);
	return err;
}

int op_get_perms(struct xs_req *rq)
{
	char buf[XENSTORE_PAYLOAD_MAX];
	const struct xs_body *b;
	struct xs_path p;
	long len;
	int err = req_one_path(rq, true, &p);

	if (!err)
		err = view_read(&rq->view, &p, XS_PERM_READ, 0, &b);
	if (err)
		return err;
	len = perms_format(rq->view.srv, b, buf, sizeof(buf));
	return len < 0 ? (int)len : reply(rq, buf, (size_t)len);
}

/*
 * The incarnation that a permission names. dom0 may name domains that are yet
 * to come; for others an id that nobody has means nothing.
 */
static int perm_resolve(struct xs_req *rq, struct xs_perm *perm)
{
	const struct xs_domain *d;

	if (domain_privileged(rq->conn->dom))
		d = domain_get(rq->view.srv, perm->id);
	else
		d = domain_find(rq->view.srv, perm->id);
	if (!d)
		return domain_privileged(rq->conn->dom) ? -ENOMEM : -EINVAL;
	perm->epoch = d->epoch;
	return 0;
}

int op_set_perms(struct xs_req *rq)
{
	const char *vec[1 + PERMS_MAX];
	struct xs_perm perms[PERMS_MAX];
	struct xs_path p;
	int n = req_strings_upto(rq, vec, 1 + PERMS_MAX), err;

	if (n < 2)
		return -EINVAL;
	n--;
	if (!domain_privileged(rq->conn->dom) && (uint32_t)n > rq->view.srv->quota.perms)
		return -ENOSPC;
	err = req_path(rq, vec[0], true, &p);
	for (int i = 0; !err && i < n; i++) {
		err = perm_parse(vec[1 + i], &perms[i]);
		if (!err)
			err = perm_resolve(rq, &perms[i]);
	}
	if (!err)
		err = view_set_perms(&rq->view, &p, perms, (uint32_t)n);
	return err ? err : reply_ok(rq);
}
