/* SPDX-License-Identifier: MIT */
/* A vcpu's state as a whole: where it begins, whether it runs. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv/kvm/vm.h"

#define MODE_32 0
#define MODE_64 1

/* Attributes as vcpu_hvm_context has them: a descriptor's second word's bits 8 to 15
 * and 20 to 23. */
static struct kvm_segment segment(uint64_t base, uint32_t limit, unsigned ar)
{
	return (struct kvm_segment){
		.base = base,
		.limit = limit,
		.type = ar & 15,
		.s = ar >> 4 & 1,
		.dpl = ar >> 5 & 3,
		.present = ar >> 7 & 1,
		.avl = ar >> 8 & 1,
		.l = ar >> 9 & 1,
		.db = ar >> 10 & 1,
		.g = ar >> 11 & 1,
	};
}

static void context_32(const struct vcpu_hvm_x86_32 *c, struct kvm_regs *r,
		       struct kvm_sregs *s)
{
	*r = (struct kvm_regs){ .rax = c->eax,
				.rbx = c->ebx,
				.rcx = c->ecx,
				.rdx = c->edx,
				.rsi = c->esi,
				.rdi = c->edi,
				.rsp = c->esp,
				.rbp = c->ebp,
				.rip = c->eip,
				.rflags = c->eflags | 2 };
	s->cr0 = c->cr0 | 0x10;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->efer = c->efer;
	s->cs = segment(c->cs_base, c->cs_limit, c->cs_ar);
	s->ds = s->fs = s->gs = segment(c->ds_base, c->ds_limit, c->ds_ar);
	s->ss = segment(c->ss_base, c->ss_limit, c->ss_ar);
	s->es = segment(c->es_base, c->es_limit, c->es_ar);
	s->tr = segment(c->tr_base, c->tr_limit, c->tr_ar);
}

static void context_64(const struct vcpu_hvm_x86_64 *c, struct kvm_regs *r,
		       struct kvm_sregs *s)
{
	*r = (struct kvm_regs){ .rax = c->rax,
				.rbx = c->rbx,
				.rcx = c->rcx,
				.rdx = c->rdx,
				.rsi = c->rsi,
				.rdi = c->rdi,
				.rsp = c->rsp,
				.rbp = c->rbp,
				.rip = c->rip,
				.rflags = c->rflags | 2 };
	s->cr0 = c->cr0 | 0x10;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->efer = c->efer;
	s->cs = segment(0, UINT32_MAX, 0xa9b);
	s->ds = s->es = s->fs = s->gs = s->ss = segment(0, UINT32_MAX, 0xc93);
	s->tr = segment(0, 0x67, 0x8b);
}

int vcpu_context_set(struct vcpu *v, const struct vcpu_hvm_context *c)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (c->mode > MODE_64)
		return -EINVAL;
	vcpu_expel(v);
	if (ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return -errno;
	if (c->mode == MODE_32)
		context_32(&c->cpu_regs.x86_32, &r, &s);
	else
		context_64(&c->cpu_regs.x86_64, &r, &s);
	/* KVM refuses what no CPU can be in */
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0 || ioctl(v->fd, KVM_SET_REGS, &r) < 0)
		return -EINVAL;
	return 0;
}

int vcpu_is_up(struct vcpu *v)
{
	struct kvm_mp_state mp;

	vcpu_expel(v);
	if (ioctl(v->fd, KVM_GET_MP_STATE, &mp) < 0)
		return -errno;
	return mp.mp_state == KVM_MP_STATE_RUNNABLE || mp.mp_state == KVM_MP_STATE_HALTED;
}

/* A vcpu that is down waits in KVM, for this or for what the local APIC may bring. */
int vcpu_up(struct vcpu *v, bool up)
{
	struct kvm_mp_state mp = { .mp_state = up ? KVM_MP_STATE_RUNNABLE
						  : KVM_MP_STATE_UNINITIALIZED };

	vcpu_expel(v);
	return ioctl(v->fd, KVM_SET_MP_STATE, &mp) < 0 ? -errno : 0;
}

int vcpu_nmi(struct vcpu *v)
{
	vcpu_expel(v);
	return ioctl(v->fd, KVM_NMI) < 0 ? -errno : 0;
}
