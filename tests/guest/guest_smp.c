/* SPDX-License-Identifier: MIT */
/* A second vcpu: started where the first says, heard by events, stopped, started again.
 */
#include "tests/guest/guest.h"

#define TURNS 20

static _Atomic unsigned turns, seen_id;
static evtchn_port_t to_second;

static uint64_t cr(unsigned n)
{
	uint64_t v;

	if (n == 0)
		asm volatile("mov %%cr0, %0" : "=r"(v));
	else if (n == 3)
		asm volatile("mov %%cr3, %0" : "=r"(v));
	else
		asm volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

/* A call whose second argument is a vcpu. */
static int64_t vcpu_op(uint64_t cmd, uint64_t vcpu, const void *arg)
{
	return hypercall(__HYPERVISOR_vcpu_op, cmd, vcpu, (uint64_t)arg);
}

static void second(void)
{
	struct shared_info *s = shared_info();
	const uint64_t bit = 1ull << (to_second % 64);

	seen_id = cpuid(0x40000004).ebx;
	for (;;) {
		while (!(atomic_fetch_and(&s->evtchn_pending[to_second / 64], ~bit) &
			 bit))
			(void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
		turns++;
		if (turns % 8 == 0)
			(void)vcpu_op(VCPUOP_down, 1, NULL);
	}
}

static void turn(unsigned n)
{
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &to_second),
		 0);
	while (turns != n)
		(void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	if (n % 8)
		return;
	while (vcpu_op(VCPUOP_is_up, 1, NULL))
		(void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, NULL), 0);
}

void guest_main(void)
{
	struct vcpu_hvm_context c = { .mode = 1 };
	struct evtchn_bind_ipi i = { .vcpu = 1 };

	c.cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){
		.rip = (uint64_t)second,
		.rsp = (uint64_t)scratch[6] - 8,
		.cr0 = cr(0),
		.cr3 = cr(3),
		.cr4 = cr(4),
		.efer = 0x500,
	};
	(void)shared_info();
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &i), 0);
	to_second = i.port;
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, NULL), -22);
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 0, &c), -17);
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 2, &c), -2);
	CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, &c), 0);
	CHECK_EQ(vcpu_op(VCPUOP_up, 1, NULL), 0);
	for (unsigned n = 1; n <= TURNS; n++)
		turn(n);
	CHECK_EQ(seen_id, 1);
}
