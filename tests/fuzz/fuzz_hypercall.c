/* SPDX-License-Identifier: MIT */
/*
 * Any hypercalls with any arguments: a guest may hurt itself alone. The input is a
 * list of records: a call, its arguments, and bytes for the guest's memory.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/kvm/xen_evtchn.h"
#include "tests/lib/barevm.h"

#define MAX_CALLS 64
#define MAX_BYTES 64u
#define NARROW	  0x80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
	uint8_t nr, vcpu, cmd, len; /* vcpu: bit 7: by code of 32 bits; len: of the bytes
				     * behind, for BAREVM_ARGS */
	uint8_t a1, a2;		    /* what kind of argument */
	uint16_t value;
};

/* Small numbers, the arguments' address and places at the edge of memory. */
static uint64_t argument(uint8_t kind, uint16_t value)
{
	switch (kind % 6) {
	case 0:
		return value;
	case 1:
		return BAREVM_ARGS;
	case 2:
		return BAREVM_ARGS + value;
	case 3:
		return BAREVM_BYTES - value % 64;
	case 4:
		return UINT64_MAX - value;
	default:
		return (uint64_t)value << 32 | value;
	}
}

static void call(struct barevm *b, const struct record *r)
{
	const bool narrow = r->vcpu & NARROW;
	uint64_t arg[6] = { r->cmd, argument(r->a1, r->value),
			    argument(r->a2, r->value) };

	for (unsigned i = 0; i < 6 && narrow; i++)
		arg[i] = (uint32_t)arg[i];
	(void)hypercall(&b->vcpu[r->vcpu % 2], r->nr, arg, 0, !narrow);
}

/* What must hold, whatever was called. */
static void check(struct barevm *b)
{
	const struct xen_domain *x = &b->vm.xen;

	if (x->pages > BAREVM_BYTES / XEN_PAGE_SIZE || x->nr_ports > XEN_NR_PORTS ||
	    x->gnttab_frames > XEN_GNTTAB_FRAMES)
		abort();
	for (unsigned i = 0; i < XEN_GNTTAB_FRAMES; i++)
		if (x->gnttab_gfn[i] != XEN_GFN_NONE &&
		    !gmem_ptr(&b->vm.mem, x->gnttab_gfn[i] << XEN_PAGE_SHIFT, 4096))
			abort();
	if (x->shared_gfn != XEN_GFN_NONE && !xen_shared_info(&b->vm))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct barevm *b = barevm_open(2);
	struct record r;

	b->vm.log_budget = 0;
	for (int n = 0; n < MAX_CALLS && size >= sizeof(r); n++) {
		size_t len;

		memcpy(&r, data, sizeof(r));
		data += sizeof(r);
		size -= sizeof(r);
		len = r.len < MAX_BYTES ? r.len : MAX_BYTES;
		if (len > size)
			len = size;
		(void)gmem_write(&b->vm.mem, BAREVM_ARGS, data, len);
		data += len;
		size -= len;
		call(b, &r);
		check(b);
	}
	barevm_close(b);
	return 0;
}
