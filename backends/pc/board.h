/* SPDX-License-Identifier: MIT */
/*
 * The board of an unmodified guest's PC: a machine of hv/kvm, of which it serves all
 * ports and MMIO, with KVM's interrupt controllers and timer chip and the devices of this
 * folder.
 *
 * Where things lie: RAM below 0xa0000 and from 1 MiB on; between them the screen and what
 * the host bridge says (board_pam.c); the firmware at the end of 4 GiB.
 *
 * Its time is the guest's: it begins with the guest, and stands whenever that does,
 * paused, saved or in a file.
 */
#ifndef TANDEM_BACKENDS_PC_BOARD_H
#define TANDEM_BACKENDS_PC_BOARD_H

#include <pthread.h>

#include "backends/pc/pci.h"
#include "backends/pc/vram.h"
#include "hv/base/evloop.h"
#include "hv/kvm/image.h"
#include "hv/kvm/vm.h"

#define PCBOARD_FIRMWARE_MAX (256u << 10)
#define PCBOARD_SEGMENTS     13u

struct pcboard {
	struct pcbus bus;
	struct vm *vm;
	/* Held whenever a device's function runs: bus.h. Never together with vm->lock by
	 * who has that already. */
	pthread_mutex_t lock;
	struct pcibus *pci;
	int timer_fd, firmware_fd;
	uint8_t *ram, *rom; /* board_ram.c's */
	struct evsource *timer_src;
	/* board_stand.c: it stands (bus.stands) at this time, or the clock is so much
	 * behind the host's. */
	uint64_t stood_at, behind;
	uint32_t level, told; /* a bit a line: as devices have it, as KVM was told */
	bool has_pit;
	struct kvm_pit_state2 pit; /* while it stands */
	struct vram *vram;	   /* NULL: none */
	struct vm_devices devices;
	uint8_t segment[PCBOARD_SEGMENTS]; /* board_pam.c's */
	bool vram_placed;		   /* board_vga.c's */
	/* board_ring.c's */
	struct kvm_coalesced_mmio_ring *ring; /* KVM's; NULL: none */
	unsigned ring_size;
};

/* Before the sandbox: the memory of the firmware and the timer. vm: of vm_spec.pc. */
int pcboard_open(struct pcboard **b, struct vm *vm, struct evloop *loop);
/* Within it: the firmware's bytes, 64 to 256 KiB. `why`: what is wrong. */
int pcboard_firmware(struct pcboard *b, const struct image *img, const char **why);
void pcboard_close(struct pcboard *b);
/* Its video memory is saved with it. Once at most. */
void pcboard_vram(struct pcboard *b, struct vram *v);

/* ------------------------------------------------------ board_stand.c, with its lock */

/* Before anything else. */
void pcboard_stand_init(struct pcboard *b);
void pcboard_irq(struct pcboard *b, unsigned line, bool level);
uint64_t pcboard_now(const struct pcboard *b);
void pcboard_set_now(struct pcboard *b, uint64_t now);
/* When there is to be a pcbus_run(), but for a board that stands. */
void pcboard_rearm(const struct pcboard *b, uint64_t at);

/* board_ram.c: pcbus_ops.ram. Once RAM and the firmware's memory are there. */
int pcboard_ram_init(struct pcboard *b);
void pcboard_ram_fini(struct pcboard *b);
void *pcboard_ram(const struct pcboard *b, uint64_t gpa, size_t len, bool write);

/* board_pam.c: as after power on; as the host bridge says (i440fx_pam); a write that is
 * no RAM's to KVM: true if it was meant for that place. */
void pcboard_pam_init(struct pcboard *b);
void pcboard_pam(void *board, unsigned segment, bool read_ram, bool write_ram);
bool pcboard_pam_write(struct pcboard *b, uint64_t at, unsigned size, uint64_t value);

struct vga;
/* The adapter's memory becomes the guest's, where KVM can. Before the sandbox. */
void pcboard_vga(struct pcboard *b, struct vga *v);

/* board_ring.c: writes that KVM kept back take place. Whoever does anything with a device
 * does this first, with the lock. */
void pcboard_ring_open(struct pcboard *b);
void pcboard_drain(struct pcboard *b);

#endif
