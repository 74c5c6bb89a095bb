/* SPDX-License-Identifier: MIT */
/* event_channel_op, each command: what it does, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hv/kvm/xen_evtchn.h"
#include "tests/lib/barevm.h"

#define OP(b, cmd, arg) \
	barevm_op(b, __HYPERVISOR_event_channel_op, cmd, arg, sizeof(*(arg)))

static struct barevm *b;
static struct shared_info *si;

static int setup(void **state)
{
	(void)state;
	b = barevm_open(2);
	si = barevm_shared_info(b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	barevm_close(b);
	return 0;
}

static bool pending(evtchn_port_t port)
{
	return si->evtchn_pending[port / 64] >> (port % 64) & 1;
}

static uint32_t status_of(evtchn_port_t port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	assert_int_equal(OP(b, EVTCHNOP_status, &s), 0);
	return s.status;
}

static void test_ipi(void **state)
{
	struct evtchn_bind_ipi i = { .vcpu = 1 };
	struct evtchn_bind_vcpu to = { 0 };

	(void)state;
	assert_int_equal(OP(b, EVTCHNOP_bind_ipi, &i), 0);
	assert_int_equal(status_of(i.port), EVTCHNSTAT_ipi);
	assert_int_equal(OP(b, EVTCHNOP_send, &i.port), 0);
	assert_true(pending(i.port));
	assert_int_equal(b->told[1], 1);
	assert_int_equal(b->told[0], 0);
	/* told once, as long as it does not look */
	assert_int_equal(OP(b, EVTCHNOP_send, &i.port), 0);
	assert_int_equal(b->told[1], 1);
	to.port = i.port;
	assert_int_equal(OP(b, EVTCHNOP_bind_vcpu, &to), -EINVAL);
	assert_int_equal(OP(b, EVTCHNOP_close, &i.port), 0);
	assert_false(pending(i.port));
	assert_int_equal(OP(b, EVTCHNOP_send, &i.port), -EINVAL);
	assert_int_equal(OP(b, EVTCHNOP_close, &i.port), -EINVAL);
	i.vcpu = 2;
	assert_int_equal(OP(b, EVTCHNOP_bind_ipi, &i), -ENOENT);
}

static void test_virq(void **state)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_DEBUG, .vcpu = 1 };
	struct evtchn_status s = { .dom = BAREVM_DOMID };

	(void)state;
	assert_int_equal(OP(b, EVTCHNOP_bind_virq, &v), 0);
	s.port = v.port;
	assert_int_equal(OP(b, EVTCHNOP_status, &s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_virq);
	assert_int_equal(s.u.virq, VIRQ_DEBUG);
	assert_int_equal(s.vcpu, 1);
	assert_int_equal(OP(b, EVTCHNOP_bind_virq, &v), -EEXIST);
	assert_int_equal(OP(b, EVTCHNOP_close, &s.port), 0);
	assert_int_equal(OP(b, EVTCHNOP_bind_virq, &v), 0);
	v = (struct evtchn_bind_virq){ .virq = 2, .vcpu = 1 };
	assert_int_equal(OP(b, EVTCHNOP_bind_virq, &v), -EINVAL);
	v = (struct evtchn_bind_virq){ .virq = NR_VIRQS };
	assert_int_equal(OP(b, EVTCHNOP_bind_virq, &v), -EINVAL);
}

/* Two ports of one guest. */
static void test_loop(void **state)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain bi = { .remote_dom = DOMID_SELF };
	struct evtchn_bind_vcpu to = { .vcpu = 1 };

	(void)state;
	assert_int_equal(OP(b, EVTCHNOP_alloc_unbound, &a), 0);
	assert_int_equal(status_of(a.port), EVTCHNSTAT_unbound);
	bi.remote_port = a.port;
	assert_int_equal(OP(b, EVTCHNOP_bind_interdomain, &bi), 0);
	assert_int_equal(status_of(a.port), EVTCHNSTAT_interdomain);
	assert_true(pending(bi.local_port)); /* as Xen leaves it */
	to.port = a.port;
	assert_int_equal(OP(b, EVTCHNOP_bind_vcpu, &to), 0);
	assert_int_equal(OP(b, EVTCHNOP_send, &bi.local_port), 0);
	assert_true(pending(a.port));
	assert_int_equal(b->told[1], 1);
	/* bound already */
	assert_int_equal(OP(b, EVTCHNOP_bind_interdomain, &bi), -EINVAL);
	/* one end goes, the other is unbound again */
	assert_int_equal(OP(b, EVTCHNOP_close, &bi.local_port), 0);
	assert_int_equal(status_of(a.port), EVTCHNSTAT_unbound);
	assert_int_equal(OP(b, EVTCHNOP_send, &a.port), 0);
}

static void test_mask(void **state)
{
	struct evtchn_bind_ipi i = { .vcpu = 0 };

	(void)state;
	assert_int_equal(OP(b, EVTCHNOP_bind_ipi, &i), 0);
	si->evtchn_mask[i.port / 64] |= 1ull << (i.port % 64);
	assert_int_equal(OP(b, EVTCHNOP_send, &i.port), 0);
	assert_true(pending(i.port));
	assert_int_equal(b->told[0], 0);
	assert_int_equal(OP(b, EVTCHNOP_unmask, &i.port), 0);
	assert_int_equal(b->told[0], 1);
	assert_true(pending(i.port));
	assert_int_equal(si->vcpu_info[0].evtchn_pending_sel, 1ull << (i.port / 64));
}

static void test_device(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	evtchn_port_t port;
	domid_t self = DOMID_SELF;
	uint64_t n = 0;

	(void)state;
	assert_int_equal(xen_evtchn_device(&b->vm, 0, fd, &port), 0);
	assert_int_equal(OP(b, EVTCHNOP_send, &port), 0);
	assert_int_equal(read(fd, &n, 8), 8);
	assert_int_equal(n, 1);
	xen_evtchn_raise(&b->vm, port);
	assert_true(pending(port));
	/* a reset leaves the guest its console */
	assert_int_equal(OP(b, EVTCHNOP_reset, &self), 0);
	assert_int_equal(status_of(port), EVTCHNSTAT_interdomain);
	assert_int_equal(OP(b, EVTCHNOP_close, &port), 0);
	xen_evtchn_raise(&b->vm, port);
	assert_false(pending(port));
	close(fd);
}

static void test_remote(void **state)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 1 };
	struct evtchn_bind_interdomain bi = { .remote_dom = 3, .remote_port = 17 };
	struct evtchn_status s = { .dom = DOMID_SELF };
	domid_t self = DOMID_SELF;
	uint64_t n;

	(void)state;
	assert_int_equal(OP(b, EVTCHNOP_alloc_unbound, &a), 0);
	assert_int_equal(b->remote_opens, 1);
	assert_int_equal(OP(b, EVTCHNOP_send, &a.port), 0);
	assert_int_equal(read(b->remote_wait, &n, 8), 8);
	/* it makes its end blocking and fills it */
	n = UINT64_MAX - 1;
	assert_int_equal(fcntl(b->remote_wait, F_SETFL, 0), 0);
	assert_int_equal(write(b->remote_wait, &n, 8), 8);
	alarm(30);
	assert_int_equal(OP(b, EVTCHNOP_send, &a.port), 0);
	alarm(0);
	assert_int_equal(OP(b, EVTCHNOP_bind_interdomain, &bi), 0);
	s.port = bi.local_port;
	assert_int_equal(OP(b, EVTCHNOP_status, &s), 0);
	assert_int_equal(s.u.interdomain.dom, 3);
	assert_int_equal(s.u.interdomain.port, 17);
	assert_int_equal(OP(b, EVTCHNOP_close, &a.port), 0);
	assert_int_equal(b->remote_closes, 1);
	assert_int_equal(OP(b, EVTCHNOP_reset, &self), 0);
	assert_int_equal(b->remote_closes, 2);
	/* whom there is not */
	a.remote_dom = 99;
	assert_int_equal(OP(b, EVTCHNOP_alloc_unbound, &a), -ENOENT);
	bi.remote_port = 0;
	assert_int_equal(OP(b, EVTCHNOP_bind_interdomain, &bi), -EINVAL);
	a = (struct evtchn_alloc_unbound){ .dom = 5, .remote_dom = 1 };
	assert_int_equal(OP(b, EVTCHNOP_alloc_unbound, &a), -EPERM);
}

static void test_refused(void **state)
{
	uint8_t arg[32] = { 0 };
	evtchn_port_t bad[] = { 0, 4095, 4096, UINT32_MAX };
	struct evtchn_status s = { .dom = DOMID_SELF, .port = 5000 };

	(void)state;
	for (uint64_t cmd = EVTCHNOP_init_control; cmd <= EVTCHNOP_set_priority; cmd++)
		assert_int_equal(OP(b, cmd, &arg), -ENOSYS);
	assert_int_equal(OP(b, 77, &arg), -ENOSYS);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(OP(b, EVTCHNOP_send, &bad[i]), -EINVAL);
		assert_int_equal(OP(b, EVTCHNOP_unmask, &bad[i]), -EINVAL);
		assert_int_equal(OP(b, EVTCHNOP_close, &bad[i]), -EINVAL);
	}
	assert_int_equal(OP(b, EVTCHNOP_status, &s), -EINVAL);
	/* pointers that lead nowhere */
	for (uint64_t cmd = 0; cmd <= EVTCHNOP_reset; cmd++)
		if (cmd != EVTCHNOP_bind_pirq)
			assert_int_equal(barevm_call(b, 0, __HYPERVISOR_event_channel_op,
						     cmd, BAREVM_BYTES - 1, 0),
					 -EFAULT);
	/* from user space */
	assert_int_equal(hypercall(&b->vcpu[0], __HYPERVISOR_xen_version,
				   (const uint64_t[6]){ 0 }, 3, true),
			 -EPERM);
}

static void test_all_ports(void **state)
{
	struct evtchn_bind_ipi i = { .vcpu = 0 };
	domid_t self = DOMID_SELF;
	unsigned n = 0;

	(void)state;
	while (!OP(b, EVTCHNOP_bind_ipi, &i))
		n++;
	assert_int_equal(n, XEN_NR_PORTS - 1);
	assert_int_equal(OP(b, EVTCHNOP_bind_ipi, &i), -ENOSPC);
	assert_int_equal(OP(b, EVTCHNOP_reset, &self), 0);
	assert_int_equal(OP(b, EVTCHNOP_bind_ipi, &i), 0);
	assert_int_equal(i.port, 1);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_ipi),	    EACH(test_virq),	  EACH(test_loop),
		EACH(test_mask),    EACH(test_device),	  EACH(test_remote),
		EACH(test_refused), EACH(test_all_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
