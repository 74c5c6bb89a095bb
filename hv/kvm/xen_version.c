/* SPDX-License-Identifier: MIT */
/* xen_version: which Xen this is, and what it offers (version.h, features.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/kvm/xen_compat.h"

#define FEATURE(name) (1u << XENFEAT_##name)

static int text_out(struct vcpu *v, uint64_t va, const char *text, size_t size)
{
	char buf[1024] = { 0 };

	snprintf(buf, sizeof(buf), "%s", text);
	return guest_copy_out(v, va, buf, size);
}

static int64_t features(struct vcpu *v, uint64_t va)
{
	struct xen_feature_info fi;

	if (guest_copy_in(v, &fi, va, sizeof(fi)))
		return -EFAULT;
	fi.submap = 0;
	if (fi.submap_idx == 0)
		fi.submap =
			FEATURE(writable_page_tables) |
			FEATURE(writable_descriptor_tables) |
			FEATURE(auto_translated_physmap) |
			FEATURE(supervisor_mode_kernel) | FEATURE(pae_pgdir_above_4gb) |
			FEATURE(hvm_callback_vector) | FEATURE(hvm_safe_pvclock) |
			FEATURE(memory_op_vnode_supported) | FEATURE(not_direct_mapped);
	return guest_copy_out(v, va, &fi, sizeof(fi));
}

int64_t xen_version(struct vcpu *v, const uint64_t arg[6])
{
	static const struct xen_compile_info info = { "cc", "tandem", "tandem", "" };

	switch (arg[0]) {
	case XENVER_version:
		return XEN_VERSION;
	case XENVER_extraversion:
		return text_out(v, arg[1], ".tandem", 16);
	case XENVER_compile_info:
		return guest_copy_out(v, arg[1], &info, sizeof(info));
	case XENVER_capabilities:
		return text_out(v, arg[1],
				"hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64", 1024);
	case XENVER_changeset:
		return text_out(v, arg[1], "unavailable", 64);
	case XENVER_platform_parameters:
		return guest_word_out(v, arg[1], 0, 0);
	case XENVER_get_features:
		return features(v, arg[1]);
	case XENVER_pagesize:
		return XEN_PAGE_SIZE;
	case XENVER_guest_handle: {
		const uint8_t handle[16] = { (uint8_t)v->vm->xen.domid,
					     (uint8_t)(v->vm->xen.domid >> 8) };

		return guest_copy_out(v, arg[1], handle, sizeof(handle));
	}
	case XENVER_commandline:
		return text_out(v, arg[1], "", 1024);
	case XENVER_build_id:
		return -ENODATA;
	default:
		return guest_unknown(v, "unknown xen_version", arg[0]);
	}
}
