/* SPDX-License-Identifier: MIT */
/*
 * The state of a stopped machine besides its memory, as items {kind, size, bytes}: what
 * KVM has of each vcpu and of the machine, and the little of Xen's that outlives a
 * suspend.
 *
 * Xen's own objects (event channels, grants, where shared pages lie) are not among them:
 * a guest that wakes up in a new domain finds it as empty as a fresh one and sets them
 * up again, as the ABI wants.
 */
#ifndef TANDEM_HV_KVM_SAVE_STATE_H
#define TANDEM_HV_KVM_SAVE_STATE_H

#include "hv/kvm/vm.h"

#define SAVE_STATE_MAX 65536

struct save_buf {
	uint8_t *data; /* SAVE_STATE_MAX bytes */
	size_t len;
};

/* What vm_create() needs of a machine that was saved. */
struct save_machine {
	uint64_t memory; /* bytes */
	uint32_t vcpus;
	uint32_t tsc_khz;
};

/* All of a stopped machine. 0 or -errno */
int save_machine_get(struct vm *vm, struct save_buf *b);
int save_vcpu_get(struct vcpu *v, struct save_buf *b);

/* Checks items against a machine that was made for them. *why: -errno, and what. */
int save_machine_set(struct vm *vm, const uint8_t *data, size_t len, const char **why);
int save_vcpu_set(struct vcpu *v, const uint8_t *data, size_t len, const char **why);

#endif
