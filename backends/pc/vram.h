/* SPDX-License-Identifier: MIT */
/*
 * Video memory: 16 MiB of a memfd, and which of its pages have changed since when.
 *
 * The guest sees all of it in a base address register. Each access there is trapped and
 * marked, unless the board puts the memfd at that place itself, as RAM that the guest
 * accesses without an exit (vga_slot()): then the board says which pages it wrote.
 *
 * Those who show it (any number) each remember an epoch, and ask what has changed since.
 */
#ifndef TANDEM_BACKENDS_PC_VRAM_H
#define TANDEM_BACKENDS_PC_VRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VRAM_SIZE      (16u << 20)
#define VRAM_PAGE_SIZE 4096u
#define VRAM_NR_PAGES  (VRAM_SIZE / VRAM_PAGE_SIZE)

/* A board that maps it into the guest. Called with the board's lock. */
struct vram_slot_ops {
	/* From now on the guest has it at gpa; 0: nowhere any more. */
	void (*place)(void *arg, uint64_t gpa);
	/* Pages that the guest has written since the last call: or-ed into the
	 * VRAM_NR_PAGES bits of `pages` (KVM_GET_DIRTY_LOG's format). */
	void (*dirty)(void *arg, uint64_t *pages);
};

struct vram {
	uint8_t *mem;
	int fd;
	uint64_t epoch;			  /* counts vram_look() */
	uint64_t stamp[VRAM_NR_PAGES];	  /* the epoch of the last change */
	const struct vram_slot_ops *slot; /* NULL: accesses are trapped */
	void *slot_arg;
};

/* 0 or -errno. */
int vram_init(struct vram *r);
void vram_fini(struct vram *r);

/* [at, at + len) has been written; all of it is in the memory. */
void vram_mark(struct vram *r, uint32_t at, uint32_t len);
/*
 * Someone looks: what changes from now on has the returned stamp or a later one. What
 * has changed since a look of before is vram_changed() with what that returned.
 */
uint64_t vram_look(struct vram *r);
bool vram_changed(const struct vram *r, uint32_t at, uint32_t len, uint64_t since);

#endif
