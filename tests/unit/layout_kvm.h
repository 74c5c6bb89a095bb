/* SPDX-License-Identifier: MIT */
/* What layout_kvm_xen.c exports to test_layout_kvm.c. */
#ifndef TANDEM_TESTS_UNIT_LAYOUT_KVM_H
#define TANDEM_TESTS_UNIT_LAYOUT_KVM_H

#include <stdint.h>

extern const uint64_t layout_kvm_xen[];
extern const unsigned layout_kvm_xen_len;

#endif
