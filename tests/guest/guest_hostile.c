/* SPDX-License-Identifier: MIT */
/*
 * Random hypercalls with random arguments: the guest lives on, and can still call. A
 * number on its command line is where chance starts; with a `w` behind it nothing is
 * spared, not its own memory, and it may end as it likes.
 */
#include "tests/guest/guest.h"

#define CALLS 3000

static uint64_t seed = 88172645463325252ull;
static bool wild;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Not where this guest itself lies: it would hurt itself, which it may. */
static uint64_t elsewhere(uint64_t at)
{
	return !wild && at >= 0x100000 && at < 0x1000000 ? (uint64_t)scratch[6] : at;
}

/* Numbers of every size, pointers good and bad. */
static uint64_t argument(void)
{
	switch (rnd() % 6) {
	case 0:
		return rnd() % 32;
	case 1:
		return (uint64_t)scratch[6];
	case 2:
		return (uint64_t)scratch[6] + rnd() % 4096;
	case 3:
		return elsewhere(rnd() >> (rnd() % 64));
	case 4:
		return 0xfeff0000u + rnd() % 0x10000;
	default:
		return (uint64_t)scratch[6] - rnd() % 64;
	}
}

static void scribble(void)
{
	uint64_t *p = (uint64_t *)scratch[6];

	for (unsigned i = 0; i < 8; i++)
		p[i] = rnd() % 3 ? argument() : (uint64_t)DOMID_SELF | rnd() % 64 << 32;
}

/* Calls that would end the test, or give away the memory that it runs in. */
static bool harmless(uint64_t nr, uint64_t cmd)
{
	if (nr == __HYPERVISOR_sched_op)
		return cmd != SCHEDOP_shutdown && cmd != SCHEDOP_block &&
		       cmd != SCHEDOP_watchdog && cmd != SCHEDOP_poll;
	if (wild)
		return nr != __HYPERVISOR_console_io;
	if (nr == __HYPERVISOR_memory_op)
		return cmd != XENMEM_decrease_reservation &&
		       cmd != XENMEM_remove_from_physmap &&
		       cmd != XENMEM_add_to_physmap && cmd != XENMEM_add_to_physmap_batch;
	return nr != __HYPERVISOR_multicall && nr != __HYPERVISOR_console_io;
}

static void words_read(void)
{
	const char *s = (const char *)guest_info->cmdline_paddr + 1;

	for (; *s >= '0' && *s <= '9'; s++)
		seed = seed * 10 + (uint64_t)(*s - '0');
	wild = *s == 'w';
}

void guest_main(void)
{
	static const uint8_t numbers[] = { 12, 15, 17, 20, 21, 24, 29, 32, 33, 34 };
	struct evtchn_bind_ipi i = { .vcpu = 0 };
	domid_t self = DOMID_SELF;
	unsigned failed = 0;

	words_read();
	(void)shared_info();
	for (unsigned n = 0; n < CALLS; n++) {
		uint64_t nr = rnd() % 16 ? numbers[rnd() % sizeof(numbers)] : rnd() % 80;
		uint64_t cmd = rnd() % 8 ? rnd() % 24 : argument();

		scribble();
		if (harmless(nr, cmd))
			failed += hypercall(nr, cmd, argument(), argument()) < 0;
	}
	if (wild)
		return;
	CHECK(failed > CALLS / 4);
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, &self), 0);
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &i), 0);
	CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 17);
}
