/* SPDX-License-Identifier: MIT */
/* The control protocol's handlers: number -> what it may carry, who may call. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/core/evtchn.h"
#include "hv/core/gnttab.h"
#include "hv/proc/server_int.h"

#define XS_CONNECTIONS_MAX 8u /* that one connection may ask for, ever */

/* Fields that a call may use; all others must be zero. F_FDS: and HVCALL_VM_FDS
 * descriptors come with it. */
enum { F_DOMID = 1, F_ID = 2, F_VALUE = 4, F_FLAGS = 8, F_STR = 16, F_FDS = 32 };

static uint32_t domain_flags(const struct domain *dom)
{
	return dom->vm ? HVCALL_DOMAIN_VM : 0;
}

static int call_hello(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	(void)call;
	c->hello = true;
	ans->reply.domid = c->client.dom->id;
	ans->reply.flags = domain_flags(c->client.dom);
	memcpy(ans->reply.name, c->client.dom->name, sizeof(ans->reply.name));
	return 0;
}

static int call_domain_create(struct conn *c, const struct hvcall *call,
			      struct answer *ans)
{
	struct domain *dom;
	int err;

	if (call->domid >= DOMID_FIRST_RESERVED || call->flags & ~HVCALL_DOMAIN_VM)
		return -EINVAL;
	err = domain_create(c->srv->reg, call->str, (domid_t)call->domid, &dom);
	if (err)
		return err;
	dom->vm = call->flags & HVCALL_DOMAIN_VM;
	/* a VM is introduced when it has memory */
	err = dom->vm ? xs_server_name(c->srv->xs, dom->id, dom->name)
		      : xs_server_introduce(c->srv->xs, dom->id, dom->name);
	if (err) {
		/* cannot fail: it is new and not dom0 */
		(void)domain_destroy(dom);
		return err;
	}
	ans->reply.domid = dom->id;
	return 0;
}

static int call_domain_destroy(struct conn *c, const struct hvcall *call,
			       struct answer *ans)
{
	struct domain *dom = domain_by_id(c->srv->reg, call->domid);

	(void)ans;
	if (!dom)
		return -ENOENT;
	if (!dom->id)
		return -EPERM;
	while (!LIST_EMPTY(&dom->clients))
		conn_end(conn_of(LIST_FIRST(&dom->clients)));
	/* cannot fail: known there since the domain was created */
	(void)xs_server_release(c->srv->xs, dom->id);
	return domain_destroy(dom);
}

static int call_domain_next(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	struct domain *dom = domain_next(c->srv->reg, call->domid);

	if (!dom)
		return -ENOENT;
	ans->reply.domid = dom->id;
	ans->reply.value = dom->nr_clients;
	ans->reply.flags = domain_flags(dom);
	memcpy(ans->reply.name, dom->name, sizeof(ans->reply.name));
	return 0;
}

static int call_domain_process(struct conn *c, const struct hvcall *call,
			       struct answer *ans)
{
	struct domain *dom = domain_by_id(c->srv->reg, call->domid);
	struct client *cl = dom ? LIST_FIRST(&dom->clients) : NULL;

	for (uint32_t i = 0; cl && i < call->id; i++)
		cl = LIST_NEXT(cl, link);
	if (!cl)
		return -ENOENT;
	ans->reply.value = (uint32_t)conn_of(cl)->pid;
	return 0;
}

static int call_domain_connect(struct conn *c, const struct hvcall *call,
			       struct answer *ans)
{
	struct registry *reg = c->srv->reg;
	struct domain *dom = *call->str ? domain_by_name(reg, call->str)
					: domain_by_id(reg, call->domid);
	int sv[2], err;

	if (!dom)
		return -ENOENT;
	if (*call->str && call->domid)
		return -EINVAL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -ENOMEM;
	err = hvserver_connect(c->srv, sv[0], dom->id);
	if (err) {
		close(sv[1]);
		return err;
	}
	ans->fds[ans->nfds++] = sv[1];
	ans->reply.domid = dom->id;
	memcpy(ans->reply.name, dom->name, sizeof(ans->reply.name));
	return 0;
}

static int call_xenstore_connect(struct conn *c, const struct hvcall *call,
				 struct answer *ans)
{
	int sv[2], err;

	(void)call;
	if (c->xs_connections >= XS_CONNECTIONS_MAX)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return -ENOMEM;
	err = xs_server_connect(c->srv->xs, sv[0], c->client.dom->id);
	if (err) {
		close(sv[1]);
		return err;
	}
	c->xs_connections++;
	ans->fds[ans->nfds++] = sv[1];
	return 0;
}

static int call_arena_create(struct conn *c, const struct hvcall *call,
			     struct answer *ans)
{
	struct arena *a;
	int n;

	if (call->domid >= DOMID_FIRST_RESERVED || call->flags & ~HVCALL_ARENA_RO)
		return -EINVAL;
	n = arena_create(&c->client, (domid_t)call->domid, call->value,
			 call->flags & HVCALL_ARENA_RO, &a);
	if (n)
		return n;
	n = arena_fds(a, true, ans->fds);
	if (n < 0) {
		/* cannot fail: it is this client's */
		(void)arena_destroy(&c->client, a->id);
		return n;
	}
	ans->nfds = n;
	ans->reply.id = a->id;
	ans->reply.value = a->first;
	ans->reply.flags = call->flags;
	return 0;
}

static int call_arena_destroy(struct conn *c, const struct hvcall *call,
			      struct answer *ans)
{
	(void)ans;
	return arena_destroy(&c->client, call->id);
}

void conns_sweep(struct conn *self)
{
	struct client *cl = LIST_FIRST(&self->client.dom->clients), *next;

	for (; cl; cl = next) {
		struct pollfd p = { .fd = conn_of(cl)->fd };

		next = LIST_NEXT(cl, link);
		if (conn_of(cl) != self && poll(&p, 1, 0) == 1 && p.revents & POLLHUP)
			conn_end(conn_of(cl));
	}
}

static int call_arena_map(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	struct arena *a;
	int n;

	if (call->domid >= DOMID_FIRST_RESERVED)
		return -ENOENT;
	conns_sweep(c);
	n = arena_map(&c->client, (domid_t)call->domid, call->id, &a);
	if (n)
		return n;
	n = arena_fds(a, false, ans->fds);
	if (n < 0) {
		/* cannot fail: just mapped */
		(void)arena_unmap(&c->client, (domid_t)call->domid, call->id);
		return n;
	}
	ans->nfds = n;
	ans->reply.value = a->vm ? a->ram_pages : a->total;
	ans->reply.flags = a->readonly ? HVCALL_ARENA_RO : 0;
	if (a->vm) {
		ans->reply.id = a->low_pages;
		ans->reply.domid = arena_entry_pages(a);
		ans->reply.flags = HVCALL_ARENA_VM;
	}
	return 0;
}

static int call_arena_unmap(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	(void)ans;
	if (call->domid >= DOMID_FIRST_RESERVED)
		return -ENOENT;
	return arena_unmap(&c->client, (domid_t)call->domid, call->id);
}

static int answer_port(struct conn *c, struct port *p, struct answer *ans)
{
	int n = port_fds(p, ans->fds);

	if (n < 0) {
		/* cannot fail: it is this client's */
		(void)port_close(&c->client, p->nr);
		return n;
	}
	ans->nfds = n;
	ans->reply.id = p->nr;
	ans->reply.flags = port_is_eventfd(p) ? HVCALL_EVTCHN_EVENTFD : 0;
	return 0;
}

static int call_evtchn_alloc(struct conn *c, const struct hvcall *call,
			     struct answer *ans)
{
	struct port *p;
	int err;

	if (call->domid >= DOMID_FIRST_RESERVED)
		return -ENOENT;
	err = port_alloc_unbound(&c->client, (domid_t)call->domid, call->value, &p);
	return err ? err : answer_port(c, p, ans);
}

static int call_evtchn_bind(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	struct port *p;
	int err;

	if (call->domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	err = port_bind_interdomain(&c->client, (domid_t)call->domid, call->id,
				    call->value, &p);
	return err ? err : answer_port(c, p, ans);
}

static int call_evtchn_local(struct conn *c, const struct hvcall *call,
			     struct answer *ans)
{
	struct port *p;
	int err = port_alloc_local(&c->client, call->id, call->value, &p);

	if (!err)
		ans->reply.id = p->nr;
	return err;
}

static int call_evtchn_close(struct conn *c, const struct hvcall *call,
			     struct answer *ans)
{
	(void)ans;
	return port_close(&c->client, call->id);
}

static int call_evtchn_status(struct conn *c, const struct hvcall *call,
			      struct answer *ans)
{
	domid_t remote;
	int status = port_status(&c->client, call->id, &remote);

	if (status < 0)
		return status;
	ans->reply.value = (uint32_t)status;
	ans->reply.domid = remote;
	return 0;
}

static int call_evtchn_reset(struct conn *c, const struct hvcall *call,
			     struct answer *ans)
{
	(void)call;
	(void)ans;
	evtchn_client_end(&c->client);
	return 0;
}

static int call_claim(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	(void)ans;
	return claim_take(c, call->str);
}

static int call_unclaim(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	(void)ans;
	return claim_drop(c, call->str);
}

static const struct hvcall_handler {
	int (*fn)(struct conn *, const struct hvcall *, struct answer *);
	unsigned fields;
	bool dom0;
} handlers[HVCALL_NR_OPS] = {
	[HVCALL_HELLO] = { call_hello, 0, false },
	[HVCALL_DOMAIN_CREATE] = { call_domain_create, F_DOMID | F_FLAGS | F_STR, true },
	[HVCALL_DOMAIN_DESTROY] = { call_domain_destroy, F_DOMID, true },
	[HVCALL_DOMAIN_NEXT] = { call_domain_next, F_DOMID, true },
	[HVCALL_DOMAIN_CONNECT] = { call_domain_connect, F_DOMID | F_STR, true },
	[HVCALL_XENSTORE_CONNECT] = { call_xenstore_connect, 0, false },
	[HVCALL_ARENA_CREATE] = { call_arena_create, F_DOMID | F_VALUE | F_FLAGS, false },
	[HVCALL_ARENA_DESTROY] = { call_arena_destroy, F_ID, false },
	[HVCALL_ARENA_MAP] = { call_arena_map, F_DOMID | F_ID, false },
	[HVCALL_EVTCHN_ALLOC_UNBOUND] = { call_evtchn_alloc, F_DOMID | F_VALUE, false },
	[HVCALL_EVTCHN_BIND_INTERDOMAIN] = { call_evtchn_bind, F_DOMID | F_ID | F_VALUE,
					     false },
	[HVCALL_EVTCHN_CLOSE] = { call_evtchn_close, F_ID, false },
	[HVCALL_EVTCHN_STATUS] = { call_evtchn_status, F_ID, false },
	[HVCALL_EVTCHN_RESET] = { call_evtchn_reset, 0, false },
	[HVCALL_CLAIM] = { call_claim, F_STR, false },
	[HVCALL_UNCLAIM] = { call_unclaim, F_STR, false },
	[HVCALL_ARENA_UNMAP] = { call_arena_unmap, F_DOMID | F_ID, false },
	[HVCALL_VM_MEMORY] = { call_vm_memory, F_ID | F_VALUE | F_FDS, false },
	[HVCALL_EVTCHN_ALLOC_LOCAL] = { call_evtchn_local, F_ID | F_VALUE, false },
	[HVCALL_DOMAIN_PROCESS] = { call_domain_process, F_DOMID | F_ID, true },
};

/* NUL-terminated, zeros behind it. */
static bool str_valid(const char *str, size_t size)
{
	for (size_t i = strnlen(str, size - 1); i < size; i++)
		if (str[i])
			return false;
	return true;
}

static bool call_valid(const struct hvcall *call, unsigned fields)
{
	return (fields & F_DOMID || !call->domid) && (fields & F_ID || !call->id) &&
	       (fields & F_VALUE || !call->value) && (fields & F_FLAGS || !call->flags) &&
	       (fields & F_STR || !*call->str) && str_valid(call->str, sizeof(call->str));
}

int conn_call(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	const struct hvcall_handler *h;

	memset(&ans->reply, 0, sizeof(ans->reply));
	ans->nfds = 0;
	if (call->op == HVCALL_HELLO && call->version != HVCALL_VERSION) {
		ans->reply.status = -EPROTO;
		return 0;
	}
	if (call->version != HVCALL_VERSION || call->op >= HVCALL_NR_OPS)
		return -EPROTO;
	h = &handlers[call->op];
	if (!call_valid(call, h->fields) || (!c->hello && call->op != HVCALL_HELLO))
		return -EPROTO;
	if (ans->ncame != (c->client.dom->vm && h->fields & F_FDS ? HVCALL_VM_FDS : 0))
		return -EPROTO;
	if (h->dom0 && c->client.dom->id)
		ans->reply.status = -EPERM;
	else
		ans->reply.status = h->fn(c, call, ans);
	return 0;
}
