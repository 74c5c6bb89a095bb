/* SPDX-License-Identifier: MIT */
/* A vcpu's state, in and out of KVM. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "hv/base/cleanup.h"
#include "hv/kvm/save_items.h"
#include "hv/kvm/save_state.h"

enum vcpu_item {
	VITEM_SREGS = 1,
	VITEM_XCRS,
	VITEM_XSAVE,
	VITEM_REGS,
	VITEM_LAPIC,
	VITEM_MSRS,
	VITEM_DEBUGREGS,
	VITEM_EVENTS,
	VITEM_MP_STATE,
};

/* In the order in which they are set: the APIC's base before the APIC... */
static const struct {
	uint32_t kind;
	uint32_t size;
	unsigned long get, set;
} items[] = {
	{ VITEM_SREGS, sizeof(struct kvm_sregs), KVM_GET_SREGS, KVM_SET_SREGS },
	{ VITEM_XCRS, sizeof(struct kvm_xcrs), KVM_GET_XCRS, KVM_SET_XCRS },
	{ VITEM_XSAVE, sizeof(struct kvm_xsave), KVM_GET_XSAVE, KVM_SET_XSAVE },
	{ VITEM_REGS, sizeof(struct kvm_regs), KVM_GET_REGS, KVM_SET_REGS },
	{ VITEM_LAPIC, sizeof(struct kvm_lapic_state), KVM_GET_LAPIC, KVM_SET_LAPIC },
	/* ...and the MSRs, of which one is the APIC timer's, after it */
	{ VITEM_MSRS, 0, 0, 0 },
	{ VITEM_DEBUGREGS, sizeof(struct kvm_debugregs), KVM_GET_DEBUGREGS,
	  KVM_SET_DEBUGREGS },
	{ VITEM_EVENTS, sizeof(struct kvm_vcpu_events), KVM_GET_VCPU_EVENTS,
	  KVM_SET_VCPU_EVENTS },
	{ VITEM_MP_STATE, sizeof(struct kvm_mp_state), KVM_GET_MP_STATE,
	  KVM_SET_MP_STATE },
};
#define NR_ITEMS (sizeof(items) / sizeof(items[0]))
#define ITEM_MAX 4096u

/* The MSRs that are a guest's state. What this CPU lacks is left out. */
static const uint32_t msrs[] = {
	0x10,			       /* TSC */
	0x3b,			       /* TSC_ADJUST */
	0x48,			       /* SPEC_CTRL */
	0x174,	    0x175,	0x176, /* SYSENTER */
	0x1a0,			       /* MISC_ENABLE */
	0x277,			       /* PAT */
	0x250,	    0x258,	0x259,	    0x268,	0x269, 0x26a, 0x26b, 0x26c,
	0x26d,	    0x26e,	0x26f,	    0x200,	0x201, 0x202, 0x203, 0x204,
	0x205,	    0x206,	0x207,	    0x208,	0x209, 0x20a, 0x20b, 0x20c,
	0x20d,	    0x20e,	0x20f,	    0x2ff,	/* MTRRs, their switch last */
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* STAR and its like */
	0xc0000102,					/* KERNEL_GS_BASE */
	0xc0000103,					/* TSC_AUX */
	0x6e0,						/* TSC_DEADLINE: after the TSC */
};
#define NR_MSRS (sizeof(msrs) / sizeof(msrs[0]))

struct msr_value {
	uint64_t index, value;
};

/* struct kvm_msrs with room for one. */
struct one_msr {
	uint32_t nmsrs, pad;
	struct kvm_msr_entry entry;
};
_Static_assert(offsetof(struct one_msr, entry) == offsetof(struct kvm_msrs, entries),
	       "kvm.h");

static int msrs_get(struct vcpu *v, struct save_buf *b)
{
	struct msr_value values[NR_MSRS];
	size_t n = 0;

	for (size_t i = 0; i < NR_MSRS; i++) {
		struct one_msr m = { .nmsrs = 1, .entry.index = msrs[i] };

		if (ioctl(v->fd, KVM_GET_MSRS, &m) == 1)
			values[n++] = (struct msr_value){ msrs[i], m.entry.data };
	}
	return save_item_put(b->data, SAVE_STATE_MAX, &b->len, VITEM_MSRS, values,
			     n * sizeof(values[0]));
}

static bool msr_known(uint64_t index)
{
	for (size_t i = 0; i < NR_MSRS; i++)
		if (msrs[i] == index)
			return true;
	return false;
}

static int msrs_set(struct vcpu *v, const uint8_t *data, size_t size)
{
	struct msr_value value;

	if (size % sizeof(value) || size / sizeof(value) > NR_MSRS)
		return -EBADMSG;
	for (size_t at = 0; at < size; at += sizeof(value)) {
		struct one_msr m = { .nmsrs = 1 };

		memcpy(&value, data + at, sizeof(value));
		if (!msr_known(value.index))
			return -EBADMSG;
		m.entry.index = (uint32_t)value.index;
		m.entry.data = value.value;
		/* one that this host lacks matters only if it says something */
		if (ioctl(v->fd, KVM_SET_MSRS, &m) != 1 && value.value)
			return -EOPNOTSUPP;
	}
	return 0;
}

int save_vcpu_get(struct vcpu *v, struct save_buf *b)
{
	cleanup_free uint8_t *item = malloc(ITEM_MAX);
	int err = item ? 0 : -ENOMEM;

	b->len = 0;
	for (size_t i = 0; i < NR_ITEMS && !err; i++) {
		if (!items[i].get) {
			err = msrs_get(v, b);
			continue;
		}
		memset(item, 0, ITEM_MAX);
		if (ioctl(v->fd, items[i].get, item) < 0)
			err = -errno;
		else
			err = save_item_put(b->data, SAVE_STATE_MAX, &b->len,
					    items[i].kind, item, items[i].size);
	}
	return err;
}

/* A CPU without XSAVE has no such registers. */
static bool is_empty(uint32_t kind, const uint8_t *item)
{
	uint32_t nr_xcrs = 0;

	if (kind == VITEM_XCRS)
		memcpy(&nr_xcrs, item, sizeof(nr_xcrs));
	return kind == VITEM_XCRS && !nr_xcrs;
}

static int item_set(struct vcpu *v, size_t i, const uint8_t *data, size_t len)
{
	cleanup_free uint8_t *copy = malloc(ITEM_MAX);
	const uint8_t *item = NULL;
	size_t size = 0;
	int err = copy ? save_item_find(data, len, items[i].kind, 0, &item, &size)
		       : -ENOMEM;

	if (err)
		return err == -ENOENT ? -EBADMSG : err;
	if (!items[i].set)
		return msrs_set(v, item, size);
	if (size != items[i].size)
		return -EBADMSG;
	if (is_empty(items[i].kind, item))
		return 0;
	memcpy(copy, item, size); /* aligned */
	return ioctl(v->fd, items[i].set, copy) < 0 ? -errno : 0;
}

int save_vcpu_set(struct vcpu *v, const uint8_t *data, size_t len, const char **why)
{
	int err = 0;

	*why = "KVM refuses the state of a vcpu";
	for (size_t i = 0; i < NR_ITEMS && !err; i++)
		err = item_set(v, i, data, len);
	return err;
}
