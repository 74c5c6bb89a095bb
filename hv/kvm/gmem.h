/* SPDX-License-Identifier: MIT */
/*
 * A guest's physical memory: RAM, one sealed memfd, low part below the hole and the
 * rest from 4 GiB; a few special pages in the hole; and single pages of other
 * memfds that are placed over any of it or beside it (grant table frames, foreign
 * grants).
 *
 * gmem_ptr() is the only way from a guest-physical address to a pointer. What it
 * returns stays valid while the VM's lock is held (vm.h).
 */
#ifndef TANDEM_HV_KVM_GMEM_H
#define TANDEM_HV_KVM_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GMEM_HOLE	  0xc0000000ull /* low RAM ends here at the latest */
#define GMEM_HIGH	  0x100000000ull
#define GMEM_VGA	  0xa0000ull /* to GMEM_ROMS: no memory in a PC */
#define GMEM_ROMS	  0xc0000ull
#define GMEM_ROMS_END	  0x100000ull
#define GMEM_SPECIAL	  0xfeff0000ull
#define GMEM_SPECIAL_SIZE 0x10000ull
#define GMEM_MAX_BYTES	  (1ull << 40)
#define GMEM_ADDR_BITS	  46
#define GMEM_CHUNK	  (128ull << 20) /* a region for placed pages beside RAM */
#define GMEM_PC_CHUNK	  (16ull << 20)	 /* in a PC's hole, where devices are, too */
#define GMEM_DEVICES	  0xf8000000ull	 /* nothing is placed from here to GMEM_HIGH */
#define GMEM_PC_DEVICES	  0xfec00000ull	 /* the same of a PC */
#define GMEM_MAX_REGIONS  48

enum gmem_prot { GMEM_NONE, GMEM_RO, GMEM_RW };

struct gmem_region {
	uint64_t gpa, size;
	uint8_t *hva;
	uint8_t *denied; /* a byte a page: 2 - enum gmem_prot; NULL: all RW */
	int fd;		 /* what lies below placed pages; -1: nothing */
	uint64_t fd_offset;
	bool rom;   /* the guest's writes are exits */
	bool apart; /* its memory slots are not gmem_slot_fn's: a PC's board has them */
};

/* Tells the machine of a region (a memory slot). 0 or -errno. */
typedef int gmem_slot_fn(void *arg, unsigned slot, const struct gmem_region *r);

struct gmem {
	struct gmem_region region[GMEM_MAX_REGIONS];
	unsigned n;
	bool pc;
	int ram_fd, special_fd;
	uint64_t ram_bytes, low_bytes;
	gmem_slot_fn *slot_set;
	void *slot_arg;
};

/*
 * `bytes` of RAM, whole pages, at least 2 MiB and at most GMEM_MAX_BYTES.
 * pc: with the hole below 1 MiB in which a PC has its screen, and RAM apart behind it.
 * slot_set may be NULL (tests). -errno, and then nothing is left.
 */
int gmem_init(struct gmem *m, uint64_t bytes, bool pc, gmem_slot_fn *slot_set, void *arg);
void gmem_fini(struct gmem *m);
/* More memory, all of fd, which the guest may only read. fd stays the caller's, and open.
 */
int gmem_add_rom(struct gmem *m, uint64_t gpa, uint64_t size, int fd);

/* len bytes at gpa, which may be written; NULL unless all of them are memory. */
void *gmem_ptr(const struct gmem *m, uint64_t gpa, size_t len);
/* The same for reading: read-only pages too. */
const void *gmem_ptr_ro(const struct gmem *m, uint64_t gpa, size_t len);
/* Copies in. -EFAULT: not memory, and then nothing was written. */
int gmem_write(const struct gmem *m, uint64_t gpa, const void *src, size_t len);

/* Where in the RAM memfd a page of RAM lies. -EFAULT: that gfn is not RAM. */
int gmem_ram_offset(const struct gmem *m, uint64_t gfn, uint64_t *offset);

/*
 * Puts page `page` of `fd` at gfn, over what was there (RAM comes back with
 * gmem_remove()). -EINVAL outside the address space or over special pages,
 * -ENOSPC no region left, or mmap's.
 */
int gmem_place(struct gmem *m, uint64_t gfn, int fd, uint64_t page, enum gmem_prot prot);
/* Takes a placed page away. -ENOENT: none there. */
int gmem_remove(struct gmem *m, uint64_t gfn);

/* Is a page placed there? */
bool gmem_placed(const struct gmem *m, uint64_t gfn);

/*
 * Ballooning: n pages of RAM, all of them or none. -ENOENT: not all are RAM and there
 * (populate: and given away).
 */
int gmem_release(struct gmem *m, uint64_t gfn, uint64_t n); /* to the host */
int gmem_hide(struct gmem *m, uint64_t gfn, uint64_t n);    /* it keeps what is in them */
int gmem_punch(struct gmem *m, uint64_t gfn);		    /* of those, one */
int gmem_populate(struct gmem *m, uint64_t gfn, uint64_t n); /* back, zeroed */

/* Bytes of the host's memory that RAM takes now. */
uint64_t gmem_resident(const struct gmem *m);

/*
 * Asks for huge pages for RAM. -ENOTSUP: this kernel gives none to shared memory
 * (/sys/kernel/mm/transparent_hugepage/shmem_enabled).
 */
int gmem_hugepages(const struct gmem *m);

/* Is a page of a region of RAM the host's, below whatever is placed there? */
bool gmem_is_released(const struct gmem_region *r, uint64_t page);

#endif
