/* SPDX-License-Identifier: MIT */
/* Hypercalls from code of 32 bits: other structs, and other shared pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "hv/kvm/xen_compat.h"
#include "hv/kvm/xen_evtchn.h"
#include "tests/lib/barevm.h"

#define LIST 0x30000u
#define ROOM 256u /* for arguments, and what stands behind them */

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

/* A call of 32 bits of vcpu 0, whose second argument points to words. What stands behind
 * them is not touched. */
static int64_t op(uint64_t nr, uint64_t cmd, void *arg, size_t size)
{
	uint8_t *at = gmem_ptr(&b->vm.mem, BAREVM_ARGS, ROOM);
	int64_t ret;

	memset(at, 0xaa, ROOM);
	memcpy(at, arg, size);
	ret = hypercall(&b->vcpu[0], nr,
			(const uint64_t[]){ cmd, BAREVM_ARGS, 1, 0, 0, 0 }, 0, false);
	memcpy(arg, at, size);
	for (size_t i = size; i < ROOM; i++)
		assert_int_equal(at[i], 0xaa);
	return ret;
}
#define OP(call, cmd, arg) op(__HYPERVISOR_##call, cmd, arg, sizeof(arg))

static struct shared_info32 *info_register(uint32_t gfn)
{
	uint32_t a[] = { DOMID_SELF, XENMAPSPACE_shared_info, 0, gfn };

	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, a), 0);
	return (struct shared_info32 *)(void *)xen_shared_info(&b->vm);
}

/* Xen's public headers, as compilers for either lay them out. */
static void test_sizes(void **state)
{
	static const struct {
		const char *fields;
		size_t wide, narrow;
	} all[] = {
		{ FIELDS_reservation, sizeof(struct xen_memory_reservation), 20 },
		{ FIELDS_add_to_physmap, sizeof(struct xen_add_to_physmap), 16 },
		{ FIELDS_add_to_physmap_many, sizeof(struct xen_add_to_physmap_batch),
		  20 },
		{ FIELDS_remove_from_physmap, sizeof(struct xen_remove_from_physmap), 8 },
		{ FIELDS_memory_map, sizeof(struct xen_memory_map), 8 },
		{ FIELDS_gnttab_map, sizeof(struct gnttab_map_grant_ref), 32 },
		{ FIELDS_gnttab_unmap, sizeof(struct gnttab_unmap_grant_ref), 24 },
		{ FIELDS_setup_table, sizeof(struct gnttab_setup_table), 16 },
		{ FIELDS_gnttab_copy, sizeof(struct gnttab_copy), 24 },
		{ FIELDS_sched_poll, sizeof(struct sched_poll), 16 },
		{ FIELDS_multicall, sizeof(struct multicall_entry), 32 },
		{ FIELDS_runstate, sizeof(struct vcpu_runstate_info), 44 },
		{ FIELDS_singleshot, sizeof(struct vcpu_set_singleshot_timer), 12 },
	};
	struct vcpu *v = &b->vcpu[0];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		v->compat = false;
		assert_int_equal(guest_struct_size(v, all[i].fields), all[i].wide);
		v->compat = true;
		assert_int_equal(guest_struct_size(v, all[i].fields), all[i].narrow);
	}
}

/* Field by field, there and back. */
static void test_structs(void **state)
{
	const uint32_t narrow[6] = { 1, 3u << 16 | 2, 4, 6u << 16 | 5, 8u << 16 | 7, 9 };
	/* static: what is between its fields is zero */
	static const struct gnttab_copy wide = { .source = { .u.gmfn = 1, 2, 3 },
						 .dest = { .u.gmfn = 4, 5, 6 },
						 .len = 7,
						 .flags = 8,
						 .status = 9 };
	struct vcpu *v = &b->vcpu[0];
	uint32_t *at = gmem_ptr(&b->vm.mem, BAREVM_ARGS, sizeof(narrow));
	struct gnttab_copy got;

	(void)state;
	v->compat = true;
	memcpy(at, narrow, sizeof(narrow));
	memset(&got, 0xff, sizeof(got));
	assert_int_equal(guest_struct_in(v, &got, BAREVM_ARGS, FIELDS_gnttab_copy), 0);
	assert_memory_equal(&got, &wide, sizeof(wide));
	memset(at, 0xff, sizeof(narrow));
	assert_int_equal(guest_struct_out(v, BAREVM_ARGS, &wide, FIELDS_gnttab_copy), 0);
	assert_memory_equal(at, narrow, sizeof(narrow));
	assert_int_equal(guest_struct_in(v, &got, BAREVM_BYTES - 20, FIELDS_gnttab_copy),
			 -EFAULT);
	assert_int_equal(guest_struct_out(v, BAREVM_BYTES - 20, &got, FIELDS_gnttab_copy),
			 -EFAULT);
}

/* Events: the bits where such a guest looks for them, and its mask. */
static void test_events(void **state)
{
	struct shared_info32 *s = info_register(BAREVM_INFO >> 12);
	uint32_t ipi[2] = { 0 }, port;

	(void)state;
	assert_true(b->vm.xen.compat);
	for (unsigned i = 0; i < 70; i++)
		assert_int_equal(OP(event_channel_op, EVTCHNOP_bind_ipi, ipi), 0);
	port = ipi[1];
	assert_int_equal(port, 70);
	xen_port_mask_clear(&b->vm, 1); /* of no effect: none is */
	assert_true(xen_evtchn_pend(&b->vm, port, &b->vcpu[0]));
	assert_int_equal(s->evtchn_pending[2], 1u << 6);
	assert_int_equal(s->vcpu_info[0].evtchn_pending_sel, 1u << 2);
	assert_int_equal(s->vcpu_info[0].evtchn_upcall_pending, 1);
	assert_int_equal(s->vcpu_info[0].arch[0], 0);
	/* once more: it is pending already */
	assert_false(xen_evtchn_pend(&b->vm, port, &b->vcpu[0]));
	memset(s, 0, sizeof(*s));
	s->evtchn_mask[2] = 1u << 6;
	assert_false(xen_evtchn_pend(&b->vm, port, &b->vcpu[0]));
	assert_int_equal(s->evtchn_pending[2], 1u << 6);
	assert_int_equal(s->vcpu_info[0].evtchn_pending_sel, 0);
	assert_int_equal(op(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &port, 4), 0);
	assert_int_equal(s->evtchn_mask[2], 0);
}

static void test_ports(void **state)
{
	uint32_t ipi[2] = { 0 };

	(void)state;
	info_register(BAREVM_INFO >> 12);
	for (unsigned i = 1; i < XEN_NR_PORTS32; i++)
		assert_int_equal(OP(event_channel_op, EVTCHNOP_bind_ipi, ipi), 0);
	assert_int_equal(ipi[1], XEN_NR_PORTS32 - 1);
	assert_int_equal(OP(event_channel_op, EVTCHNOP_bind_ipi, ipi), -ENOSPC);
}

/* A vcpu's info elsewhere: all of its words are to be looked at. */
static void test_vcpu_info(void **state)
{
	const struct vcpu_info32 *info = gmem_ptr(&b->vm.mem, LIST, sizeof(*info));
	uint32_t r[] = { LIST >> 12, 0, 0, 0 };
	void *at = gmem_ptr(&b->vm.mem, BAREVM_ARGS, sizeof(r));

	(void)state;
	info_register(BAREVM_INFO >> 12);
	memcpy(at, r, sizeof(r));
	assert_int_equal(hypercall(&b->vcpu[0], __HYPERVISOR_vcpu_op,
				   (const uint64_t[]){ VCPUOP_register_vcpu_info, 1,
						       BAREVM_ARGS, 0, 0, 0 },
				   0, false),
			 0);
	assert_int_equal(info->evtchn_pending_sel, UINT32_MAX);
	assert_int_equal(info->arch[0], 0);
}

static void test_memory(void **state)
{
	uint32_t *list = gmem_ptr(&b->vm.mem, LIST, 64);
	uint32_t frame[] = { DOMID_SELF, XENMAPSPACE_grant_table, 0, 0x8000 };
	uint32_t table[] = { DOMID_SELF, 1, 0xffff, LIST };
	uint32_t give[] = { LIST, 2, 0, 0, DOMID_SELF };
	uint32_t many[] = { DOMID_SELF | XENMAPSPACE_grant_table << 16, 2, LIST, LIST + 8,
			    LIST + 16 };
	uint32_t map[] = { 8, LIST };

	(void)state;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap, frame), 0);
	list[1] = 0xdead;
	assert_int_equal(OP(grant_table_op, GNTTABOP_setup_table, table), 0);
	assert_int_equal(table[2], GNTST_okay);
	assert_int_equal(list[0], 0x8000);
	assert_int_equal(list[1], 0xdead);
	list[0] = 0x50;
	list[1] = 0x51;
	assert_int_equal(OP(memory_op, XENMEM_decrease_reservation, give), 2);
	assert_null(gmem_ptr(&b->vm.mem, 0x50000, 1));
	assert_null(gmem_ptr(&b->vm.mem, 0x51000, 1));
	assert_int_equal(OP(memory_op, XENMEM_populate_physmap, give), 2);
	list[0] = 1;
	list[1] = 2;
	list[2] = 0x9000;
	list[3] = GMEM_SPECIAL >> 12;
	list[4] = list[5] = 1;
	assert_int_equal(OP(memory_op, XENMEM_add_to_physmap_batch, many), 0);
	assert_int_equal(list[4], 0);
	assert_int_equal((int32_t)list[5], -EINVAL);
	assert_int_equal(b->vm.xen.gnttab_gfn[1], 0x9000);
	assert_int_equal(OP(memory_op, XENMEM_memory_map, map), 0);
	assert_int_equal(map[0], 3);
}

static void test_others(void **state)
{
	uint32_t calls[16] = {
		[0] = __HYPERVISOR_xen_version, [2] = XENVER_version, [8] = 63, [10] = 1
	};
	uint32_t parameters[] = { 77 };
	uint8_t *at = gmem_ptr(&b->vm.mem, BAREVM_ARGS, sizeof(calls));

	(void)state;
	memcpy(at, calls, sizeof(calls));
	assert_int_equal(hypercall(&b->vcpu[0], __HYPERVISOR_multicall,
				   (const uint64_t[]){ BAREVM_ARGS, 2, 0, 0, 0, 0 }, 0,
				   false),
			 0);
	memcpy(calls, at, sizeof(calls));
	assert_int_equal(calls[1], XEN_VERSION);
	assert_int_equal(calls[2], XENVER_version);
	assert_int_equal((int32_t)calls[9], -ENOSYS);
	assert_int_equal(OP(xen_version, XENVER_platform_parameters, parameters), 0);
	assert_int_equal(parameters[0], 0);
	/* a guest that becomes one of 64 bits */
	info_register(BAREVM_INFO >> 12);
	assert_non_null(barevm_shared_info(b));
	assert_false(b->vm.xen.compat);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_sizes),  EACH(test_structs),	 EACH(test_events),
		EACH(test_ports),  EACH(test_vcpu_info), EACH(test_memory),
		EACH(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
