/* SPDX-License-Identifier: MIT */
/*
 * What lies from 0xc0000 to 1 MiB: RAM, the firmware's ROM or nothing, as the host
 * bridge's PAM registers say (i440fx.h), a memory slot of KVM's each segment.
 */
#include <string.h>
#include <sys/ioctl.h>

#include "backends/pc/board.h"
#include "backends/pc/i440fx.h"

#define SLOT  (GMEM_MAX_REGIONS + 1) /* the first; before it is board_vga.c's */
#define BIOS  0xe0000u
#define END   0x100000u
#define RAM   1u
#define WRITE 2u

_Static_assert(I440FX_SEGMENTS <= PCBOARD_SEGMENTS, "board.h");

static unsigned segment_of(uint64_t at)
{
	return at >= 0xf0000 ? 0 : 1 + (unsigned)(at - GMEM_ROMS) / 0x4000;
}

/* What is read there; NULL: nothing. */
static const void *content(struct pcboard *b, uint32_t at, uint32_t len, unsigned how)
{
	if (how & RAM)
		return gmem_ptr_ro(&b->vm->mem, at, len);
	return at >= BIOS ? gmem_ptr_ro(&b->vm->mem, GMEM_HIGH - END + at, len) : NULL;
}

static void segment_set(struct pcboard *b, unsigned segment, unsigned how)
{
	uint32_t len;
	const uint32_t at = i440fx_segment(segment, &len);
	struct kvm_userspace_memory_region m = { .slot = SLOT + segment,
						 .guest_phys_addr = at };
	const void *p = content(b, at, len, how);

	/* a slot's flags do not change: it is taken away first */
	(void)ioctl(b->vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
	b->segment[segment] = (uint8_t)how;
	if (!p)
		return;
	m.memory_size = len;
	m.flags = how == (RAM | WRITE) ? 0 : KVM_MEM_READONLY;
	m.userspace_addr = (uintptr_t)p;
	/* cannot fail but for memory, and then accesses are exits to nowhere */
	(void)ioctl(b->vm->fd, KVM_SET_USER_MEMORY_REGION, &m);
}

void pcboard_pam_init(struct pcboard *b)
{
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++)
		segment_set(b, i, 0);
}

void pcboard_pam(void *arg, unsigned segment, bool read_ram, bool write_ram)
{
	segment_set(arg, segment, (read_ram ? RAM : 0) | (write_ram ? WRITE : 0));
}

bool pcboard_pam_write(struct pcboard *b, uint64_t at, unsigned size, uint64_t value)
{
	void *p;

	if (at < GMEM_ROMS || at >= END)
		return false;
	p = b->segment[segment_of(at)] & WRITE ? gmem_ptr(&b->vm->mem, at, size) : NULL;
	if (p)
		memcpy(p, &value, size);
	return true;
}
