/* SPDX-License-Identifier: MIT */
/*
 * memory_op's reservations (memory.h): pages of RAM that the guest gives back to the
 * host, and takes again. As in Xen, what is wrong with a call ends its list: it gets the
 * number of extents that were done.
 *
 * A page that a backend has mapped (the marks of a grant entry) is gone for the guest at
 * once; its memory goes when the mark does, and until then it cannot come back.
 */
#include "hv/kvm/xen_balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "hv/kvm/xen_compat.h"
#include "ringproto/grant.h"

#define MAX_ORDER   9	  /* 2 MiB, Xen's bound for such guests */
#define MAX_EXTENTS 65536 /* of one call: some 0.3 s; Xen would go on in turns */
#define TURN	    64	  /* extents until others may have the lock */
#define PER_FRAME   (XEN_PAGE_SIZE / sizeof(struct grant_entry_v1))

/* Pages that entries of the grant table are marked as used for, in order. */
struct marked {
	uint32_t *gfn;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int marked_find(const struct vm *vm, struct marked *out)
{
	const size_t size = (size_t)vm->xen.gnttab_frames * XEN_PAGE_SIZE;
	struct grant_entry_v1 *table =
		mmap(NULL, size, PROT_READ, MAP_SHARED, vm->xen.gnttab_fd, 0);

	*out = (struct marked){ 0 };
	if (table == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < vm->xen.gnttab_frames * PER_FRAME; i++) {
		/* one read: the guest may write it meanwhile */
		const uint64_t word = atomic_load((_Atomic uint64_t *)(void *)&table[i]);

		if (!(word & (GTF_reading | GTF_writing)))
			continue;
		if (!out->gfn)
			out->gfn = malloc(vm->xen.gnttab_frames * PER_FRAME *
					  sizeof(*out->gfn));
		if (!out->gfn)
			break;
		out->gfn[out->n++] = (uint32_t)(word >> 32);
	}
	munmap(table, size);
	if (out->n)
		qsort(out->gfn, out->n, sizeof(*out->gfn), compare);
	return 0;
}

static bool is_marked(const struct marked *m, uint64_t gfn)
{
	const uint32_t key = (uint32_t)gfn;

	return gfn <= UINT32_MAX && m->n &&
	       bsearch(&key, m->gfn, m->n, sizeof(key), compare);
}

static bool any_marked(const struct marked *m, uint64_t gfn, uint64_t n)
{
	for (uint64_t i = 0; m->n && i < n; i++)
		if (is_marked(m, gfn + i))
			return true;
	return false;
}

/* ------------------------------------------------------- pages that are kept */

/* Those that no backend uses any more go to the host after all. */
static void kept_release(struct vm *vm, const struct marked *m)
{
	struct xen_balloon *k = &vm->xen.balloon;
	unsigned n = 0;

	for (unsigned i = 0; i < k->nkept; i++)
		if (is_marked(m, k->kept[i]))
			k->kept[n++] = k->kept[i];
		else
			/* cannot fail in a way that matters: it comes back zeroed */
			(void)gmem_punch(&vm->mem, k->kept[i]);
	k->nkept = n;
}

static bool is_kept(const struct vm *vm, uint64_t gfn)
{
	for (unsigned i = 0; i < vm->xen.balloon.nkept; i++)
		if (vm->xen.balloon.kept[i] == gfn)
			return true;
	return false;
}

/* ------------------------------------------------------------------- extents */

/* Page by page, as some are a backend's. All of them or none. */
static bool release_marked(struct vm *vm, uint64_t gfn, uint64_t n,
			   const struct marked *m)
{
	struct xen_balloon *k = &vm->xen.balloon;
	unsigned marks = 0;

	for (uint64_t i = 0; i < n; i++)
		marks += is_marked(m, gfn + i);
	if (marks > XEN_MAX_KEPT - k->nkept || gmem_hide(&vm->mem, gfn, n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (is_marked(m, gfn + i))
			k->kept[k->nkept++] = (uint32_t)(gfn + i);
		else
			/* cannot fail in a way that matters: the guest has lost it */
			(void)gmem_punch(&vm->mem, gfn + i);
	return true;
}

static bool extent_release(struct vm *vm, uint64_t gfn, uint64_t n,
			   const struct marked *m)
{
	struct xen_domain *x = &vm->xen;

	/* KVM writes that page */
	if (x->shared_gfn >= gfn && x->shared_gfn - gfn < n)
		return false;
	if (any_marked(m, gfn, n) ? !release_marked(vm, gfn, n, m)
				  : gmem_release(&vm->mem, gfn, n) != 0)
		return false;
	x->pages -= n;
	return true;
}

static bool extent_populate(struct vm *vm, uint64_t gfn, uint64_t n)
{
	struct xen_domain *x = &vm->xen;

	if (x->pages + n > x->max_pages)
		return false;
	for (uint64_t i = 0; i < n && x->balloon.nkept; i++)
		if (is_kept(vm, gfn + i))
			return false;
	if (gmem_populate(&vm->mem, gfn, n))
		return false;
	x->pages += n;
	return true;
}

/* Lets others have the lock. False: the guest is being ended. */
static bool turn_over(struct vcpu *v)
{
	pthread_mutex_unlock(&v->vm->lock);
	pthread_mutex_lock(&v->vm->lock);
	return !atomic_load(&v->vm->stopped);
}

int64_t xen_reservation(struct vcpu *v, uint64_t va, uint64_t from, bool populate)
{
	struct vm *vm = v->vm;
	struct xen_memory_reservation r;
	struct marked m;
	uint64_t i = from, gfn;

	if (guest_struct_in(v, &r, va, FIELDS_reservation) ||
	    !domid_is_self(v, r.domid) || r.extent_order > MAX_ORDER ||
	    marked_find(vm, &m))
		return (int64_t)from;
	kept_release(vm, &m);
	for (; i < r.nr_extents && i - from < MAX_EXTENTS; i++) {
		const uint64_t n = 1ull << r.extent_order;

		if ((i - from) % TURN == TURN - 1 && !turn_over(v))
			break;
		if (guest_word_in(v, &gfn, r.extent_start, i) || gfn % n)
			break;
		if (populate ? !extent_populate(vm, gfn, n)
			     : !extent_release(vm, gfn, n, &m))
			break;
	}
	free(m.gfn);
	return (int64_t)i;
}

int xen_page_give_back(struct vm *vm, uint64_t gfn)
{
	struct marked m;
	int err = marked_find(vm, &m);

	if (err)
		return err;
	kept_release(vm, &m);
	if (!extent_release(vm, gfn, 1, &m))
		err = -ENOENT;
	free(m.gfn);
	return err;
}
