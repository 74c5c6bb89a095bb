/* SPDX-License-Identifier: MIT */
/* A virtual machine: made, run, stopped, undone. */
#include "hv/kvm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hv/kvm/acpi.h"
#include "hv/kvm/cpuid.h"
#include "hv/kvm/hypercall.h"
#include "hv/kvm/xen_hw_irq.h"

/* Pages that Intel's real mode needs, below the BIOS area, in no memory slot. */
#define TSS_ADDR      0xfffbd000ul
#define IDENTITY_ADDR 0xfffbc000ull
#define LOG_BUDGET    64
#define DEBUG_PORT    0xe9
#define XEN_NEEDED    (KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND)

static int slot_set(void *arg, unsigned slot, const struct gmem_region *r)
{
	struct vm *vm = arg;
	struct kvm_userspace_memory_region m = { .slot = slot,
						 .flags = r->rom ? KVM_MEM_READONLY : 0,
						 .guest_phys_addr = r->gpa,
						 .memory_size = r->size,
						 .userspace_addr = (uintptr_t)r->hva };

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &m) < 0 ? -errno : 0;
}

static int kvm_open(struct vm *vm, const char **why)
{
	*why = "/dev/kvm";
	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return -errno;
	*why = "/dev/kvm: it speaks another version";
	if (ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return -EPROTO;
	*why = "/dev/kvm: making a machine";
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	return vm->fd < 0 ? -errno : 0;
}

/* Interrupt controllers and the timer chip (which Linux measures the TSC with). */
static int irqchip_make(struct vm *vm, const char **why)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity = IDENTITY_ADDR;

	*why = "making the interrupt controllers";
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) < 0 ||
	    ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
	    ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 ||
	    ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0)
		return -errno;
	return vm->pc ? xen_hw_irq_routes(vm) : 0;
}

/* KVM's own Xen support. A guest that calls by vmcall or vmmcall needs it. */
static int xen_enable(struct vm *vm, const char **why)
{
	int caps = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XEN_HVM);
	struct kvm_xen_hvm_config config = { .flags = XEN_NEEDED,
					     .msr = XEN_HYPERCALL_MSR };
	struct kvm_xen_hvm_attr longmode = { .type = KVM_XEN_ATTR_TYPE_LONG_MODE,
					     .u.long_mode = 1 };

	vm->hw = &xen_hw_user;
	if (vm->xen_hidden)
		return 0;
	vm->xen_caps = caps > 0 ? (unsigned)caps : 0;
	*why = "this kernel's KVM has no support for Xen guests (CONFIG_KVM_XEN, Linux "
	       "5.18 or newer)";
	if ((vm->xen_caps & XEN_NEEDED) != XEN_NEEDED)
		return vm->call_port ? hypercall_page_enable(vm) : -ENOSYS;
	*why = "turning KVM's support for Xen guests on";
	if (ioctl(vm->fd, KVM_XEN_HVM_CONFIG, &config) < 0 ||
	    ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, &longmode) < 0)
		return -errno;
	vm->hw = &xen_hw_kvm;
	return 0;
}

/* ---------------------------------------------------------- ports that we serve */

static void sleep_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct vm *vm = arg;

	(void)size;
	if (at == 0 && value & ACPI_SLP_EN &&
	    (value >> ACPI_SLP_TYP_SHIFT & ACPI_SLP_TYP_MASK) == ACPI_SLEEP_TYPE_SOFT)
		vm_stop(vm, SHUTDOWN_poweroff);
}

static uint64_t sleep_read(void *arg, uint64_t at, unsigned size)
{
	(void)arg;
	(void)at;
	(void)size;
	return 0; /* awake */
}

static void debug_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct vm *vm = arg;
	const char c = (char)value;

	(void)at;
	(void)size;
	pthread_mutex_lock(&vm->lock);
	if (vm->debug_out)
		vm->debug_out(vm->debug_arg, &c, 1);
	pthread_mutex_unlock(&vm->lock);
}

static int ports_add(struct vm *vm)
{
	static const struct io_ops sleep_ops = { sleep_read, sleep_write };
	static const struct io_ops debug_ops = { NULL, debug_write };
	int err = io_add(&vm->pio, ACPI_SLEEP_PORT, ACPI_SLEEP_PORT + 1, &sleep_ops, vm);

	return err ? err : io_add(&vm->pio, DEBUG_PORT, DEBUG_PORT, &debug_ops, vm);
}

/* ------------------------------------------------------------------ its life */

static int vm_build(struct vm *vm, const struct vm_spec *spec, const char **why)
{
	int err = kvm_open(vm, why);

	if (!err)
		err = irqchip_make(vm, why);
	if (!err)
		err = xen_enable(vm, why);
	if (err)
		return err;
	*why = "the guest's memory";
	err = gmem_init(&vm->mem,
			spec->maxmem > spec->memory ? spec->maxmem : spec->memory,
			spec->pc, slot_set, vm);
	if (!err)
		err = xen_domain_init(vm, spec->domid);
	vm->xen.max_pages = spec->memory / XEN_PAGE_SIZE;
	if (!err)
		err = ports_add(vm);
	*why = "making a vcpu";
	for (unsigned i = 0; i < spec->vcpus && !err; i++)
		err = vcpu_create(vm, i);
	return err;
}

int vm_create(struct vm **out, const struct vm_spec *spec, const char **why)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int err;

	*why = "out of memory";
	if (!vm)
		return -ENOMEM;
	vm->kvm_fd = vm->fd = vm->stop_fd = vm->xen.gnttab_fd = -1;
	vm->mem.ram_fd = vm->mem.special_fd = -1;
	vm->log_budget = LOG_BUDGET;
	vm->call_port = spec->call_port;
	vm->pc = spec->pc;
	vm->xen_hidden = spec->pc && !spec->xen_platform;
	vm->nvcpus = spec->vcpus;
	memcpy(vm->name, spec->name, strnlen(spec->name, sizeof(vm->name) - 1));
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->park, NULL);
	vm->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = vm->stop_fd < 0 ? -errno : 0;
	if (!err && (!spec->vcpus || spec->vcpus > VM_MAX_VCPUS)) {
		*why = "the number of vcpus";
		err = -EINVAL;
	}
	if (!err)
		err = vm_build(vm, spec, why);
	if (err)
		vm_destroy(vm);
	else
		*out = vm;
	return err;
}

int vm_start(struct vm *vm)
{
	int err = 0;

	/* no hypercall before every vcpu has its thread, which it may want to kick */
	if (vm->devices && !vm_is_paused(vm))
		vm->devices->go(vm->devices->arg);
	pthread_mutex_lock(&vm->lock);
	for (unsigned i = 0; i < vm->nvcpus && !err; i++)
		err = vcpu_start(vm->vcpu[i]);
	pthread_mutex_unlock(&vm->lock);
	return err;
}

/* A PC that is to be saved may have powered off at that moment: then it is off. */
static bool stop_counts(struct vm *vm, int reason)
{
	int before = 0;

	if (atomic_compare_exchange_strong(&vm->stopped, &before, reason + 1))
		return true;
	before = SHUTDOWN_suspend + 1;
	return vm->pc && reason != SHUTDOWN_suspend &&
	       atomic_compare_exchange_strong(&vm->stopped, &before, reason + 1);
}

void vm_stop(struct vm *vm, int reason)
{
	const uint64_t one = 1;

	if (!stop_counts(vm, reason))
		return;
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_kick(vm->vcpu[i]);
	/* cannot fail: the counter is nowhere near its end */
	(void)!write(vm->stop_fd, &one, sizeof(one));
}

bool vm_is_asked(struct vm *vm)
{
	bool asked;

	pthread_mutex_lock(&vm->lock);
	asked = !vm->pc || vm->xen.shared_gfn != XEN_GFN_NONE;
	pthread_mutex_unlock(&vm->lock);
	return asked;
}

void vm_suspend(struct vm *vm)
{
	vm->suspender = VM_NOBODY;
	vm_stop(vm, SHUTDOWN_suspend);
}

int vm_stop_reason(const struct vm *vm)
{
	return atomic_load(&vm->stopped) - 1;
}

void vm_join(struct vm *vm)
{
	if (vm_stop_reason(vm) < 0)
		vm_stop(vm, SHUTDOWN_poweroff);
	vm_unpause(vm); /* those who are parked leave */
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct vcpu *v = vm->vcpu[i];

		if (!v || !v->started)
			continue;
		vcpu_kick(v);
		pthread_join(v->thread, NULL);
		v->started = false;
	}
	vm->parked = 0; /* nobody is left */
}

/* What the call that suspended the guest returns. */
static int suspend_returns(struct vm *vm, bool cancelled)
{
	struct vcpu *v = vm->vcpu[vm->suspender];
	struct kvm_regs r;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0)
		return -errno;
	r.rax = cancelled;
	return ioctl(v->fd, KVM_SET_REGS, &r) < 0 ? -errno : 0;
}

int vm_resume(struct vm *vm, bool cancelled)
{
	uint64_t n;
	int err;

	if (vm_stop_reason(vm) != SHUTDOWN_suspend)
		return -EINVAL;
	err = vm->suspender == VM_NOBODY ? 0 : suspend_returns(vm, cancelled);
	if (!err && vm->devices && vm->devices->hold)
		err = vm->devices->hold(vm->devices->holder);
	if (err)
		return err;
	/* cannot fail in a way that matters: it may have been read already */
	(void)!read(vm->stop_fd, &n, sizeof(n));
	atomic_store(&vm->stopped, 0);
	return vm_start(vm);
}

void vm_destroy(struct vm *vm)
{
	vm_join(vm);
	for (unsigned i = 0; i < vm->nvcpus && i < VM_MAX_VCPUS; i++)
		if (vm->vcpu[i])
			vcpu_destroy(vm->vcpu[i]);
	xen_domain_fini(vm);
	gmem_fini(&vm->mem);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	if (vm->stop_fd >= 0)
		close(vm->stop_fd);
	pthread_cond_destroy(&vm->park);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}
