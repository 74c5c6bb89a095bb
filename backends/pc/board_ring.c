/* SPDX-License-Identifier: MIT */
/*
 * Writes that need no exit at once: KVM keeps them, in order, until anything else is
 * accessed or somebody looks. They are those that only set what a later access makes use
 * of, or what the screen shows.
 */
#include <sys/ioctl.h>
#include <unistd.h>

#include "backends/pc/board.h"

static const struct kvm_coalesced_mmio_zone zones[] = {
	{ .addr = 0xa0000, .size = 0x20000 },	   /* the screen's window */
	{ .addr = 0x3c0, .size = 0x20, .pio = 1 }, /* its registers */
	{ .addr = 0x1f1, .size = 6, .pio = 1 },	   /* IDE: a command's arguments */
	{ .addr = 0x171, .size = 6, .pio = 1 },
	{ .addr = 0x70, .size = 1, .pio = 1 }, /* the clock's index */
};

void pcboard_ring_open(struct pcboard *b)
{
	const int page =
		ioctl(b->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	const int pio = ioctl(b->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO);
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct vcpu *v = b->vm->vcpu[0];

	/* the ring lies in what a vcpu's descriptor maps, and is the machine's */
	if (page <= 0 || (size_t)page * size >= v->run_size)
		return; /* each write is an exit */
	b->ring = (void *)((uint8_t *)v->run + (size_t)page * size);
	b->ring_size = (unsigned)((size - sizeof(*b->ring)) /
				  sizeof(b->ring->coalesced_mmio[0]));
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (!zones[i].pio || pio > 0)
			/* cannot fail but for memory: then each write is an exit */
			(void)ioctl(b->vm->fd, KVM_REGISTER_COALESCED_MMIO, &zones[i]);
}

void pcboard_drain(struct pcboard *b)
{
	struct kvm_coalesced_mmio_ring *ring = b->ring;
	uint32_t last;

	if (!ring)
		return;
	/* once: what other vcpus add meanwhile was not before this, and may never end */
	last = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
	while (ring->first != last) {
		struct kvm_coalesced_mmio *e = &ring->coalesced_mmio[ring->first];
		uint64_t value = 0;

		for (unsigned i = 0; i < e->len && i < sizeof(value); i++)
			value |= (uint64_t)e->data[i] << 8 * i;
		io_access(e->pio ? &b->bus.pio : &b->bus.mmio, e->phys_addr, true, &value,
			  e->len);
		/* pairs with KVM's read: the entry has been used */
		__atomic_store_n(&ring->first, (ring->first + 1) % b->ring_size,
				 __ATOMIC_RELEASE);
	}
}
