/* SPDX-License-Identifier: MIT */
/* memory_op, grant_table_op, hvm_op, vcpu_op, xen_version...: what they do and refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "hv/kvm/xen_evtchn.h"
#include "hv/kvm/xen_timer.h"
#include "tests/lib/barevm.h"

#define OP(family, cmd, arg) barevm_op(b, __HYPERVISOR_##family, cmd, arg, sizeof(*(arg)))
#define LIST		     0x18000u /* a guest's arrays */

static struct barevm *b;

static int setup(void **state)
{
	(void)state;
	b = barevm_open(2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	barevm_close(b);
	return 0;
}

static void test_shared_info(void **state)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_shared_info,
					.gpfn = 0x30 };
	struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = 0x31 };
	struct shared_info *s = barevm_shared_info(b);

	(void)state;
	assert_int_equal(b->vcpu[1].xen.info_gpa, BAREVM_INFO + 64);
	s->evtchn_mask[3] = 77;
	/* it moves, with what is in it */
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), 0);
	assert_int_equal(xen_shared_info(&b->vm)->evtchn_mask[3], 77);
	assert_int_equal(b->vcpu[1].xen.info_gpa, 0x30040);
	a.gpfn = UINT64_MAX >> 12;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), -EINVAL);
	/* and where there is no RAM */
	a.gpfn = 0x8000;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), 0);
	assert_int_equal(xen_shared_info(&b->vm)->evtchn_mask[3], 77);
	assert_int_equal(b->vcpu[1].xen.info_gpa, 0x8000040);
	a.gpfn = 0x8001;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), 0);
	assert_int_equal(xen_shared_info(&b->vm)->evtchn_mask[3], 77);
	assert_false(gmem_placed(&b->vm.mem, 0x8000));
	xen_shared_info(&b->vm)->evtchn_mask[3] = 78;
	a.gpfn = 0x30;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), 0);
	assert_int_equal(xen_shared_info(&b->vm)->evtchn_mask[3], 78);
	assert_false(gmem_placed(&b->vm.mem, 0x8001));
	a.gpfn = GMEM_SPECIAL >> 12;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), -EINVAL);
	a = (struct xen_add_to_physmap){ .domid = 3, .gpfn = 0x30 };
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), -ESRCH);
	/* it cannot be taken away below KVM */
	r.gpfn = 0x30;
	assert_int_equal(OP(memory_op, XENMEM_remove_from_physmap, &r), -EINVAL);
}

static void test_grant_frames(void **state)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_grant_table };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_setup_table t = { .dom = DOMID_SELF,
					.nr_frames = 3,
					.frame_list = LIST };
	struct xen_remove_from_physmap r = { .domid = DOMID_SELF };
	uint64_t *list = gmem_ptr(&b->vm.mem, LIST, 64);
	uint32_t version = 2;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		a.idx = i;
		a.gpfn = 0x8000 + i;
		assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), 0);
	}
	assert_int_equal(gmem_write(&b->vm.mem, 0x8001000, "frame 1", 7), 0);
	/* one moves: its old place is empty, its content with it */
	a.idx = 1;
	a.gpfn = 0x40;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), 0);
	assert_null(gmem_ptr_ro(&b->vm.mem, 0x8001000, 1));
	assert_memory_equal(gmem_ptr_ro(&b->vm.mem, 0x40000, 7), "frame 1", 7);
	assert_int_equal(OP(grant_table_op, GNTTABOP_query_size, &q), 0);
	assert_int_equal(q.status, GNTST_okay);
	assert_int_equal(q.nr_frames, 3);
	assert_int_equal(q.max_nr_frames, XEN_GNTTAB_FRAMES);
	assert_int_equal(OP(grant_table_op, GNTTABOP_setup_table, &t), 0);
	assert_int_equal(t.status, GNTST_okay);
	assert_int_equal(list[0], 0x8000);
	assert_int_equal(list[1], 0x40);
	t.nr_frames = XEN_GNTTAB_FRAMES + 1;
	assert_int_equal(OP(grant_table_op, GNTTABOP_setup_table, &t), 0);
	assert_int_equal(t.status, GNTST_general_error);
	a.idx = XEN_GNTTAB_FRAMES;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), -EINVAL);
	a.idx = XENMAPIDX_grant_table_status;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), -EINVAL);
	r.gpfn = 0x40;
	assert_int_equal(OP(memory_op, XENMEM_remove_from_physmap, &r), 0);
	assert_int_equal(OP(grant_table_op, GNTTABOP_set_version, &version), -ENOSYS);
	version = 1;
	assert_int_equal(OP(grant_table_op, GNTTABOP_set_version, &version), 0);
}

/* A frame over the shared info page would pull it from under the events. */
static void test_frame_over_shared_info(void **state)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_grant_table,
					.gpfn = BAREVM_INFO >> 12 };

	(void)state;
	barevm_shared_info(b);
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, &a), -EINVAL);
}

static void test_batch(void **state)
{
	uint64_t *idx = gmem_ptr(&b->vm.mem, LIST, 0x300), *gfn = idx + 16;
	int32_t *err = (int32_t *)(idx + 32);
	struct xen_add_to_physmap_batch a = { .domid = DOMID_SELF,
					      .space = XENMAPSPACE_grant_table,
					      .size = 3,
					      .idxs = LIST,
					      .gpfns = LIST + 128,
					      .errs = LIST + 256 };

	(void)state;
	idx[0] = 0;
	idx[1] = 1000;
	idx[2] = 2;
	gfn[0] = 0x50;
	gfn[1] = 0x51;
	gfn[2] = 0x52;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap_batch, &a), 0);
	assert_int_equal(err[0], 0);
	assert_int_equal(err[1], -EINVAL);
	assert_int_equal(err[2], 0);
	a.errs = BAREVM_BYTES;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap_batch, &a), -EFAULT);
}

static void test_memory_map(void **state)
{
	struct xen_memory_map m = { .nr_entries = 8, .buffer = LIST };
	struct xen_e820 e;

	(void)state;
	assert_int_equal(OP(memory_op, XENMEM_memory_map, &m), 0);
	assert_int_equal(m.nr_entries, 3);
	memcpy(&e, gmem_ptr_ro(&b->vm.mem, LIST + 20, 20), 20);
	assert_int_equal(e.addr, 0x100000);
	assert_int_equal(e.size, BAREVM_BYTES - 0x100000);
	assert_int_equal(e.type, 1);
	m.nr_entries = 2;
	assert_int_equal(OP(memory_op, XENMEM_memory_map, &m), -EINVAL);
}

static void test_hvm(void **state)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF,
				   .index = HVM_PARAM_STORE_PFN,
				   .value = 5 };
	struct xen_hvm_evtchn_upcall_vector u = { .vcpu = 1, .vector = 0xf3 };

	(void)state;
	assert_int_equal(OP(hvm_op, HVMOP_set_param, &p), -EPERM);
	assert_int_equal(OP(hvm_op, HVMOP_get_param, &p), 0);
	assert_int_equal(p.value, 0);
	p.index = HVM_NR_PARAMS;
	assert_int_equal(OP(hvm_op, HVMOP_get_param, &p), -EINVAL);
	p = (struct xen_hvm_param){ .domid = 8 };
	assert_int_equal(OP(hvm_op, HVMOP_get_param, &p), -EPERM);
	p = (struct xen_hvm_param){ .domid = DOMID_SELF, .value = 1ull << 56 | 9 };
	assert_int_equal(OP(hvm_op, HVMOP_set_param, &p), -EOPNOTSUPP);
	p.value = 2ull << 56 | 3;
	assert_int_equal(OP(hvm_op, HVMOP_set_param, &p), -EINVAL);
	assert_int_equal(OP(hvm_op, HVMOP_set_evtchn_upcall_vector, &u), 0);
	assert_int_equal(b->vcpu[1].xen.upcall_vector, 0xf3);
	/* what was pending before is told now */
	assert_int_equal(b->told[1], 1);
	u.vector = 15;
	assert_int_equal(OP(hvm_op, HVMOP_set_evtchn_upcall_vector, &u), -EINVAL);
	u = (struct xen_hvm_evtchn_upcall_vector){ .vcpu = 2, .vector = 0xf3 };
	assert_int_equal(OP(hvm_op, HVMOP_set_evtchn_upcall_vector, &u), -ENOENT);
	/* what Linux does when its vcpus have vectors: a GSI that is never raised */
	u.vcpu = 0;
	assert_int_equal(OP(hvm_op, HVMOP_set_evtchn_upcall_vector, &u), 0);
	p.value = 1;
	assert_int_equal(OP(hvm_op, HVMOP_set_param, &p), 0);
}

static int64_t vcpu_op(uint64_t cmd, uint64_t vcpu, const void *arg, size_t size)
{
	assert_int_equal(gmem_write(&b->vm.mem, BAREVM_ARGS, arg, size), 0);
	return barevm_call(b, 0, __HYPERVISOR_vcpu_op, cmd, vcpu, BAREVM_ARGS);
}

static void test_vcpu_info(void **state)
{
	struct vcpu_register_vcpu_info r = { .mfn = 0x60, .offset = 128 };
	struct shared_info *s = barevm_shared_info(b);
	const struct vcpu_info *info = gmem_ptr_ro(&b->vm.mem, 0x60080, 64);

	(void)state;
	s->vcpu_info[1].arch[0] = 4711;
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), 0);
	assert_int_equal(b->vcpu[1].xen.info_gpa, 0x60080);
	assert_int_equal(info->arch[0], 4711);
	assert_int_equal(info->evtchn_pending_sel, UINT64_MAX);
	assert_int_equal(info->evtchn_upcall_pending, 1);
	/* once */
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -EINVAL);
	r.offset = 4096 - 56;
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -EINVAL);
	r = (struct vcpu_register_vcpu_info){ .mfn = UINT64_MAX };
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -EINVAL);
	r = (struct vcpu_register_vcpu_info){ .mfn = BAREVM_BYTES >> 12 };
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 2, &r, sizeof(r)), -ENOENT);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 0, &r, sizeof(r)), 1);
}

static void test_vcpu_life(void **state)
{
	struct vcpu_hvm_context c = { .mode = 2 };

	(void)state;
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1, &c, sizeof(c)), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1, &c, sizeof(c)), -EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), -EINVAL);
	c.mode = 1;
	assert_int_equal(vcpu_op(VCPUOP_initialise, 0, &c, sizeof(c)), -EEXIST);
	assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), 0);
	assert_int_equal(vcpu_op(VCPUOP_initialise, 1, &c, sizeof(c)), -EEXIST);
	assert_int_equal(vcpu_op(VCPUOP_up, 1, &c, sizeof(c)), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1, &c, sizeof(c)), 1);
	assert_int_equal(vcpu_op(VCPUOP_down, 1, &c, sizeof(c)), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1, &c, sizeof(c)), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1, &c, sizeof(c)), 0);
	assert_int_equal(vcpu_op(VCPUOP_send_nmi, 2, &c, sizeof(c)), -ENOENT);
}

static int64_t watchdog(uint32_t id, uint32_t seconds)
{
	struct sched_watchdog w = { id, seconds };

	return OP(sched_op, SCHEDOP_watchdog, &w);
}

static void test_timers(void **state)
{
	struct evloop *loop = evloop_new();
	struct vcpu_set_periodic_timer p = { .period_ns = 5000000 };
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER };
	struct shared_info *s = barevm_shared_info(b);

	(void)state;
	assert_int_equal(watchdog(0, 1), -ENOSYS);
	assert_int_equal(xen_timers_open(&b->vm, loop), 0);
	assert_int_equal(OP(event_channel_op, EVTCHNOP_bind_virq, &v), 0);
	assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 1, &p, sizeof(p)), -EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), 0);
	assert_int_equal(evloop_once(loop, 5000), 0);
	assert_int_equal(b->told[0], 1);
	assert_true(s->evtchn_pending[0] & 1ull << v.port);
	assert_int_equal(vcpu_op(VCPUOP_stop_periodic_timer, 0, &p, sizeof(p)), 0);
	p.period_ns = 999;
	assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &p, sizeof(p)), -EINVAL);
	/* two watchdogs; one is fed, one let go, then one bites */
	assert_int_equal(watchdog(0, 1000), 1);
	assert_int_equal(watchdog(0, 1000), 2);
	assert_int_equal(watchdog(0, 1000), -ENOSPC);
	assert_int_equal(watchdog(3, 1), -EINVAL);
	assert_int_equal(watchdog(2, 0), 0);
	assert_int_equal(watchdog(2, 1), -EINVAL);
	assert_int_equal(vm_stop_reason(&b->vm), -1);
	assert_int_equal(watchdog(1, 1), 0);
	assert_int_equal(evloop_once(loop, 10000), 0);
	assert_int_equal(vm_stop_reason(&b->vm), SHUTDOWN_watchdog);
	xen_timers_close(&b->vm);
	evloop_free(loop);
}

static void test_others(void **state)
{
	struct xen_feature_info f = { .submap_idx = 0 };
	uint32_t reason = SHUTDOWN_reboot;
	struct multicall_entry m = { .op = __HYPERVISOR_xen_version };

	(void)state;
	assert_int_equal(barevm_call(b, 0, __HYPERVISOR_xen_version, 0, 0, 0),
			 4 << 16 | 17);
	assert_int_equal(OP(xen_version, XENVER_get_features, &f), 0);
	assert_true(f.submap & 1u << XENFEAT_hvm_callback_vector);
	f.submap_idx = 1;
	assert_int_equal(OP(xen_version, XENVER_get_features, &f), 0);
	assert_int_equal(f.submap, 0);
	assert_int_equal(barevm_call(b, 0, 63, 0, 0, 0), -ENOSYS);
	assert_int_equal(barevm_call(b, 0, UINT64_MAX, 0, 0, 0), -ENOSYS);
	assert_int_equal(gmem_write(&b->vm.mem, BAREVM_ARGS, &m, sizeof(m)), 0);
	assert_int_equal(barevm_call(b, 0, __HYPERVISOR_multicall, BAREVM_ARGS, 1, 0), 0);
	memcpy(&m, gmem_ptr_ro(&b->vm.mem, BAREVM_ARGS, sizeof(m)), sizeof(m));
	assert_int_equal(m.result, 4 << 16 | 17);
	assert_int_equal(barevm_call(b, 0, __HYPERVISOR_console_io, 0, 1u << 20, 0),
			 -EINVAL);
	assert_int_equal(vm_stop_reason(&b->vm), -1);
	reason = SHUTDOWN_MAX + 1;
	assert_int_equal(OP(sched_op, SCHEDOP_shutdown, &reason), -EINVAL);
	reason = SHUTDOWN_reboot;
	assert_int_equal(OP(sched_op, SCHEDOP_shutdown, &reason), 0);
	assert_int_equal(vm_stop_reason(&b->vm), SHUTDOWN_reboot);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_shared_info),
		EACH(test_grant_frames),
		EACH(test_frame_over_shared_info),
		EACH(test_batch),
		EACH(test_memory_map),
		EACH(test_hvm),
		EACH(test_vcpu_info),
		EACH(test_others),
		EACH(test_vcpu_life),
		EACH(test_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
