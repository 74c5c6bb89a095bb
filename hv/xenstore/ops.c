/* SPDX-License-Identifier: MIT */
/* Requests: the table, arguments and replies. */
#include "hv/xenstore/ops.h"

#include <errno.h>
#include <string.h>

#define OP_DOM0 1u /* dom0's alone */
#define OP_NOTX 2u /* tx_id is ignored */

static const struct {
	xs_op_fn *fn;
	unsigned flags;
} ops[XS_TYPE_COUNT] = {
	[XS_CONTROL] = { op_control, OP_DOM0 },
	[XS_DIRECTORY] = { op_directory, 0 },
	[XS_READ] = { op_read, 0 },
	[XS_GET_PERMS] = { op_get_perms, 0 },
	[XS_WATCH] = { op_watch, OP_NOTX },
	[XS_UNWATCH] = { op_unwatch, OP_NOTX },
	[XS_TRANSACTION_START] = { op_transaction_start, 0 },
	[XS_TRANSACTION_END] = { op_transaction_end, 0 },
	[XS_INTRODUCE] = { op_introduce, OP_DOM0 },
	[XS_RELEASE] = { op_release, OP_DOM0 },
	[XS_GET_DOMAIN_PATH] = { op_get_domain_path, 0 },
	[XS_WRITE] = { op_write, 0 },
	[XS_MKDIR] = { op_mkdir, 0 },
	[XS_RM] = { op_rm, 0 },
	[XS_SET_PERMS] = { op_set_perms, 0 },
	[XS_IS_DOMAIN_INTRODUCED] = { op_is_domain_introduced, 0 },
	[XS_RESUME] = { op_resume, OP_DOM0 },
	[XS_SET_TARGET] = { op_set_target, OP_DOM0 },
	[XS_RESET_WATCHES] = { op_reset_watches, OP_NOTX },
	[XS_DIRECTORY_PART] = { op_directory_part, 0 },
};

int req_strings_upto(const struct xs_req *rq, const char **vec, unsigned max)
{
	const char *s = rq->data, *end = s + rq->hdr.len;
	unsigned n = 0;

	for (; s < end; s += strlen(s) + 1) {
		if (n == max || !memchr(s, '\0', (size_t)(end - s)))
			return -EINVAL;
		vec[n++] = s;
	}
	return (int)n;
}

int req_strings(const struct xs_req *rq, const char **vec, unsigned n)
{
	return req_strings_upto(rq, vec, n) == (int)n ? 0 : -EINVAL;
}

int req_path(const struct xs_req *rq, const char *s, bool special, struct xs_path *p)
{
	const struct xs_domain *d = rq->conn->dom;
	size_t max = domain_privileged(d) ? XENSTORE_ABS_PATH_MAX
					  : rq->view.srv->quota.path_len;

	return path_parse(p, s, d->id, special, max);
}

int reply(struct xs_req *rq, const void *data, size_t len)
{
	if (len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	conn_send(rq->conn, &rq->hdr, data, len);
	return 0;
}

int reply_string(struct xs_req *rq, const char *s)
{
	return reply(rq, s, strlen(s) + 1);
}

int reply_ok(struct xs_req *rq)
{
	return reply_string(rq, "OK");
}

static void reply_error(struct xs_req *rq, int err)
{
	const char *name = "EINVAL";

	for (unsigned i = 0; i < XSD_NR_ERRORS; i++)
		if (xsd_errors[i].errnum == -err)
			name = xsd_errors[i].errstring;
	rq->hdr.type = XS_ERROR;
	(void)reply_string(rq, name); /* cannot fail: it is short */
}

static int req_run(struct xs_req *rq)
{
	unsigned type = rq->hdr.type;

	if (type >= XS_TYPE_COUNT || !ops[type].fn)
		return -ENOSYS;
	if (ops[type].flags & OP_DOM0 && !domain_privileged(rq->conn->dom))
		return -EACCES;
	if (rq->hdr.tx_id && !(ops[type].flags & OP_NOTX)) {
		rq->view.tx = tx_find(rq->conn, rq->hdr.tx_id);
		if (!rq->view.tx)
			return -ENOENT;
	}
	return ops[type].fn(rq);
}

void ops_request(struct xs_conn *conn, const struct xsd_sockmsg *hdr, char *data)
{
	struct xs_req rq = { .view = { .srv = conn->srv, .dom = conn->dom },
			     .conn = conn,
			     .hdr = *hdr,
			     .data = data };
	int err = req_run(&rq);

	if (err)
		reply_error(&rq, err);
}
