/* SPDX-License-Identifier: MIT */
/*
 * A VM without KVM: memory, vcpus and Xen objects, so that hypercalls can be made
 * from a test. A guest's virtual addresses are its physical ones.
 */
#ifndef TANDEM_TESTS_LIB_BAREVM_H
#define TANDEM_TESTS_LIB_BAREVM_H

#include "hv/kvm/hypercall.h"

#define BAREVM_DOMID	   7
#define BAREVM_BYTES	   (4u << 20)
#define BAREVM_ARGS	   0x10000u /* where barevm_call() puts what an argument points to */
#define BAREVM_ARENA_PAGES 8u	    /* of domain 3; the first has the entries */
#define BAREVM_INFO	   0x20000u /* the shared info page, after barevm_shared_info() */

struct barevm {
	struct vm vm;
	struct vcpu vcpu[4];
	bool up[4];	       /* vcpu 0 is from the start */
	unsigned told[4];      /* upcalls that each vcpu got */
	unsigned remote_opens; /* channels to other domains, and those closed */
	unsigned remote_closes;
	domid_t no_remote; /* a domain that there is not */
	int arena;	   /* a memfd: arena 5 of domain 3, a process's */
	unsigned arena_opens, arena_closes;
	int remote_wait, remote_notify; /* of the last channel: the other end's
					 * duplicates */
};

/* vcpus: 1 to 4. Ends the test if it cannot. */
struct barevm *barevm_open(unsigned vcpus);
void barevm_close(struct barevm *b);

/* The guest registers its shared info page. */
struct shared_info *barevm_shared_info(struct barevm *b);

/* A call of vcpu 0 whose second argument points to `size` bytes, in and out. */
int64_t barevm_op(struct barevm *b, uint64_t nr, uint64_t cmd, void *arg, size_t size);
/* Any call, of any vcpu. */
int64_t barevm_call(struct barevm *b, unsigned vcpu, uint64_t nr, uint64_t a0,
		    uint64_t a1, uint64_t a2);

#endif
