/* SPDX-License-Identifier: MIT */
/* Event channels: bits in the shared page, as a guest without interrupts sees them. */
#include "tests/guest/guest.h"

static int64_t op(uint64_t cmd, const void *arg)
{
	return hypercall_op(__HYPERVISOR_event_channel_op, cmd, arg);
}

static bool take(evtchn_port_t port)
{
	const uint64_t bit = 1ull << (port % 64);

	return atomic_fetch_and(&shared_info()->evtchn_pending[port / 64], ~bit) & bit;
}

static void check_ipi(void)
{
	struct evtchn_bind_ipi i = { .vcpu = 0 };
	struct shared_info *s = shared_info();

	CHECK_EQ(op(EVTCHNOP_bind_ipi, &i), 0);
	CHECK(!take(i.port));
	CHECK_EQ(op(EVTCHNOP_send, &i.port), 0);
	CHECK_EQ(s->vcpu_info[0].evtchn_upcall_pending, 1);
	CHECK(s->vcpu_info[0].evtchn_pending_sel & 1ull << (i.port / 64));
	CHECK(take(i.port));
	s->vcpu_info[0].evtchn_pending_sel = 0;
	s->vcpu_info[0].evtchn_upcall_pending = 0;
	/* masked: pending, and nobody is told until it is unmasked */
	atomic_fetch_or(&s->evtchn_mask[i.port / 64], 1ull << (i.port % 64));
	CHECK_EQ(op(EVTCHNOP_send, &i.port), 0);
	CHECK_EQ(s->vcpu_info[0].evtchn_upcall_pending, 0);
	CHECK_EQ(op(EVTCHNOP_unmask, &i.port), 0);
	CHECK_EQ(s->vcpu_info[0].evtchn_upcall_pending, 1);
	CHECK(take(i.port));
	CHECK_EQ(op(EVTCHNOP_close, &i.port), 0);
	CHECK_EQ(op(EVTCHNOP_close, &i.port), -22);
	i.vcpu = 1;
	CHECK_EQ(op(EVTCHNOP_bind_ipi, &i), -2);
}

static void check_loop(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	struct evtchn_status s = { .dom = DOMID_SELF };

	CHECK_EQ(op(EVTCHNOP_alloc_unbound, &a), 0);
	b.remote_port = a.port;
	CHECK_EQ(op(EVTCHNOP_bind_interdomain, &b), 0);
	CHECK(take(b.local_port));
	CHECK_EQ(op(EVTCHNOP_send, &a.port), 0);
	CHECK(take(b.local_port));
	CHECK_EQ(op(EVTCHNOP_send, &b.local_port), 0);
	CHECK(take(a.port));
	s.port = a.port;
	CHECK_EQ(op(EVTCHNOP_status, &s), 0);
	CHECK_EQ(s.status, EVTCHNSTAT_interdomain);
	CHECK_EQ(s.u.interdomain.port, b.local_port);
	CHECK_EQ(op(EVTCHNOP_close, &b.local_port), 0);
	CHECK_EQ(op(EVTCHNOP_status, &s), 0);
	CHECK_EQ(s.status, EVTCHNSTAT_unbound);
}

void guest_main(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_DEBUG };
	struct evtchn_alloc_unbound other = { .dom = DOMID_SELF, .remote_dom = 12 };
	uint64_t control[4] = { 0 };

	check_ipi();
	check_loop();
	CHECK_EQ(op(EVTCHNOP_bind_virq, &v), 0);
	CHECK_EQ(op(EVTCHNOP_bind_virq, &v), -17);
	CHECK_EQ(op(EVTCHNOP_init_control, control), -38);
	CHECK_EQ(op(EVTCHNOP_expand_array, control), -38);
	/* started by hand there is nobody else */
	CHECK_EQ(op(EVTCHNOP_alloc_unbound, &other), -3);
}
