/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine on KVM with Xen's guest ABI: what its owner (tandem-vm) calls,
 * and the objects that the parts of hv/kvm share.
 *
 * Threads: one a vcpu, and the owner's. vm->lock guards everything but a vcpu's own
 * registers and counters; hypercalls run under it, so a pointer from gmem_ptr()
 * is good until it is dropped.
 */
#ifndef TANDEM_HV_KVM_VM_H
#define TANDEM_HV_KVM_VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/kvm/devices.h"
#include "hv/kvm/exits.h"
#include "hv/kvm/gmem.h"
#include "hv/kvm/image.h"
#include "hv/kvm/io.h"
#include "hv/kvm/xen_domain.h"

#define VM_MAX_VCPUS 32
#define VM_NOBODY    VM_MAX_VCPUS

struct vm_spec {
	const char *name;
	uint64_t memory; /* bytes, whole pages: what the guest may have at first */
	uint64_t maxmem; /* what it may ever have, its RAM; 0: the same */
	unsigned vcpus;	 /* all that it may ever have */
	domid_t domid;	 /* what the guest is told */
	/* hypercalls by `out %eax, $VM_CALL_PORT` with the same registers: for
	 * guests on a KVM that cannot run vmcall (tests) */
	bool call_port;
	/* a PC's memory: the guest starts at its firmware's reset vector */
	bool pc;
	/* a PC's guest sees Xen all the same, as HVM guests do; others see it anyhow */
	bool xen_platform;
};
#define VM_CALL_PORT 0xf4

struct vcpu {
	struct vm *vm;
	unsigned id;
	int fd;
	struct kvm_run *run;
	bool compat; /* the hypercall that it makes is one of 32 bits */
	size_t run_size;
	pthread_t thread;
	bool started;
	_Atomic pid_t tid; /* the thread's, for those who look at it from outside */
	_Atomic uint64_t exits[VM_NR_EXITS]; /* counted by its thread alone */
	struct xen_vcpu xen;
};

struct vm {
	char name[64];
	int kvm_fd, fd;
	unsigned xen_caps; /* KVM_XEN_HVM_CONFIG_*; 0: KVM knows no Xen */
	bool call_port, pc;
	bool xen_hidden; /* no leaves, no hypercalls */
	struct gmem mem;
	pthread_mutex_t lock;
	unsigned nvcpus;
	struct vcpu *vcpu[VM_MAX_VCPUS];
	struct io_table pio, mmio;
	const struct vm_devices *devices; /* their owner's; NULL: Xen's alone */
	const struct xen_hw_ops *hw;
	struct xen_domain xen;
	_Atomic int stopped; /* 0, or 1 + SHUTDOWN_* of the first who said so */
	unsigned suspender;  /* the vcpu that asked for SHUTDOWN_suspend; VM_NOBODY */
	int stop_fd;	     /* readable then */
	_Atomic bool pausing;
	unsigned parked; /* vcpus that are out of the guest for it, or have ended */
	pthread_cond_t park;
	int log_budget; /* for lines that a guest causes */
	/* Bytes of port 0xe9 and console_io; may be NULL. Under the lock. */
	void (*debug_out)(void *arg, const char *s, size_t len);
	void *debug_arg;
};

/* Makes a machine that has memory, vcpus and no program. `why`: what failed. */
int vm_create(struct vm **vm, const struct vm_spec *spec, const char **why);

/* What it runs: pvh.h. Then, once: */
int vm_start(struct vm *vm);

/*
 * Between vm_pause() and vm_unpause() no vcpu is in the guest nor makes a hypercall:
 * memory and vcpus are still, but for what other domains do. Before vm_start() too;
 * pausing twice is pausing once. Not from a vcpu. (vm_pause.c)
 */
void vm_pause(struct vm *vm);
void vm_unpause(struct vm *vm);
bool vm_is_paused(const struct vm *vm);
/* By its own thread: one more, for whoever looks. */
static inline void vcpu_count_exit(struct vcpu *v, enum vm_exit why)
{
	uint64_t n = atomic_load_explicit(&v->exits[why], memory_order_relaxed);

	atomic_store_explicit(&v->exits[why], n + 1, memory_order_relaxed);
}

/* CPU time of a vcpu so far, in ns. */
uint64_t vcpu_cpu_time(const struct vcpu *v);
/* A vcpu's thread waits while the machine is paused; it has ended for good. */
void vcpu_park(struct vcpu *v);
void vcpu_ended(struct vcpu *v);

/* Ends the guest for a reason SHUTDOWN_*; the first counts, but a PC's own end before
 * that it was suspended. Any thread. */
void vm_stop(struct vm *vm, int reason);
/*
 * Would the guest suspend itself if it was asked to? Not a PC's that has no Xen objects,
 * which then has nothing to set up again either: vm_suspend() stops that one between two
 * instructions, and when it goes on it notices nothing.
 */
bool vm_is_asked(struct vm *vm);
void vm_suspend(struct vm *vm);
/* SHUTDOWN_*, or -1: it runs. */
int vm_stop_reason(const struct vm *vm);
/* Stops the vcpus, if they run, and waits for their threads. Not from one. */
void vm_join(struct vm *vm);
/*
 * A guest that suspended itself, and whose vcpus are joined, goes on. Its call returns 0
 * in a new domain, where it sets Xen's objects up again; or 1: it never was away
 * (cancelled). After vm_suspend() it made no call.
 */
int vm_resume(struct vm *vm, bool cancelled);
void vm_destroy(struct vm *vm);

/* vcpu.c */
int vcpu_create(struct vm *vm, unsigned id);
void vcpu_destroy(struct vcpu *v);
int vcpu_start(struct vcpu *v);
void vcpu_kick(struct vcpu *v); /* out of KVM_RUN */
/* Makes ioctls on any vcpu possible for whoever holds vm->lock, until it is
 * released: KVM serves them when the vcpu is out of the guest. */
void vcpu_expel(struct vcpu *v);
/* KVM's own walk of the guest's page tables. -EFAULT */
int vcpu_translate(struct vcpu *v, uint64_t va, uint64_t *gpa);
/* The state at a PVH entry: 32 bits, flat, paging off. */
int vcpu_pvh_entry(struct vcpu *v, uint32_t entry, uint32_t start_info);

/* vcpu_state.c: of any vcpu, under the lock. 0 or -errno */
int vcpu_context_set(struct vcpu *v, const struct vcpu_hvm_context *c);
int vcpu_up(struct vcpu *v, bool up);
int vcpu_is_up(struct vcpu *v); /* 1 or 0 */
int vcpu_nmi(struct vcpu *v);

#endif
