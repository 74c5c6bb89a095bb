/* SPDX-License-Identifier: MIT */
/* grant_table_op, version 1 (grant_table.h). */
#include <errno.h>

#include "hv/kvm/hypercall.h"
#include "hv/kvm/xen_gntmap.h"

#define BATCH_MAX 4096 /* of one call; Xen preempts, here a guest would hold the lock */

static int64_t setup_table(struct vcpu *v, uint64_t va)
{
	struct gnttab_setup_table s;
	struct xen_domain *x = &v->vm->xen;

	if (guest_copy_in(v, &s, va, sizeof(s)))
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
		if (guest_copy_out(v, s.frame_list + i * 8u, &x->gnttab_gfn[i], 8))
			return -EFAULT;
	return guest_copy_out(v, va, &s, sizeof(s));
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

/* A list of arguments. Each says for itself whether it was done. */
static int64_t each(struct vcpu *v, uint64_t va, uint64_t n, size_t size,
		    int64_t (*op)(struct vcpu *v, uint64_t va))
{
	int64_t ret = 0;

	for (uint64_t i = 0; i < n && !ret; i++)
		ret = op(v, va + i * size);
	return ret;
}

int64_t xen_grant_table_op(struct vcpu *v, const uint64_t arg[6])
{
	if (arg[2] > BATCH_MAX)
		return -EINVAL;
	switch (arg[0]) {
	case GNTTABOP_map_grant_ref:
		return each(v, arg[1], arg[2], sizeof(struct gnttab_map_grant_ref),
			    gnttab_map);
	case GNTTABOP_unmap_grant_ref:
		return each(v, arg[1], arg[2], sizeof(struct gnttab_unmap_grant_ref),
			    gnttab_unmap);
	case GNTTABOP_copy:
		return each(v, arg[1], arg[2], sizeof(struct gnttab_copy),
			    gnttab_copy_one);
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
