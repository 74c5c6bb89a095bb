/* SPDX-License-Identifier: MIT */
/* Video memory as RAM of the guest's, whose changes KVM logs. */
#include <sys/ioctl.h>

#include "backends/pc/board.h"
#include "backends/pc/vga.h"

#define SLOT GMEM_MAX_REGIONS /* of KVM's: behind gmem's */

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

void pcboard_vga(struct pcboard *b, struct vga *v)
{
	static const struct vram_slot_ops ops = { .place = place, .dirty = dirty };

	pcboard_vram(b, vga_vram(v));
	vga_slot(v, &ops, b);
}
