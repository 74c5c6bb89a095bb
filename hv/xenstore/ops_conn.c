/* SPDX-License-Identifier: MIT */
/* Requests about the connection itself: its watches and its transactions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/xenstore/ops.h"
#include "hv/xenstore/watch.h"

/* "<wpath>|<token>|", and perhaps a reserved string. */
static int req_watch(const struct xs_req *rq, struct xs_path *p, const char **token)
{
	const char *vec[3];

	if (req_strings_upto(rq, vec, 3) < 2)
		return -EINVAL;
	*token = vec[1];
	return req_path(rq, vec[0], true, p);
}

int op_watch(struct xs_req *rq)
{
	struct xs_watch *w;
	const char *token;
	struct xs_path p;
	int err = req_watch(rq, &p, &token);

	if (!err)
		err = watch_add(rq->view.srv, rq->conn, &p, token, &w);
	if (err)
		return err;
	watch_fire_first(rq->view.srv, w);
	return reply_ok(rq); /* which goes before all events */
}

int op_unwatch(struct xs_req *rq)
{
	const char *token;
	struct xs_path p;
	int err = req_watch(rq, &p, &token);

	if (!err)
		err = watch_remove(rq->view.srv, rq->conn, &p, token);
	return err ? err : reply_ok(rq);
}

int op_reset_watches(struct xs_req *rq)
{
	watch_remove_all(rq->view.srv, rq->conn);
	tx_end_all(rq->conn);
	return reply_ok(rq);
}

int op_transaction_start(struct xs_req *rq)
{
	char buf[16];
	uint32_t id;
	int err = rq->view.tx ? -EBUSY : tx_start(rq->conn, &id);

	if (err)
		return err;
	(void)snprintf(buf, sizeof(buf), "%u", id);
	return reply_string(rq, buf);
}

int op_transaction_end(struct xs_req *rq)
{
	const char *s;
	int err = req_strings(rq, &s, 1);

	if (err || (strcmp(s, "T") != 0 && strcmp(s, "F") != 0))
		return -EINVAL;
	if (!rq->view.tx)
		return -ENOENT;
	if (*s == 'T')
		err = tx_commit(rq->view.tx);
	tx_end(rq->view.tx);
	return err ? err : reply_ok(rq);
}
