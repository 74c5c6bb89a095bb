/* SPDX-License-Identifier: MIT */
/* Events over the owner's loop, without KVM: of other domains' ports; lines that there
 * are not. What KVM does of it: tests/guest/guest_pc.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <unistd.h>

#include "hv/kvm/xen_evtchn.h"
#include "hv/kvm/xen_line.h"
#include "tests/lib/barevm.h"

static struct barevm *b;
static struct evloop *loop;
static struct xen_hw_ops hw;

static int setup(void **state)
{
	(void)state;
	b = barevm_open(2);
	hw = *b->vm.hw;
	hw.port_listen = xen_hw_user.port_listen;
	b->vm.hw = &hw;
	loop = evloop_new();
	return loop ? xen_line_open(&b->vm, loop) : -1;
}

static int teardown(void **state)
{
	(void)state;
	xen_line_close(&b->vm);
	evloop_free(loop);
	barevm_close(b);
	return 0;
}

static int64_t callback(uint64_t value)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF,
				   .index = HVM_PARAM_CALLBACK_IRQ,
				   .value = value };

	return barevm_op(b, __HYPERVISOR_hvm_op, HVMOP_set_param, &p, sizeof(p));
}

static void signal_remote(void)
{
	const uint64_t one = 1;

	assert_int_equal(write(b->remote_notify, &one, sizeof(one)), sizeof(one));
	assert_int_equal(evloop_once(loop, 0), 0);
}

static void test_remote(void **state)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 3 };
	struct shared_info *s = barevm_shared_info(b);

	(void)state;
	assert_int_equal(barevm_op(b, __HYPERVISOR_event_channel_op,
				   EVTCHNOP_alloc_unbound, &a, sizeof(a)),
			 0);
	assert_int_equal(b->told[0], 0);
	signal_remote();
	assert_int_equal(b->told[0], 1);
	/* nothing is left of it */
	assert_int_equal(evloop_once(loop, 0), 0);
	assert_int_equal(b->told[0], 1);
	assert_int_equal(barevm_op(b, __HYPERVISOR_event_channel_op, EVTCHNOP_close,
				   &a.port, sizeof(a.port)),
			 0);
	signal_remote();
	assert_int_equal(b->told[0], 1);
	(void)s;
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(callback(24), -EOPNOTSUPP);
	assert_int_equal(callback(UINT32_MAX), -EOPNOTSUPP);
	assert_false(xen_line_is_on(&b->vm));
	/* a pin that leads nowhere yet */
	assert_int_equal(callback(1ull << 56 | 0x18 << 8), 0);
	assert_true(xen_line_is_on(&b->vm));
	assert_int_equal(callback(0), 0);
	assert_false(xen_line_is_on(&b->vm));
	/* who has vectors of its vcpus only says that it knows Xen */
	b->vcpu[0].xen.upcall_vector = 0xf3;
	assert_int_equal(callback(1), 0);
	assert_false(xen_line_is_on(&b->vm));
}

/* A machine that has no lines: PVH. */
static void test_none(void **state)
{
	(void)state;
	xen_line_close(&b->vm);
	assert_int_equal(callback(5), -EOPNOTSUPP);
	assert_int_equal(callback(1ull << 56), -EOPNOTSUPP);
	assert_int_equal(callback(0), 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = { EACH(test_remote), EACH(test_refused),
					    EACH(test_none) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
