/* SPDX-License-Identifier: MIT */
/* The CPU model: which features a guest may see, and the leaves that are made up. */
#include "hv/kvm/cpuid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv/base/cleanup.h"

#define BIT(n) (1u << (n))

/* Xen's leaves (arch-x86/cpuid.h) */
#define XEN_LEAF_FIRST	0x40000000u
#define XEN_LEAF_LAST	0x40000004u
#define XEN_HVM_VCPU_ID BIT(3)
#define XEN_HVM_DOMID	BIT(4)
/*
 * Upcalls by vectors of the local APIC, which the guest acknowledges. Such an interrupt
 * is pending once; the callback's vector is, for as long as the page says so: KVM then
 * asks for an exit when the guest has interrupts on again, for every upcall.
 */
#define XEN_HVM_UPCALL_VECTOR BIT(6)

enum reg { EAX, EBX, ECX, EDX };

/*
 * The features of tandem-1: x86-64-v3 and what kernels want of a recent CPU (SMEP,
 * SMAP, speculation controls). A bit that is not here is never shown.
 */
static const struct {
	uint32_t function, index;
	enum reg reg;
	uint32_t mask;
} model[] = {
	/* sse3 pclmul ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes
	 * xsave avx f16c rdrand hypervisor */
	{ 1, 0, ECX, 0xf7f83203u },
	/* fpu to pse36, clflush, mmx fxsr sse sse2, htt */
	{ 1, 0, EDX, 0x178bfbffu },
	/* fsgsbase bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap clflushopt clwb sha
	 */
	{ 7, 0, EBX, 0x219c07a9u },
	{ 7, 0, ECX, BIT(2) | BIT(22) }, /* umip rdpid */
	/* fsrm md-clear spec-ctrl stibp arch-capabilities ssbd */
	{ 7, 0, EDX, BIT(4) | BIT(10) | BIT(26) | BIT(27) | BIT(29) | BIT(31) },
	{ 0xd, 0, EAX, 7 },
	{ 0xd, 1, EAX, 7 }, /* xsaveopt xsavec xgetbv1 */
	/* lahf cr8-legacy abm sse4a misalignsse prefetchw */
	{ 0x80000001u, 0, ECX, 0x000001f1u },
	/* those of leaf 1 that AMD repeats; syscall nx pdpe1gb rdtscp lm */
	{ 0x80000001u, 0, EDX, 0x2d93fbffu },
	{ 0x80000007u, 0, EDX, BIT(8) }, /* invariant TSC */
	/* clzero xsaveerptr ibpb ibrs stibp ssbd */
	{ 0x80000008u, 0, EBX, BIT(0) | BIT(2) | BIT(12) | BIT(14) | BIT(15) | BIT(24) },
};

/* Leaves that pass as they are, or with their features masked. */
static const struct {
	uint32_t first, last;
} leaves[] = {
	{ 0, 1 },
	{ 6, 7 },
	{ 0xd, 0xd },
	{ 0x80000000u, 0x80000008u },
};

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

static bool leaf_passes(const struct kvm_cpuid_entry2 *e)
{
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (e->function >= leaves[i].first && e->function <= leaves[i].last)
			return e->function != 0xd || e->index <= 2;
	return false;
}

/* Feature words: of the host's bits those of the model. */
static void features_mask(struct kvm_cpuid_entry2 *e)
{
	if (e->function == 7 && e->index == 0)
		e->eax = 0; /* no more subleaves */
	for (size_t i = 0; i < sizeof(model) / sizeof(model[0]); i++)
		if (model[i].function == e->function && model[i].index == e->index)
			*reg_of(e, model[i].reg) &= model[i].mask;
	if (e->function == 0xd && e->index == 0)
		e->ecx = e->eax & 4 ? 832 : 576; /* x87, SSE, AVX; no supervisor states */
	if (e->function == 0xd && e->index == 1)
		e->ecx = e->edx = 0;
}

static unsigned bits_for(unsigned n)
{
	unsigned bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

/* Fixed words: the signature, the brand, the topology; is there a hypervisor? */
static void identity_set(struct kvm_cpuid_entry2 *e, bool intel, unsigned id,
			 unsigned vcpus, bool xen)
{
	static const char brand[48] = CPUID_MODEL " virtual CPU";

	switch (e->function) {
	case 0:
		e->eax = 0xd;
		break;
	case 1:
		/* family 6 model 60 stepping 3; family 23 model 1 stepping 2 */
		e->eax = intel ? 0x000306c3u : 0x00800f12u;
		e->ebx = id << 24 | vcpus << 16 | 8u << 8;
		e->ecx = xen ? e->ecx | BIT(31) : e->ecx & ~BIT(31);
		e->edx = vcpus > 1 ? e->edx | BIT(28) : e->edx & ~BIT(28);
		break;
	case 6:
		e->eax = BIT(2); /* the APIC timer never stops */
		e->ebx = e->ecx = e->edx = 0;
		break;
	case 0x80000000u:
		e->eax = 0x80000008u;
		break;
	case 0x80000001u:
		e->eax = intel ? 0 : 0x00800f12u;
		e->ebx = 0;
		break;
	case 0x80000002u:
	case 0x80000003u:
	case 0x80000004u:
		memcpy(&e->eax, brand + 16 * (e->function - 0x80000002u), 16);
		break;
	case 0x80000005u:
	case 0x80000006u:
		/* caches as they are: they say nothing that software depends on */
		break;
	case 0x80000008u:
		e->ecx = intel || vcpus == 1 ? 0 : bits_for(vcpus) << 12 | (vcpus - 1);
		e->edx = 0;
		break;
	default:
		break;
	}
}

static int entry_add(struct cpuid_table *t, struct kvm_cpuid_entry2 e)
{
	if (t->nent == CPUID_MAX_ENTRIES)
		return -E2BIG;
	t->entry[t->nent++] = e;
	return 0;
}

static int topology_add(struct cpuid_table *t, unsigned id, unsigned vcpus)
{
	int err = entry_add(t, (struct kvm_cpuid_entry2){ .function = 0xb,
							  .index = 0,
							  .flags = 1,
							  .eax = 0,
							  .ebx = 1,
							  .ecx = 0x100,
							  .edx = id });

	return err ? err
		   : entry_add(t, (struct kvm_cpuid_entry2){ .function = 0xb,
							     .index = 1,
							     .flags = 1,
							     .eax = bits_for(vcpus),
							     .ebx = vcpus,
							     .ecx = 0x201,
							     .edx = id });
}

static int xen_add(struct cpuid_table *t, unsigned id, domid_t domid)
{
	const struct kvm_cpuid_entry2 e[] = {
		{ .function = XEN_LEAF_FIRST,
		  .eax = XEN_LEAF_LAST,
		  .ebx = 0x566e6558u,
		  .ecx = 0x65584d4du,
		  .edx = 0x4d4d566eu },
		{ .function = XEN_LEAF_FIRST + 1, .eax = XEN_VERSION },
		/* one hypercall page, and the MSR that asks for it */
		{ .function = XEN_LEAF_FIRST + 2, .eax = 1, .ebx = XEN_HYPERCALL_MSR },
		/* time: KVM fills the scale and the frequency in */
		{ .function = XEN_LEAF_FIRST + 3, .flags = 1, .index = 0 },
		{ .function = XEN_LEAF_FIRST + 3, .flags = 1, .index = 1 },
		{ .function = XEN_LEAF_FIRST + 3, .flags = 1, .index = 2 },
		{ .function = XEN_LEAF_FIRST + 4,
		  .eax = XEN_HVM_VCPU_ID | XEN_HVM_DOMID | XEN_HVM_UPCALL_VECTOR,
		  .ebx = id,
		  .ecx = domid },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]) && !err; i++)
		err = entry_add(t, e[i]);
	return err;
}

int cpuid_policy(const struct cpuid_table *host, struct cpuid_table *guest, unsigned id,
		 unsigned vcpus, domid_t domid, bool xen)
{
	bool intel = false;
	int err = 0;

	guest->nent = 0;
	for (unsigned i = 0; i < host->nent && !err; i++) {
		struct kvm_cpuid_entry2 e = host->entry[i];

		if (!leaf_passes(&e))
			continue;
		if (e.function == 0)
			intel = e.ebx == 0x756e6547u; /* "Genu" */
		features_mask(&e);
		identity_set(&e, intel, id, vcpus, xen);
		err = entry_add(guest, e);
	}
	if (!err)
		err = topology_add(guest, id, vcpus);
	if (!err && xen)
		err = xen_add(guest, id, domid);
	return err;
}

int cpuid_setup(struct vcpu *v)
{
	cleanup_free struct cpuid_table *host = calloc(1, sizeof(*host));
	cleanup_free struct cpuid_table *guest = calloc(1, sizeof(*guest));
	int err;

	if (!host || !guest)
		return -ENOMEM;
	host->nent = CPUID_MAX_ENTRIES;
	if (ioctl(v->vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, host) < 0)
		return -errno;
	err = cpuid_policy(host, guest, v->id, v->vm->nvcpus, v->vm->xen.domid,
			   !v->vm->xen_hidden);
	if (err)
		return err;
	if (ioctl(v->fd, KVM_SET_CPUID2, guest) < 0)
		return -errno;
	return 0;
}
