/* SPDX-License-Identifier: MIT */
/*
 * What of the display adapter needs no exit: its video memory is RAM of the guest's,
 * whose changes KVM logs; writes to its window wait in KVM's ring until somebody looks.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backends/pc/board.h"
#include "backends/pc/vga.h"

#define SLOT	    GMEM_MAX_REGIONS /* of KVM's: behind gmem's */
#define WINDOW	    0xa0000u
#define WINDOW_SIZE 0x20000u

void pcboard_drain(struct pcboard *b)
{
	struct kvm_coalesced_mmio_ring *ring = b->ring;

	if (!ring)
		return;
	while (ring->first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
		struct kvm_coalesced_mmio *e = &ring->coalesced_mmio[ring->first];
		uint64_t value = 0;

		for (unsigned i = 0; i < e->len && i < sizeof(value); i++)
			value |= (uint64_t)e->data[i] << 8 * i;
		io_access(&b->bus.mmio, e->phys_addr, true, &value, e->len);
		/* pairs with KVM's read: the entry has been used */
		__atomic_store_n(&ring->first, (ring->first + 1) % b->ring_size,
				 __ATOMIC_RELEASE);
	}
}

static void place(void *arg, uint64_t gpa)
{
	struct pcboard *b = arg;
	struct kvm_userspace_memory_region m = { .slot = SLOT,
						 .flags = KVM_MEM_LOG_DIRTY_PAGES,
						 .guest_phys_addr = gpa,
						 .userspace_addr =
							 (uintptr_t)b->vram->mem };

	/* a slot cannot move: it is taken away first */
	if (b->vram_placed)
		(void)ioctl(b->vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
	m.memory_size = VRAM_SIZE;
	/* where there is RAM already KVM refuses; then accesses are trapped, as before */
	b->vram_placed = gpa && !ioctl(b->vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
}

static void dirty(void *arg, uint64_t *pages)
{
	struct pcboard *b = arg;
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = pages };

	pcboard_drain(b);
	if (b->vram_placed)
		/* cannot fail: the slot is there, and logs */
		(void)ioctl(b->vm->fd, KVM_GET_DIRTY_LOG, &log);
}

/* The ring lies in what a vcpu's descriptor maps, and is the machine's. */
static void ring_find(struct pcboard *b)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = WINDOW, .size = WINDOW_SIZE };
	const int page =
		ioctl(b->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct vcpu *v = b->vm->vcpu[0];

	if (page <= 0 || (size_t)page * size >= v->run_size ||
	    ioctl(b->vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone) < 0)
		return; /* each write is an exit */
	b->ring = (void *)((uint8_t *)v->run + (size_t)page * size);
	b->ring_size = (unsigned)((size - sizeof(*b->ring)) /
				  sizeof(b->ring->coalesced_mmio[0]));
}

void pcboard_vga(struct pcboard *b, struct vga *v)
{
	static const struct vram_slot_ops ops = { .place = place, .dirty = dirty };

	pcboard_vram(b, vga_vram(v));
	ring_find(b);
	vga_slot(v, &ops, b);
}
