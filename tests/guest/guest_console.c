/* SPDX-License-Identifier: MIT */
/* The console ring: a greeting, and what comes in back again, in capitals. */
#include "tests/guest/guest.h"

static struct xencons_interface *ring;
static evtchn_port_t port;

static uint64_t param(uint32_t index)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

	CHECK_EQ(hypercall_op(__HYPERVISOR_hvm_op, HVMOP_get_param, &p), 0);
	return p.value;
}

static void notify(void)
{
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &port), 0);
}

static void put(char c)
{
	volatile uint32_t *cons = &ring->out_cons;

	while (ring->out_prod - *cons == sizeof(ring->out))
		notify();
	ring->out[ring->out_prod % sizeof(ring->out)] = c;
	__atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
}

static char get(void)
{
	volatile uint32_t *prod = &ring->in_prod;
	char c;

	while (*prod == ring->in_cons)
		(void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	c = ring->in[ring->in_cons % sizeof(ring->in)];
	__atomic_store_n(&ring->in_cons, ring->in_cons + 1, __ATOMIC_RELEASE);
	notify();
	return c;
}

void guest_main(void)
{
	const char *hello = "what?\n";
	char c;

	ring = (struct xencons_interface *)(param(HVM_PARAM_CONSOLE_PFN) << 12);
	port = (evtchn_port_t)param(HVM_PARAM_CONSOLE_EVTCHN);
	CHECK_EQ(param(HVM_PARAM_STORE_PFN), 0); /* started by hand */
	(void)shared_info();
	for (; *hello; hello++)
		put(*hello);
	notify();
	do {
		c = get();
		put(c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
		notify();
	} while (c != '\n');
}
