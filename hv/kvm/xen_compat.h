/* SPDX-License-Identifier: MIT */
/*
 * Structs in a guest's memory, of callers of 64 bits and of 32: for the latter words are
 * half as wide, and numbers of 64 bits lie at multiples of 4.
 *
 * A struct's fields are told in their order: 2, 4 and 8, numbers of that many bytes; w, a
 * word (a pointer, a frame's number, an unsigned long); |, the end of a struct within
 * that begins with a word. The struct here is always the one of 64 bits.
 */
#ifndef TANDEM_HV_KVM_XEN_COMPAT_H
#define TANDEM_HV_KVM_XEN_COMPAT_H

#include "hv/kvm/hypercall.h"

#define FIELDS_reservation	   "ww442"
#define FIELDS_add_to_physmap	   "224ww"
#define FIELDS_add_to_physmap_many "2222www"
#define FIELDS_remove_from_physmap "2w"
#define FIELDS_memory_map	   "4w"
#define FIELDS_setup_table	   "242w"
#define FIELDS_gnttab_map	   "8442248"
#define FIELDS_gnttab_unmap	   "8842"
#define FIELDS_gnttab_copy	   "w22|w22|222"
#define FIELDS_sched_poll	   "w48"
#define FIELDS_multicall	   "wwwwwwww"
#define FIELDS_runstate		   "488888"
#define FIELDS_singleshot	   "84"

/* How long such a struct is in the caller's memory. */
size_t guest_struct_size(const struct vcpu *v, const char *fields);
/* The caller's struct; words are extended by zeroes. -EFAULT */
int guest_struct_in(struct vcpu *v, void *dst, uint64_t va, const char *fields);
/* Back; of words the lower half. -EFAULT */
int guest_struct_out(struct vcpu *v, uint64_t va, const void *src, const char *fields);

/* Word i of an array. */
int guest_word_in(struct vcpu *v, uint64_t *word, uint64_t va, uint64_t i);
int guest_word_out(struct vcpu *v, uint64_t va, uint64_t i, uint64_t word);

#endif
