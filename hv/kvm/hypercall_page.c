/* SPDX-License-Identifier: MIT */
/* The hypercall page, where KVM does not write it: calls by a port (VM_CALL_PORT). */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv/kvm/cpuid.h"
#include "hv/kvm/hypercall.h"

#define STUB_SIZE 32u

int hypercall_page_enable(struct vm *vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
				      .args = { KVM_MSR_EXIT_REASON_UNKNOWN } };

	/* a KVM without it has no such page, and guests that want none */
	if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_USER_SPACE_MSR) <= 0)
		return 0;
	return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0 ? -errno : 0;
}

bool hypercall_page_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	/* mov $nr, %eax; out %eax, $VM_CALL_PORT; ret */
	uint8_t stub[STUB_SIZE] = { 0xb8, 0, 0, 0, 0, 0xe7, VM_CALL_PORT, 0xc3 };
	bool done = msr == XEN_HYPERCALL_MSR && value % XEN_PAGE_SIZE == 0;

	pthread_mutex_lock(&v->vm->lock);
	for (unsigned i = 0; i < XEN_PAGE_SIZE / STUB_SIZE && done; i++) {
		stub[1] = (uint8_t)i;
		done = !gmem_write(&v->vm->mem, value + i * STUB_SIZE, stub,
				   sizeof(stub));
	}
	pthread_mutex_unlock(&v->vm->lock);
	return done;
}
