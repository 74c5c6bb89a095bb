/* SPDX-License-Identifier: MIT */
/* A vcpu: its thread, and what it does at each exit from the guest. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/kvm/cpuid.h"
#include "hv/kvm/hypercall.h"

#define KICK_SIGNAL SIGUSR1
#define GP_VECTOR   13
/* Accesses to ports or memory of one instruction, as far as KVM does it without going
 * into the guest: 1024 times what a string instruction repeats. */
#define EXIT_PARTS_MAX	   4096
#define NR_EXIT_REASONS	   64 /* of KVM's */
#define MSR_MTRR_DEF_TYPE  0x2ff
#define MTRR_ON_WRITE_BACK 0x806 /* as Xen starts PVH guests */

/* Newer than Debian 12's headers. */
#ifndef KVM_EXIT_XEN
#define KVM_EXIT_XEN 34
#endif

static void on_kick(int sig)
{
	(void)sig; /* it has ended KVM_RUN */
}

void vcpu_kick(struct vcpu *v)
{
	if (!v || !v->started)
		return;
	/* before the signal: whoever is about to enter the guest returns at once */
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	/* cannot fail: the thread is joined only after `started` is cleared */
	(void)pthread_kill(v->thread, KICK_SIGNAL);
}

void vcpu_expel(struct vcpu *v)
{
	if (v->started && !pthread_equal(pthread_self(), v->thread))
		vcpu_kick(v);
}

/* The guest is beyond help: one line, and it counts as crashed. */
static int crashed(struct vcpu *v, const char *what, uint64_t detail)
{
	struct kvm_regs r = { 0 };

	/* cannot fail: it is this thread's vcpu */
	(void)ioctl(v->fd, KVM_GET_REGS, &r);
	log_warn("%s: vcpu %u: %s (%llx) at rip %llx", v->vm->name, v->id, what,
		 (unsigned long long)detail, (unsigned long long)r.rip);
	vm_stop(v->vm, SHUTDOWN_crash);
	return 0;
}

/* --------------------------------------------------------------------- exits */

/* A hypercall by a port: the registers are those of one by vmcall. */
static int call_by_port(struct vcpu *v)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return -errno;
	const uint64_t wide[] = { r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9 };
	const uint64_t narrow[] = { (uint32_t)r.rbx, (uint32_t)r.rcx, (uint32_t)r.rdx,
				    (uint32_t)r.rsi, (uint32_t)r.rdi, (uint32_t)r.rbp };

	r.rax = (uint64_t)hypercall(v, s.cs.l ? r.rax : (uint32_t)r.rax,
				    s.cs.l ? wide : narrow, s.cs.dpl, s.cs.l);
	return ioctl(v->fd, KVM_SET_REGS, &r) < 0 ? -errno : 0;
}

static int exit_io(struct vcpu *v)
{
	const struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)v->run + run->io.data_offset;

	if (run->io.port == VM_CALL_PORT && v->vm->call_port && run->io.size == 4 &&
	    run->io.direction == KVM_EXIT_IO_OUT && run->io.count == 1)
		return call_by_port(v);
	vcpu_count_exit(v, VM_EXIT_PIO);
	for (uint32_t i = 0; i < run->io.count; i++)
		io_access(&v->vm->pio, run->io.port, run->io.direction == KVM_EXIT_IO_OUT,
			  data + i * run->io.size, run->io.size);
	return 0;
}

static int exit_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	unsigned len = run->mmio.len < 8 ? run->mmio.len : 8;

	io_access(&v->vm->mmio, run->mmio.phys_addr, run->mmio.is_write, run->mmio.data,
		  len);
	return 0;
}

static int exit_xen(struct vcpu *v)
{
	struct kvm_xen_exit *x = &v->run->xen;
	uint64_t arg[6];

	if (x->type != KVM_EXIT_XEN_HCALL)
		return crashed(v, "unknown Xen exit", x->type);
	for (int i = 0; i < 6; i++)
		arg[i] = x->u.hcall.params[i];
	x->u.hcall.result = (uint64_t)hypercall(v, x->u.hcall.input, arg, x->u.hcall.cpl,
						x->u.hcall.longmode);
	return 0;
}

/* One that KVM does not know (hypercall_page.c): those that are read, nobody has. */
static int exit_msr(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	run->msr.error = run->exit_reason == KVM_EXIT_X86_RDMSR ||
			 !hypercall_page_write(v, run->msr.index, run->msr.data);
	return 0;
}

static int exit_shutdown(struct vcpu *v)
{
	/* a PC resets, and some of its systems do this to that end */
	if (v->vm->pc) {
		vm_stop(v->vm, SHUTDOWN_reboot);
		return 0;
	}
	return crashed(v, "triple fault", 0);
}

static int exit_internal(struct vcpu *v)
{
	return crashed(v, "KVM cannot go on", v->run->internal.suberror);
}

static int exit_fail_entry(struct vcpu *v)
{
	return crashed(v, "the CPU refuses its state",
		       v->run->fail_entry.hardware_entry_failure_reason);
}

static int exit_nothing(struct vcpu *v)
{
	(void)v;
	return 0;
}

static int exit_unknown(struct vcpu *v)
{
	return crashed(v, "unknown exit", v->run->exit_reason);
}

/* Those without a reason count themselves. */
static const struct {
	int (*fn)(struct vcpu *v);
	enum vm_exit reason;
} exit_table[NR_EXIT_REASONS] = {
	[KVM_EXIT_IO] = { exit_io, VM_NR_EXITS },
	[KVM_EXIT_MMIO] = { exit_mmio, VM_EXIT_MMIO },
	[KVM_EXIT_XEN] = { exit_xen, VM_NR_EXITS },
	[KVM_EXIT_X86_RDMSR] = { exit_msr, VM_EXIT_MSR },
	[KVM_EXIT_X86_WRMSR] = { exit_msr, VM_EXIT_MSR },
	[KVM_EXIT_HLT] = { exit_unknown, VM_EXIT_HALT },
	[KVM_EXIT_SHUTDOWN] = { exit_shutdown, VM_EXIT_OTHER },
	[KVM_EXIT_INTERNAL_ERROR] = { exit_internal, VM_EXIT_OTHER },
	[KVM_EXIT_FAIL_ENTRY] = { exit_fail_entry, VM_EXIT_OTHER },
	[KVM_EXIT_INTR] = { exit_nothing, VM_EXIT_KICK },
	[KVM_EXIT_IRQ_WINDOW_OPEN] = { exit_nothing, VM_EXIT_OTHER },
};

static int exit_handle(struct vcpu *v)
{
	const uint32_t reason = v->run->exit_reason;

	if (reason >= NR_EXIT_REASONS || !exit_table[reason].fn) {
		vcpu_count_exit(v, VM_EXIT_OTHER);
		return exit_unknown(v);
	}
	if (exit_table[reason].reason < VM_NR_EXITS)
		vcpu_count_exit(v, exit_table[reason].reason);
	return exit_table[reason].fn(v);
}

/*
 * The guest touched a page as it may not: it wrote where a grant is mapped for reading,
 * or found nothing where there is no memory. As under Xen it takes a general protection
 * fault; one that cannot take this, as it did so in taking another, has crashed.
 */
static int access_refused(struct vcpu *v)
{
	struct kvm_vcpu_events e;

	if (ioctl(v->fd, KVM_GET_VCPU_EVENTS, &e) < 0)
		return -errno;
	if (e.exception.injected || e.exception.pending)
		return crashed(v, "a fault in taking a fault", e.exception.nr);
	pthread_mutex_lock(&v->vm->lock);
	guest_complaint(v, "access to a page that it may not, fault", GP_VECTOR);
	pthread_mutex_unlock(&v->vm->lock);
	e.exception.injected = 1;
	e.exception.nr = GP_VECTOR;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0;
	return ioctl(v->fd, KVM_SET_VCPU_EVENTS, &e) < 0 ? -errno : 0;
}

/* -------------------------------------------------------------------- thread */

/*
 * Out by a kick. Who kicks to call an ioctl on this vcpu holds the lock until it is done,
 * so that this thread does not enter the guest before.
 */
static void kicked(struct vcpu *v)
{
	pthread_mutex_lock(&v->vm->lock);
	v->run->immediate_exit = 0;
	pthread_mutex_unlock(&v->vm->lock);
}

/*
 * KVM ends the last exit (what a port read, what a hypercall returns) on its way into the
 * guest. Here it does so and stays outside, so that the registers are whole.
 */
static int exit_end(struct vcpu *v)
{
	int err = 0;

	for (int i = 0; i < EXIT_PARTS_MAX && !err; i++) {
		v->run->immediate_exit = 1;
		if (ioctl(v->fd, KVM_RUN, 0) < 0)
			return 0;
		err = exit_handle(v);
	}
	return err;
}

static void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	int err = 0;

	atomic_store(&v->tid, gettid());
	while (!err && !atomic_load(&v->vm->stopped)) {
		if (vm_is_paused(v->vm)) {
			vcpu_park(v);
			continue;
		}
		if (ioctl(v->fd, KVM_RUN, 0) < 0) {
			vcpu_count_exit(v,
					errno == EFAULT ? VM_EXIT_OTHER : VM_EXIT_KICK);
			if (errno == EINTR || errno == EAGAIN)
				kicked(v);
			else if (errno == EFAULT)
				err = access_refused(v);
			else
				err = crashed(v, "KVM_RUN", (uint64_t)errno);
			continue;
		}
		err = exit_handle(v);
	}
	if (!err && vm_stop_reason(v->vm) == SHUTDOWN_suspend)
		err = exit_end(v);
	if (err)
		crashed(v, "its registers", (uint64_t)-err);
	vcpu_ended(v);
	return NULL;
}

int vcpu_start(struct vcpu *v)
{
	const struct sigaction sa = { .sa_handler = on_kick };
	sigset_t kick, old;
	int err;

	/* cannot fail: such a signal exists */
	(void)sigaction(KICK_SIGNAL, &sa, NULL);
	v->run->immediate_exit = 0;
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, &old);
	err = -pthread_create(&v->thread, NULL, vcpu_main, v);
	v->started = !err;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/* -------------------------------------------------------------------- object */

static int memory_types_set(struct vcpu *v)
{
	struct kvm_msrs *m = calloc(1, sizeof(*m) + sizeof(m->entries[0]));
	int err = 0;

	if (!m)
		return -ENOMEM;
	m->nmsrs = 1;
	m->entries[0].index = MSR_MTRR_DEF_TYPE;
	m->entries[0].data = MTRR_ON_WRITE_BACK;
	if (ioctl(v->fd, KVM_SET_MSRS, m) < 0)
		err = -errno;
	free(m);
	return err;
}

static int xen_id_set(struct vcpu *v)
{
	struct kvm_xen_vcpu_attr a = { .type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID,
				       .u.vcpu_id = v->id };

	if (v->vm->hw != &xen_hw_kvm)
		return 0;
	return ioctl(v->fd, KVM_XEN_VCPU_SET_ATTR, &a) < 0 ? -errno : 0;
}

int vcpu_create(struct vm *vm, unsigned id)
{
	struct vcpu *v = calloc(1, sizeof(*v));
	int size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0), err;

	if (!v)
		return -ENOMEM;
	vm->vcpu[id] = v;
	v->vm = vm;
	v->id = id;
	v->xen.info_gpa = XEN_GFN_NONE;
	v->fd = -1;
	if (size < 0)
		return -errno;
	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (v->fd < 0)
		return -errno;
	v->run_size = (size_t)size;
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return -errno;
	}
	err = cpuid_setup(v);
	if (!err)
		err = memory_types_set(v);
	return err ? err : xen_id_set(v);
}

void vcpu_destroy(struct vcpu *v)
{
	v->vm->vcpu[v->id] = NULL;
	if (v->run)
		munmap(v->run, v->run_size);
	if (v->fd >= 0)
		close(v->fd);
	free(v);
}

int vcpu_translate(struct vcpu *v, uint64_t va, uint64_t *gpa)
{
	struct kvm_translation t = { .linear_address = va };

	if (ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid)
		return -EFAULT;
	*gpa = t.physical_address;
	return 0;
}

int vcpu_pvh_entry(struct vcpu *v, uint32_t entry, uint32_t start_info)
{
	const struct kvm_segment code = { .limit = 0xffffffff,
					  .selector = 8,
					  .type = 11,
					  .present = 1,
					  .db = 1,
					  .s = 1,
					  .g = 1 };
	struct kvm_segment data = code;
	struct kvm_regs r = { .rip = entry, .rbx = start_info, .rflags = 2 };
	struct kvm_sregs s;

	data.type = 3;
	data.selector = 16;
	if (ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return -errno;
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.tr = (struct kvm_segment){ .limit = 0x67, .type = 11, .present = 1 };
	s.cr0 = 0x11; /* protection, and the FPU's type */
	s.cr4 = 0;
	s.efer = 0;
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0 || ioctl(v->fd, KVM_SET_REGS, &r) < 0)
		return -errno;
	return 0;
}
