/* SPDX-License-Identifier: MIT */
/* The machine's own state: interrupt controllers, timer chip, clock, CPU, Xen's bits. */
#include "hv/kvm/save_state.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "hv/base/cleanup.h"
#include "hv/kvm/cpuid.h"
#include "hv/kvm/save_items.h"

enum machine_item {
	ITEM_MACHINE = 1,
	ITEM_IRQCHIP, /* three: two PICs, the IOAPIC */
	ITEM_PIT,
	ITEM_CLOCK,
	ITEM_XEN,
	ITEM_CPUID,
};

#define NR_IRQCHIPS 3u

/* What is left of Xen's when a guest wakes up in a new domain. */
struct xen_item {
	uint64_t callback; /* HVM_PARAM_CALLBACK_IRQ */
	uint64_t max_pages;
	uint32_t runstate_update;
	uint32_t initialised; /* a bit a vcpu: it goes on at VCPUOP_up */
};

static int item_put(struct save_buf *b, uint32_t kind, const void *data, size_t size)
{
	return save_item_put(b->data, SAVE_STATE_MAX, &b->len, kind, data, size);
}

/* An item of exactly that size, copied out. */
static int item_get(const uint8_t *data, size_t len, uint32_t kind, unsigned nth,
		    void *to, size_t size)
{
	const uint8_t *item = NULL;
	size_t n = 0;
	int err = save_item_find(data, len, kind, nth, &item, &n);

	if (!err && n != size)
		err = -EBADMSG;
	if (!err)
		memcpy(to, item, size);
	return err == -ENOENT ? -EBADMSG : err;
}

/* ----------------------------------------------------------------------- out */

static int irqchips_get(struct vm *vm, struct save_buf *b)
{
	int err = 0;

	for (uint32_t i = 0; i < NR_IRQCHIPS && !err; i++) {
		struct kvm_irqchip chip = { .chip_id = i };

		err = ioctl(vm->fd, KVM_GET_IRQCHIP, &chip) < 0 ? -errno : 0;
		if (!err)
			err = item_put(b, ITEM_IRQCHIP, &chip, sizeof(chip));
	}
	return err;
}

static int cpuid_get(struct vm *vm, struct cpuid_table *t)
{
	t->nent = CPUID_MAX_ENTRIES;
	return ioctl(vm->vcpu[0]->fd, KVM_GET_CPUID2, t) < 0 ? -errno : 0;
}

static int cpuid_put(struct vm *vm, struct save_buf *b)
{
	cleanup_free struct cpuid_table *t = calloc(1, sizeof(*t));
	int err = t ? cpuid_get(vm, t) : -ENOMEM;

	return err ? err
		   : item_put(b, ITEM_CPUID, t->entry, t->nent * sizeof(t->entry[0]));
}

_Static_assert(VM_MAX_VCPUS <= 32, "a bit a vcpu");

static uint32_t initialised_get(const struct vm *vm)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < vm->nvcpus; i++)
		bits |= (uint32_t)vm->vcpu[i]->xen.initialised << i;
	return bits;
}

int save_machine_get(struct vm *vm, struct save_buf *b)
{
	struct save_machine m = { .memory = vm->mem.ram_bytes, .vcpus = vm->nvcpus };
	struct xen_item x = { .callback = vm->xen.param[HVM_PARAM_CALLBACK_IRQ],
			      .max_pages = vm->xen.max_pages,
			      .runstate_update = vm->xen.runstate_update,
			      .initialised = initialised_get(vm) };
	struct kvm_pit_state2 pit = { 0 };
	struct kvm_clock_data clock = { 0 };
	int khz = ioctl(vm->vcpu[0]->fd, KVM_GET_TSC_KHZ, 0), err;

	m.tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	b->len = 0;
	if (ioctl(vm->fd, KVM_GET_PIT2, &pit) < 0 ||
	    ioctl(vm->fd, KVM_GET_CLOCK, &clock) < 0)
		return -errno;
	err = item_put(b, ITEM_MACHINE, &m, sizeof(m));
	if (!err)
		err = cpuid_put(vm, b);
	if (!err)
		err = irqchips_get(vm, b);
	if (!err)
		err = item_put(b, ITEM_PIT, &pit, sizeof(pit));
	if (!err)
		err = item_put(b, ITEM_CLOCK, &clock.clock, sizeof(clock.clock));
	return err ? err : item_put(b, ITEM_XEN, &x, sizeof(x));
}

/* ------------------------------------------------------------------------ in */

/* Feature words, in which the new CPU must have every bit that the old one had. */
static const struct {
	uint32_t function, eax, ebx, ecx, edx;
} feature_words[] = {
	/* OSXSAVE is the guest's doing */
	{ 1, 0, 0, ~(1u << 27), ~0u }, { 7, 0, ~0u, ~0u, ~0u },
	{ 0xd, ~0u, 0, 0, 0 },	       { 0x80000001u, 0, 0, ~0u, ~0u },
	{ 0x80000007u, 0, 0, 0, ~0u }, { 0x80000008u, 0, ~0u, 0, 0 },
};

static bool vendor_same(const struct kvm_cpuid_entry2 *a,
			const struct kvm_cpuid_entry2 *b)
{
	return a->function || (a->ebx == b->ebx && a->ecx == b->ecx && a->edx == b->edx);
}

static bool has_features(const struct kvm_cpuid_entry2 *had,
			 const struct kvm_cpuid_entry2 *has)
{
	for (size_t i = 0; i < sizeof(feature_words) / sizeof(feature_words[0]); i++)
		if (feature_words[i].function == had->function &&
		    (had->eax & ~has->eax & feature_words[i].eax ||
		     had->ebx & ~has->ebx & feature_words[i].ebx ||
		     had->ecx & ~has->ecx & feature_words[i].ecx ||
		     had->edx & ~has->edx & feature_words[i].edx))
			return false;
	return vendor_same(had, has);
}

static bool cpu_serves(const struct kvm_cpuid_entry2 *had, const struct cpuid_table *t)
{
	for (uint32_t i = 0; i < t->nent; i++)
		if (t->entry[i].function == had->function &&
		    t->entry[i].index == had->index)
			return has_features(had, &t->entry[i]);
	return false;
}

static int cpuid_check(struct vm *vm, const uint8_t *data, size_t len)
{
	cleanup_free struct cpuid_table *t = calloc(1, sizeof(*t));
	struct kvm_cpuid_entry2 e;
	const uint8_t *item = NULL;
	size_t size = 0;
	int err = t ? save_item_find(data, len, ITEM_CPUID, 0, &item, &size) : -ENOMEM;

	if (!err && (!size || size % sizeof(e)))
		err = -EBADMSG;
	if (!err)
		err = cpuid_get(vm, t);
	for (size_t at = 0; !err && at < size; at += sizeof(e)) {
		memcpy(&e, item + at, sizeof(e));
		if (!cpu_serves(&e, t))
			err = -EOPNOTSUPP;
	}
	return err;
}

/* The guest's TSC goes on at its old rate; by the CPU's scaling, if this one differs. */
static int tsc_rate_set(struct vm *vm, uint32_t khz)
{
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		int here = ioctl(vm->vcpu[i]->fd, KVM_GET_TSC_KHZ, 0);

		/* one in a thousand apart is the error of measuring it */
		if (!khz || here <= 0 ||
		    llabs((long long)here - (long long)khz) <= khz / 1000)
			continue;
		if (ioctl(vm->vcpu[i]->fd, KVM_SET_TSC_KHZ, (unsigned long)khz) < 0)
			return -EOPNOTSUPP;
	}
	return 0;
}

/* The second PIC before the first: KVM hands on at once what the second one has, and what
 * devices told it before (devices.h) the first would take for an interrupt. */
static int irqchips_set(struct vm *vm, const uint8_t *data, size_t len)
{
	static const uint32_t order[NR_IRQCHIPS] = { KVM_IRQCHIP_PIC_SLAVE,
						     KVM_IRQCHIP_PIC_MASTER,
						     KVM_IRQCHIP_IOAPIC };
	int err = 0;

	for (uint32_t n = 0; n < NR_IRQCHIPS && !err; n++) {
		const uint32_t i = order[n];
		struct kvm_irqchip chip;

		err = item_get(data, len, ITEM_IRQCHIP, i, &chip, sizeof(chip));
		if (!err && chip.chip_id != i)
			err = -EBADMSG;
		if (!err && ioctl(vm->fd, KVM_SET_IRQCHIP, &chip) < 0)
			err = -errno;
	}
	return err;
}

static int xen_set(struct vm *vm, const struct xen_item *x)
{
	int err = 0;

	if (x->callback >> 56 == HVM_PARAM_CALLBACK_TYPE_VECTOR)
		err = vm->hw->callback_vector(vm, (uint8_t)x->callback);
	vm->xen.param[HVM_PARAM_CALLBACK_IRQ] = x->callback;
	vm->xen.max_pages = x->max_pages < vm->mem.ram_bytes / XEN_PAGE_SIZE
				    ? x->max_pages
				    : vm->mem.ram_bytes / XEN_PAGE_SIZE;
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vm->vcpu[i]->xen.initialised = x->initialised >> i & 1;
	vm->xen.woken = true;
	vm->xen.runstate_update = x->runstate_update & 1;
	if (!err && vm->xen.runstate_update)
		err = vm->hw->runstate_update_flag(vm, true);
	return err;
}

int save_machine_set(struct vm *vm, const uint8_t *data, size_t len, const char **why)
{
	struct save_machine m;
	struct kvm_pit_state2 pit;
	struct kvm_clock_data clock = { 0 };
	struct xen_item x;
	int err = item_get(data, len, ITEM_MACHINE, 0, &m, sizeof(m));

	*why = "its memory and vcpus are not those that its configuration says";
	if (err || m.memory != vm->mem.ram_bytes || m.vcpus != vm->nvcpus)
		return -EBADMSG;
	*why = "this machine's CPU lacks features that the guest may use";
	err = cpuid_check(vm, data, len);
	if (err)
		return err;
	*why = "this machine's CPU cannot run the guest's clock at its rate";
	err = tsc_rate_set(vm, m.tsc_khz);
	if (err)
		return err;
	*why = "the state of its machine is damaged";
	err = item_get(data, len, ITEM_PIT, 0, &pit, sizeof(pit));
	if (!err)
		err = item_get(data, len, ITEM_CLOCK, 0, &clock.clock,
			       sizeof(clock.clock));
	if (!err)
		err = item_get(data, len, ITEM_XEN, 0, &x, sizeof(x));
	if (!err)
		err = irqchips_set(vm, data, len);
	if (!err && (ioctl(vm->fd, KVM_SET_PIT2, &pit) < 0 ||
		     ioctl(vm->fd, KVM_SET_CLOCK, &clock) < 0))
		err = -errno;
	return err ? err : xen_set(vm, &x);
}
