/* SPDX-License-Identifier: MIT */
/* A guest's physical memory: regions, bounds, placed pages. */
#include "hv/kvm/gmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/kvm/xen_shared.h"

#define PAGE	  XEN_PAGE_SIZE
#define HUGE_PAGE (2u << 20)

/* What `denied` says of a page. A placed page keeps its mark in bit 7. */
#define DENIED_WRITE 1u
#define DENIED_ALL   2u
#define DENIED_MASK  3u
#define PLACED	     0x80u
#define RELEASED     0x40u /* below a placed page: RAM that the host has */

static int memfd_make(const char *name, uint64_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)bytes) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Where huge pages could be, guest and host addresses must agree in their low bits. */
static int region_map(struct gmem_region *r)
{
	uint8_t *at = mmap(NULL, r->size + HUGE_PAGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t head;
	int err;

	if (at == MAP_FAILED)
		return -errno;
	head = (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE + r->gpa) % HUGE_PAGE;
	r->hva = at + head;
	if (head)
		munmap(at, head);
	munmap(r->hva + r->size, HUGE_PAGE - head);
	if (r->fd < 0 || mmap(r->hva, r->size, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED | MAP_NORESERVE, r->fd,
			      (off_t)r->fd_offset) != MAP_FAILED)
		return 0;
	err = -errno;
	munmap(r->hva, r->size);
	return err;
}

/*
 * Adds a region: with pages that come and go (GMEM_RW; fd -1: they hold nothing yet),
 * for ever as it is (GMEM_NONE), or read-only.
 */
static int region_add(struct gmem *m, uint64_t gpa, uint64_t size, int fd,
		      uint64_t offset, enum gmem_prot pages)
{
	struct gmem_region *r = &m->region[m->n];
	int err;

	if (m->n == GMEM_MAX_REGIONS)
		return -ENOSPC;
	*r = (struct gmem_region){ .gpa = gpa,
				   .size = size,
				   .fd = fd,
				   .fd_offset = offset,
				   .rom = pages == GMEM_RO };
	if (pages != GMEM_NONE && !(r->denied = calloc(size / PAGE, 1)))
		return -ENOMEM;
	err = region_map(r);
	if (err)
		goto out_denied;
	if (fd < 0)
		memset(r->denied, DENIED_ALL, size / PAGE);
	if (r->rom)
		memset(r->denied, DENIED_WRITE, size / PAGE);
	r->apart = fd == m->ram_fd && gpa == GMEM_ROMS;
	err = m->slot_set && !r->apart ? m->slot_set(m->slot_arg, m->n, r) : 0;
	if (err)
		goto out_map;
	m->n++;
	return 0;
out_map:
	munmap(r->hva, size);
out_denied:
	free(r->denied);
	return err;
}

static int low_add(struct gmem *m, bool pc)
{
	int err;

	if (!pc)
		return region_add(m, 0, m->low_bytes, m->ram_fd, 0, GMEM_RW);
	err = region_add(m, 0, GMEM_VGA, m->ram_fd, 0, GMEM_RW);
	if (!err)
		err = region_add(m, GMEM_ROMS, GMEM_ROMS_END - GMEM_ROMS, m->ram_fd,
				 GMEM_ROMS, GMEM_RW);
	return err ? err
		   : region_add(m, GMEM_ROMS_END, m->low_bytes - GMEM_ROMS_END, m->ram_fd,
				GMEM_ROMS_END, GMEM_RW);
}

int gmem_init(struct gmem *m, uint64_t bytes, bool pc, gmem_slot_fn *slot_set, void *arg)
{
	int err;

	*m = (struct gmem){
		.ram_fd = -1, .special_fd = -1, .slot_set = slot_set, .slot_arg = arg
	};
	m->pc = pc;
	if (bytes % PAGE || bytes < 2u << 20 || bytes > GMEM_MAX_BYTES)
		return -EINVAL;
	m->ram_bytes = bytes;
	m->low_bytes = bytes < GMEM_HOLE ? bytes : GMEM_HOLE;
	m->ram_fd = err = memfd_make("tandem-ram", bytes);
	if (err >= 0)
		m->special_fd = err = memfd_make("tandem-special", GMEM_SPECIAL_SIZE);
	if (err >= 0)
		err = low_add(m, pc);
	if (!err && bytes > m->low_bytes)
		err = region_add(m, GMEM_HIGH, bytes - m->low_bytes, m->ram_fd,
				 m->low_bytes, GMEM_RW);
	if (!err)
		err = region_add(m, GMEM_SPECIAL, GMEM_SPECIAL_SIZE, m->special_fd, 0,
				 GMEM_NONE);
	if (err < 0)
		gmem_fini(m);
	return err;
}

int gmem_add_rom(struct gmem *m, uint64_t gpa, uint64_t size, int fd)
{
	return region_add(m, gpa, size, fd, 0, GMEM_RO);
}

void gmem_fini(struct gmem *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		munmap(m->region[i].hva, m->region[i].size);
		free(m->region[i].denied);
	}
	m->n = 0;
	if (m->ram_fd >= 0)
		close(m->ram_fd);
	if (m->special_fd >= 0)
		close(m->special_fd);
	m->ram_fd = m->special_fd = -1;
}

/* The region that holds all of [gpa, gpa + len), or NULL. */
static const struct gmem_region *region_find(const struct gmem *m, uint64_t gpa,
					     uint64_t len)
{
	for (unsigned i = 0; i < m->n; i++) {
		const struct gmem_region *r = &m->region[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size &&
		    len <= r->size - (gpa - r->gpa))
			return r;
	}
	return NULL;
}

static void *range_ptr(const struct gmem *m, uint64_t gpa, size_t len, unsigned deny)
{
	const struct gmem_region *r = region_find(m, gpa, len ? len : 1);
	uint64_t at;

	if (!r)
		return NULL;
	at = gpa - r->gpa;
	if (r->denied)
		for (uint64_t p = at / PAGE; p <= (at + (len ? len - 1 : 0)) / PAGE; p++)
			if ((r->denied[p] & DENIED_MASK) >= deny)
				return NULL;
	return r->hva + at;
}

void *gmem_ptr(const struct gmem *m, uint64_t gpa, size_t len)
{
	return range_ptr(m, gpa, len, DENIED_WRITE);
}

const void *gmem_ptr_ro(const struct gmem *m, uint64_t gpa, size_t len)
{
	return range_ptr(m, gpa, len, DENIED_ALL);
}

int gmem_write(const struct gmem *m, uint64_t gpa, const void *src, size_t len)
{
	void *p = gmem_ptr(m, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, src, len);
	return 0;
}

int gmem_ram_offset(const struct gmem *m, uint64_t gfn, uint64_t *offset)
{
	const struct gmem_region *r;

	if (gfn >= 1ull << (GMEM_ADDR_BITS - XEN_PAGE_SHIFT))
		return -EFAULT;
	r = region_find(m, gfn * PAGE, PAGE);
	if (!r || r->fd != m->ram_fd || r->denied[(gfn * PAGE - r->gpa) / PAGE])
		return -EFAULT;
	*offset = r->fd_offset + (gfn * PAGE - r->gpa);
	return 0;
}

/* ------------------------------------------------------------- single pages */

/*
 * A region for pages around gpa: a chunk, as far as its neighbours leave room. Of a PC
 * the hole is also its devices', and a chunk of it as much as the platform device has for
 * such pages: what is in a region is no MMIO.
 */
static int chunk_add(struct gmem *m, uint64_t gpa)
{
	const bool hole = gpa < GMEM_HIGH && m->pc;
	const uint64_t size = hole ? GMEM_PC_CHUNK : GMEM_CHUNK;
	uint64_t start = gpa / size * size, end = start + size;

	if (gpa < GMEM_HIGH && gpa >= (hole ? GMEM_PC_DEVICES : GMEM_DEVICES))
		return -EINVAL;
	if (gpa < m->low_bytes) /* a PC's screen */
		return -EINVAL;
	if (hole && end > GMEM_PC_DEVICES)
		end = GMEM_PC_DEVICES;
	for (unsigned i = 0; i < m->n; i++) {
		uint64_t e = m->region[i].gpa + m->region[i].size;

		if (m->region[i].gpa > gpa && m->region[i].gpa < end)
			end = m->region[i].gpa;
		if (e <= gpa && e > start)
			start = e;
	}
	return region_add(m, start, end - start, -1, 0, GMEM_RW);
}

/* The region of gfn, made if there is none. Special pages and ROM are nobody's. */
static int page_region(struct gmem *m, uint64_t gfn, struct gmem_region **region)
{
	const uint64_t gpa = gfn << XEN_PAGE_SHIFT;
	const struct gmem_region *r;
	int err;

	if (gfn >= 1ull << (GMEM_ADDR_BITS - XEN_PAGE_SHIFT))
		return -EINVAL;
	r = region_find(m, gpa, PAGE);
	if (!r) {
		err = chunk_add(m, gpa);
		if (err)
			return err;
		r = &m->region[m->n - 1];
	}
	if (!r->denied || r->rom)
		return -EINVAL;
	*region = &m->region[r - m->region];
	return 0;
}

int gmem_place(struct gmem *m, uint64_t gfn, int fd, uint64_t page, enum gmem_prot prot)
{
	struct gmem_region *r;
	unsigned released;
	uint64_t at;
	int err = page_region(m, gfn, &r);

	if (err)
		return err;
	at = (gfn << XEN_PAGE_SHIFT) - r->gpa;
	if (mmap(r->hva + at, PAGE, prot == GMEM_RW ? PROT_READ | PROT_WRITE : PROT_READ,
		 MAP_SHARED | MAP_FIXED, fd, (off_t)(page * PAGE)) == MAP_FAILED)
		return -errno;
	released = r->denied[at / PAGE] == DENIED_ALL ? RELEASED
						      : r->denied[at / PAGE] & RELEASED;
	r->denied[at / PAGE] =
		(uint8_t)(PLACED | released | (prot == GMEM_RW ? 0 : DENIED_WRITE));
	return 0;
}

int gmem_remove(struct gmem *m, uint64_t gfn)
{
	const struct gmem_region *found;
	struct gmem_region *r;
	uint64_t at;
	void *p;

	if (gfn >= 1ull << (GMEM_ADDR_BITS - XEN_PAGE_SHIFT))
		return -ENOENT;
	found = region_find(m, gfn << XEN_PAGE_SHIFT, PAGE);
	if (!found || !found->denied)
		return -ENOENT;
	r = &m->region[found - m->region];
	at = (gfn << XEN_PAGE_SHIFT) - r->gpa;
	if (!(r->denied[at / PAGE] & PLACED))
		return -ENOENT;
	if (r->fd >= 0)
		p = mmap(r->hva + at, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_NORESERVE, r->fd,
			 (off_t)(r->fd_offset + at));
	else
		p = mmap(r->hva + at, PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->denied[at / PAGE] = r->denied[at / PAGE] & RELEASED ? DENIED_ALL : 0;
	return 0;
}

bool gmem_placed(const struct gmem *m, uint64_t gfn)
{
	const struct gmem_region *r;

	if (gfn >= 1ull << (GMEM_ADDR_BITS - XEN_PAGE_SHIFT))
		return false;
	r = region_find(m, gfn << XEN_PAGE_SHIFT, PAGE);
	return r && r->denied &&
	       r->denied[((gfn << XEN_PAGE_SHIFT) - r->gpa) / PAGE] & PLACED;
}

/* ---------------------------------------------------------------- ballooning */

/* What `denied` says of n pages of RAM, and where they lie. NULL: they are not RAM. */
static uint8_t *ram_pages(struct gmem *m, uint64_t gfn, uint64_t n, uint64_t *offset)
{
	const uint64_t limit = 1ull << (GMEM_ADDR_BITS - XEN_PAGE_SHIFT);
	const struct gmem_region *r;
	uint64_t at;

	if (gfn >= limit || !n || n > limit - gfn)
		return NULL;
	r = region_find(m, gfn << XEN_PAGE_SHIFT, n << XEN_PAGE_SHIFT);
	if (!r || r->fd != m->ram_fd)
		return NULL;
	at = (gfn << XEN_PAGE_SHIFT) - r->gpa;
	*offset = r->fd_offset + at;
	return &r->denied[at / PAGE];
}

static bool all_are(const uint8_t *denied, uint64_t n, uint8_t what)
{
	for (uint64_t i = 0; i < n; i++)
		if (denied[i] != what)
			return false;
	return true;
}

static int punch(struct gmem *m, uint64_t offset, uint64_t n)
{
	return fallocate(m->ram_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)offset, (off_t)(n * PAGE)) < 0
		       ? -errno
		       : 0;
}

int gmem_release(struct gmem *m, uint64_t gfn, uint64_t n)
{
	uint64_t offset = 0;
	uint8_t *denied = ram_pages(m, gfn, n, &offset);
	int err;

	if (!denied || !all_are(denied, n, 0))
		return -ENOENT;
	err = punch(m, offset, n);
	if (!err)
		memset(denied, DENIED_ALL, n);
	return err;
}

int gmem_hide(struct gmem *m, uint64_t gfn, uint64_t n)
{
	uint64_t offset = 0;
	uint8_t *denied = ram_pages(m, gfn, n, &offset);

	if (!denied || !all_are(denied, n, 0))
		return -ENOENT;
	memset(denied, DENIED_ALL, n);
	return 0;
}

int gmem_punch(struct gmem *m, uint64_t gfn)
{
	uint64_t offset = 0;
	const uint8_t *denied = ram_pages(m, gfn, 1, &offset);

	if (!denied || (*denied != DENIED_ALL && !(*denied & RELEASED)))
		return -ENOENT;
	return punch(m, offset, 1);
}

int gmem_populate(struct gmem *m, uint64_t gfn, uint64_t n)
{
	uint64_t offset = 0;
	uint8_t *denied = ram_pages(m, gfn, n, &offset);
	int err;

	if (!denied || !all_are(denied, n, DENIED_ALL))
		return -ENOENT;
	/* it may have been touched since, by the guest or by a backend */
	err = punch(m, offset, n);
	if (!err)
		memset(denied, 0, n);
	return err;
}

uint64_t gmem_resident(const struct gmem *m)
{
	struct stat st;

	/* cannot fail: it is ours */
	return fstat(m->ram_fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

bool gmem_is_released(const struct gmem_region *r, uint64_t page)
{
	return r->denied[page] & PLACED ? r->denied[page] & RELEASED
					: r->denied[page] == DENIED_ALL;
}
