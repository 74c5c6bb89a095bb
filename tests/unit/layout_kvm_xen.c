/* SPDX-License-Identifier: MIT */
/* Xen's side of the comparison of hv/kvm's layouts: numbers out of libxen-dev. */
#include <stddef.h>
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#include "tests/unit/layout_kvm.h"

#define SIZE(ours, xens)	    sizeof(xens),
#define FIELD(ours, xens, f, xen_f) offsetof(xens, xen_f), sizeof(((xens *)0)->xen_f),
#define CONST(name)		    (uint64_t)(int64_t)(name),

const uint64_t layout_kvm_xen[] = {
#include "tests/unit/layout_kvm_list.inc"
};
const unsigned layout_kvm_xen_len = sizeof(layout_kvm_xen) / sizeof(layout_kvm_xen[0]);
