/* SPDX-License-Identifier: MIT */
/* grant_table_op, version 1 (grant_table.h). */
#include <errno.h>

#include "hv/base/log.h"
#include "hv/kvm/xen_compat.h"
#include "hv/kvm/xen_grant.h"

#define BATCH_MAX 4096 /* of one call; Xen preempts, here a guest would hold the lock */

static int64_t setup_table(struct vcpu *v, uint64_t va)
{
	struct gnttab_setup_table s;
	struct xen_domain *x = &v->vm->xen;

	if (guest_struct_in(v, &s, va, FIELDS_setup_table))
		return -EFAULT;
	s.status = GNTST_okay;
	if (!domid_is_self(v, s.dom))
		s.status = GNTST_bad_domain;
	else if (s.nr_frames > XEN_GNTTAB_FRAMES)
		s.status = GNTST_general_error;
	else if (s.nr_frames > x->gnttab_frames)
		x->gnttab_frames = s.nr_frames;
	/* where they are in the guest's memory, it has said itself */
	for (uint32_t i = 0; s.status == GNTST_okay && i < s.nr_frames; i++)
		if (guest_word_out(v, s.frame_list, i, x->gnttab_gfn[i]))
			return -EFAULT;
	return guest_struct_out(v, va, &s, FIELDS_setup_table);
}

static int64_t query_size(struct vcpu *v, uint64_t va)
{
	struct gnttab_query_size q;

	if (guest_copy_in(v, &q, va, sizeof(q)))
		return -EFAULT;
	q.status = domid_is_self(v, q.dom) ? GNTST_okay : GNTST_bad_domain;
	if (q.status == GNTST_okay) {
		q.nr_frames = v->vm->xen.gnttab_frames;
		q.max_nr_frames = XEN_GNTTAB_FRAMES;
	}
	return guest_copy_out(v, va, &q, sizeof(q));
}

static int64_t get_version(struct vcpu *v, uint64_t va)
{
	struct gnttab_get_version g;

	if (guest_copy_in(v, &g, va, sizeof(g)))
		return -EFAULT;
	if (!domid_is_self(v, g.dom))
		return -ESRCH;
	g.version = 1;
	return guest_copy_out(v, va, &g, sizeof(g));
}

static int64_t set_version(struct vcpu *v, uint64_t va)
{
	uint32_t version;

	if (guest_copy_in(v, &version, va, sizeof(version)))
		return -EFAULT;
	if (version == 2)
		return -ENOSYS;
	return version == 1 ? 0 : -EINVAL;
}

/* ------------------------------------------------- batches of others' grants */

static int16_t map_op(struct vm *vm, void *op)
{
	struct gnttab_map_grant_ref *m = op;

	m->status = xen_grant_map(vm, m);
	return m->status;
}

static int16_t unmap_op(struct vm *vm, void *op)
{
	struct gnttab_unmap_grant_ref *u = op;

	u->status = xen_grant_unmap(vm, u);
	return u->status;
}

static int16_t copy_op(struct vm *vm, void *op)
{
	struct gnttab_copy *c = op;

	c->status = xen_grant_copy(vm, c);
	return c->status;
}

/* Each has a status of its own; a wrong one does not end the batch. */
static int64_t batch(struct vcpu *v, uint64_t va, uint64_t n, const char *fields,
		     int16_t (*one)(struct vm *vm, void *op))
{
	const size_t size = guest_struct_size(v, fields);
	union {
		struct gnttab_map_grant_ref map;
		struct gnttab_unmap_grant_ref unmap;
		struct gnttab_copy copy;
	} op;
	int64_t err = 0;

	for (uint64_t i = 0; i < n && !err; i++) {
		err = guest_struct_in(v, &op, va + i * size, fields);
		if (err)
			break;
		if (one(v->vm, &op))
			log_dbg("%s: vcpu %u: a grant is refused", v->vm->name, v->id);
		err = guest_struct_out(v, va + i * size, &op, fields);
	}
	xen_grant_sweep(v->vm);
	return err;
}

int64_t xen_grant_table_op(struct vcpu *v, const uint64_t arg[6])
{
	if (arg[2] > BATCH_MAX)
		return -EINVAL;
	switch (arg[0]) {
	case GNTTABOP_map_grant_ref:
		return batch(v, arg[1], arg[2], FIELDS_gnttab_map, map_op);
	case GNTTABOP_unmap_grant_ref:
		return batch(v, arg[1], arg[2], FIELDS_gnttab_unmap, unmap_op);
	case GNTTABOP_copy:
		return batch(v, arg[1], arg[2], FIELDS_gnttab_copy, copy_op);
	case GNTTABOP_setup_table:
		return arg[2] == 1 ? setup_table(v, arg[1]) : -EINVAL;
	case GNTTABOP_query_size:
		return arg[2] == 1 ? query_size(v, arg[1]) : -EINVAL;
	case GNTTABOP_get_version:
		return arg[2] == 1 ? get_version(v, arg[1]) : -EINVAL;
	case GNTTABOP_set_version:
		return arg[2] == 1 ? set_version(v, arg[1]) : -EINVAL;
	default:
		return guest_unknown(v, "unknown grant_table_op", arg[0]);
	}
}
