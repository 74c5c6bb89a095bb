/* SPDX-License-Identifier: MIT */
/* The console ring of a microguest. */
#include "tests/guest/ring.h"

#include "tests/guest/guest.h"

static struct xencons_interface *ring;
static evtchn_port_t port;

uint64_t hvm_param(uint32_t index)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

	CHECK_EQ(hypercall_op(__HYPERVISOR_hvm_op, HVMOP_get_param, &p), 0);
	return p.value;
}

void console_open(void)
{
	ring = (struct xencons_interface *)(hvm_param(HVM_PARAM_CONSOLE_PFN) << 12);
	port = (evtchn_port_t)hvm_param(HVM_PARAM_CONSOLE_EVTCHN);
	(void)shared_info();
}

void console_notify(void)
{
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &port), 0);
}

void console_put(char c)
{
	volatile uint32_t *cons = &ring->out_cons;

	while (ring->out_prod - *cons == sizeof(ring->out))
		console_notify();
	ring->out[ring->out_prod % sizeof(ring->out)] = c;
	__atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
}

void console_say(const char *s)
{
	for (; *s; s++)
		console_put(*s);
	console_notify();
}

char console_get(void)
{
	volatile uint32_t *prod = &ring->in_prod;
	char c;

	while (*prod == ring->in_cons)
		(void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	c = ring->in[ring->in_cons % sizeof(ring->in)];
	__atomic_store_n(&ring->in_cons, ring->in_cons + 1, __ATOMIC_RELEASE);
	console_notify();
	return c;
}
