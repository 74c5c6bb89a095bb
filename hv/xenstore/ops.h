/* SPDX-License-Identifier: MIT */
/* Requests: each handler replies itself and returns 0, or returns the error to reply. */
#ifndef TANDEM_HV_XENSTORE_OPS_H
#define TANDEM_HV_XENSTORE_OPS_H

#include "hv/xenstore/conn.h"
#include "hv/xenstore/view.h"

struct xs_req {
	struct xs_view view;
	struct xs_conn *conn;
	struct xsd_sockmsg hdr;
	char *data; /* hdr.len bytes, private to the server */
};

typedef int xs_op_fn(struct xs_req *rq);

/* The payload's n strings, no more and no less. 0 or -EINVAL. */
int req_strings(const struct xs_req *rq, const char **vec, unsigned n);
/* As many strings as there are, up to max; their number or -EINVAL. */
int req_strings_upto(const struct xs_req *rq, const char **vec, unsigned max);
int req_path(const struct xs_req *rq, const char *s, bool special, struct xs_path *p);
int reply(struct xs_req *rq, const void *data, size_t len);
int reply_ok(struct xs_req *rq);
int reply_string(struct xs_req *rq, const char *s);

/* ops_node.c */
xs_op_fn op_directory, op_directory_part, op_read, op_write, op_mkdir, op_rm,
	op_get_perms, op_set_perms;
/* ops_conn.c */
xs_op_fn op_watch, op_unwatch, op_reset_watches, op_transaction_start, op_transaction_end;
/* ops_domain.c */
xs_op_fn op_introduce, op_release, op_resume, op_set_target, op_get_domain_path,
	op_is_domain_introduced, op_control;

#endif
