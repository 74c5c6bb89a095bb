/* SPDX-License-Identifier: MIT */
/* The platform that fails on purpose (plat_fault.h). */
#include "hv/plat/plat_fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/plat/plat_ops.h"
#include "ringproto/xs_wire.h"

/* The operations, and the error that a failing one returns. */
#define FAULT_OPS(X)             \
	X(claim, EBUSY)          \
	X(arena_new, ENOMEM)     \
	X(end_access, EBUSY)     \
	X(grant, ENOMEM)         \
	X(arena_free, 0)         \
	X(mapper_new, ENOMEM)    \
	X(mapper_free, 0)        \
	X(map_refs, EACCES)      \
	X(unmap_refs, 0)         \
	X(map_ring, EACCES)      \
	X(unmap_ring, 0)         \
	X(region, ENOENT)        \
	X(evtchn_alloc, ENOMEM)  \
	X(evtchn_bind, EINVAL)   \
	X(evtchn_notify, EAGAIN) \
	X(evtchn_ack, EPIPE)     \
	X(evtchn_close, 0)       \
	X(xs_request, EIO)       \
	X(xs_event, ENOMEM)

#define X(op, err) FAULT_##op,
enum fault_op { FAULT_OPS(X) FAULT_NR_OPS };
#undef X

static const struct {
	const char *name;
	int err; /* 0: cannot fail */
} fault_ops[] = {
#define X(op, err) { #op, err },
	FAULT_OPS(X)
#undef X
};

struct fault_rule {
	_Atomic uint64_t nth; /* 0: never */
	_Atomic int how;      /* enum fault_how */
	_Atomic uint32_t delay_us;
	_Atomic uint64_t calls, failed;
};
enum fault_how { FAULT_ONCE, FAULT_FROM, FAULT_EVERY };

struct plat_fault {
	struct plat plat;
	struct plat *below;
	struct fault_rule rules[FAULT_NR_OPS];
};

static struct plat_fault *fault_of(struct plat *p)
{
	return (struct plat_fault *)p;
}

static bool rule_fails(struct fault_rule *r, uint64_t call)
{
	uint64_t nth = atomic_load(&r->nth);

	if (!nth)
		return false;
	switch (atomic_load(&r->how)) {
	case FAULT_ONCE:
		return call == nth;
	case FAULT_FROM:
		return call >= nth;
	default:
		return call % nth == 0;
	}
}

/* Counts a call, waits as long as it is to wait; 0, or the error to return. */
static int fault_hit(struct plat *p, enum fault_op op)
{
	struct fault_rule *r = &fault_of(p)->rules[op];
	uint64_t call = atomic_fetch_add(&r->calls, 1) + 1;
	uint32_t us = atomic_load(&r->delay_us);
	const struct timespec ts = { us / 1000000, (long)(us % 1000000) * 1000 };

	if (us)
		nanosleep(&ts, NULL);
	if (!rule_fails(r, call))
		return 0;
	atomic_fetch_add(&r->failed, 1);
	return -fault_ops[op].err;
}

static const struct plat_ops *below(struct plat *p)
{
	return fault_of(p)->below->ops;
}

static void fault_close(struct plat *p)
{
	struct plat_fault *f = fault_of(p);

	plat_close(f->below);
	free(f);
}

static int fault_claim(struct plat *p, const char *path, bool take)
{
	int err = fault_hit(p, FAULT_claim);

	return err ? err : below(p)->claim(fault_of(p)->below, path, take);
}

static int fault_arena_new(struct plat *p, domid_t peer, uint32_t nr_pages, bool readonly,
			   struct gnttab_arena **a)
{
	int err = fault_hit(p, FAULT_arena_new);

	return err ? err
		   : below(p)->arena_new(fault_of(p)->below, peer, nr_pages, readonly, a);
}

static int fault_end_access(struct gnttab_arena *a, uint32_t page)
{
	int err = fault_hit(a->plat, FAULT_end_access);

	return err ? err : below(a->plat)->end_access(a, page);
}

static int fault_grant(struct gnttab_arena *a, uint32_t page)
{
	int err = fault_hit(a->plat, FAULT_grant);

	return err ? err : below(a->plat)->grant(a, page);
}

static void fault_arena_free(struct gnttab_arena *a)
{
	fault_hit(a->plat, FAULT_arena_free);
	below(a->plat)->arena_free(a);
}

static int fault_mapper_new(struct plat *p, domid_t peer, struct gnttab_mapper **m)
{
	int err = fault_hit(p, FAULT_mapper_new);

	return err ? err : below(p)->mapper_new(fault_of(p)->below, peer, m);
}

static void fault_mapper_free(struct gnttab_mapper *m)
{
	fault_hit(m->plat, FAULT_mapper_free);
	below(m->plat)->mapper_free(m);
}

static int fault_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			  int prot, void **addrs)
{
	int err = fault_hit(m->plat, FAULT_map_refs);

	return err ? err : below(m->plat)->map_refs(m, refs, n, prot, addrs);
}

static void fault_unmap_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			     int prot, void **addrs)
{
	fault_hit(m->plat, FAULT_unmap_refs);
	below(m->plat)->unmap_refs(m, refs, n, prot, addrs);
}

static int fault_map_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			  void **addr)
{
	int err = fault_hit(m->plat, FAULT_map_ring);

	return err ? err : below(m->plat)->map_ring(m, refs, n, addr);
}

static void fault_unmap_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			     void *addr)
{
	fault_hit(m->plat, FAULT_unmap_ring);
	below(m->plat)->unmap_ring(m, refs, n, addr);
}

static int fault_region(struct gnttab_mapper *m, const void *addr, void **base,
			size_t *len)
{
	int err = fault_hit(m->plat, FAULT_region);

	return err ? err : below(m->plat)->region(m, addr, base, len);
}

static int fault_evtchn_alloc(struct plat *p, domid_t remote, struct evtchn **ch)
{
	int err = fault_hit(p, FAULT_evtchn_alloc);

	return err ? err : below(p)->evtchn_alloc(fault_of(p)->below, remote, ch);
}

static int fault_evtchn_bind(struct plat *p, domid_t remote, evtchn_port_t port,
			     struct evtchn **ch)
{
	int err = fault_hit(p, FAULT_evtchn_bind);

	return err ? err : below(p)->evtchn_bind(fault_of(p)->below, remote, port, ch);
}

static void fault_evtchn_notify(struct evtchn *ch)
{
	if (!fault_hit(ch->plat, FAULT_evtchn_notify))
		below(ch->plat)->evtchn_notify(ch);
}

static int fault_evtchn_ack(struct evtchn *ch)
{
	int err = fault_hit(ch->plat, FAULT_evtchn_ack);

	return err ? err : below(ch->plat)->evtchn_ack(ch);
}

static void fault_evtchn_close(struct evtchn *ch)
{
	fault_hit(ch->plat, FAULT_evtchn_close);
	below(ch->plat)->evtchn_close(ch);
}

/* A transaction that fails at its end is over, and nothing of it is left. */
static int fault_tx_abort(struct plat *b, xenstore_tx_t tx)
{
	char *reply = NULL;
	size_t len;
	int err = b->ops->xs_request(b, XS_TRANSACTION_END, tx, "F", 2, &reply, &len);

	free(reply);
	return err ? err : -EAGAIN;
}

static int fault_xs_request(struct plat *p, uint32_t type, xenstore_tx_t tx,
			    const void *payload, size_t len, char **reply,
			    size_t *reply_len)
{
	struct plat *b = fault_of(p)->below;
	int err = fault_hit(p, FAULT_xs_request);

	if (!err)
		return b->ops->xs_request(b, type, tx, payload, len, reply, reply_len);
	return type == XS_TRANSACTION_END ? fault_tx_abort(b, tx) : err;
}

static int fault_xs_fd(struct plat *p)
{
	return below(p)->xs_fd(fault_of(p)->below);
}

static int fault_xs_event(struct plat *p, char **path, char **token)
{
	int err = fault_hit(p, FAULT_xs_event);

	return err ? err : below(p)->xs_event(fault_of(p)->below, path, token);
}

static const struct plat_ops fault_plat_ops = {
	.name = "fault",
	.close = fault_close,
	.claim = fault_claim,
	.arena_new = fault_arena_new,
	.end_access = fault_end_access,
	.grant = fault_grant,
	.arena_free = fault_arena_free,
	.mapper_new = fault_mapper_new,
	.mapper_free = fault_mapper_free,
	.map_refs = fault_map_refs,
	.unmap_refs = fault_unmap_refs,
	.map_ring = fault_map_ring,
	.unmap_ring = fault_unmap_ring,
	.region = fault_region,
	.evtchn_alloc = fault_evtchn_alloc,
	.evtchn_bind = fault_evtchn_bind,
	.evtchn_notify = fault_evtchn_notify,
	.evtchn_ack = fault_evtchn_ack,
	.evtchn_close = fault_evtchn_close,
	.xs_request = fault_xs_request,
	.xs_fd = fault_xs_fd,
	.xs_event = fault_xs_event,
};

/* "OP=..." -> its number and what stands behind '='; -1: no such operation. */
static int op_parse(const char *rule, const char **when)
{
	size_t len = strcspn(rule, "=");

	for (int i = 0; i < FAULT_NR_OPS; i++)
		if (strlen(fault_ops[i].name) == len &&
		    !strncmp(rule, fault_ops[i].name, len)) {
			*when = rule[len] ? rule + len + 1 : rule + len;
			return i;
		}
	return -1;
}

/* One rule at *s, up to ',' or ':' or the end, where *s is then. */
static int rule_parse(struct plat_fault *f, const char **s)
{
	const char *when;
	int op = op_parse(*s, &when), how = FAULT_ONCE;
	bool delay = false;
	struct fault_rule *r;
	unsigned long n;
	char *end;

	if (op < 0)
		return -EINVAL;
	if (!strncmp(when, "every:", 6)) {
		how = FAULT_EVERY;
		when += 6;
	} else if (!strncmp(when, "delay:", 6)) {
		delay = true;
		when += 6;
	}
	if (*when < '0' || *when > '9')
		return -EINVAL;
	n = strtoul(when, &end, 10);
	if (*end == '+' && how == FAULT_ONCE && !delay) {
		how = FAULT_FROM;
		end++;
	}
	if (!n || n > UINT32_MAX || (!delay && !fault_ops[op].err) ||
	    (*end && *end != ',' && *end != ':'))
		return -EINVAL;
	*s = end;
	r = &f->rules[op];
	if (delay) {
		atomic_store(&r->delay_us, (uint32_t)n);
		return 0;
	}
	atomic_store(&r->nth, 0);
	atomic_store(&r->calls, 0);
	atomic_store(&r->failed, 0);
	atomic_store(&r->how, how);
	atomic_store(&r->nth, n);
	return 0;
}

int plat_fault_open(const char *spec, const char *domain, struct plat **plat,
		    const char **err_what)
{
	struct plat_fault *f = calloc(1, sizeof(*f));
	const char *s = spec + strlen("fault:");
	int err = f ? 0 : -ENOMEM;

	while (!err && *s && *s != ':') {
		err = rule_parse(f, &s);
		if (!err && *s == ',')
			s++;
	}
	if (err == -EINVAL)
		*err_what = "fault rule (OP=N, OP=N+, OP=every:N or OP=delay:US)";
	if (!err)
		err = plat_open(*s ? s + 1 : NULL, domain, &f->below, err_what);
	if (err) {
		free(f);
		return err;
	}
	f->plat.ops = &fault_plat_ops;
	f->plat.domid = f->below->domid;
	memcpy(f->plat.name, f->below->name, sizeof(f->plat.name));
	*plat = &f->plat;
	return 0;
}

int plat_fault_set(struct plat *p, const char *rule)
{
	int err = p->ops == &fault_plat_ops ? rule_parse(fault_of(p), &rule) : -EINVAL;

	return !err && *rule ? -EINVAL : err;
}

int plat_fault_clear(struct plat *p)
{
	if (p->ops != &fault_plat_ops)
		return -EINVAL;
	for (int i = 0; i < FAULT_NR_OPS; i++) {
		struct fault_rule *r = &fault_of(p)->rules[i];

		atomic_store(&r->nth, 0);
		atomic_store(&r->delay_us, 0);
		atomic_store(&r->calls, 0);
		atomic_store(&r->failed, 0);
	}
	return 0;
}

int plat_fault_count(struct plat *p, const char *op, uint64_t *calls, uint64_t *failed)
{
	const char *when;
	int i = op_parse(op, &when);

	if (p->ops != &fault_plat_ops || i < 0)
		return -EINVAL;
	*calls = atomic_load(&fault_of(p)->rules[i].calls);
	*failed = atomic_load(&fault_of(p)->rules[i].failed);
	return 0;
}
