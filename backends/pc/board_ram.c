/* SPDX-License-Identifier: MIT */
/*
 * What devices reach of the guest's memory: its own RAM, and its firmware to read, by
 * mappings of the board's.
 *
 * Not by gmem's, where the pages of other domains are placed that have granted them: an
 * I/O that is in flight would go on after the grant has ended, and with what is mapped
 * there by then. RAM below a placed page is not reached either.
 */
#include <errno.h>
#include <sys/mman.h>

#include "backends/pc/board.h"

#define ROM_AT (GMEM_HIGH - PCBOARD_FIRMWARE_MAX)
#define PAGE   XEN_PAGE_SIZE

int pcboard_ram_init(struct pcboard *b)
{
	const struct gmem *m = &b->vm->mem;
	void *p = mmap(NULL, m->ram_bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_NORESERVE, m->ram_fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	b->ram = p;
	p = mmap(NULL, PCBOARD_FIRMWARE_MAX, PROT_READ, MAP_SHARED, b->firmware_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	b->rom = p;
	return 0;
}

void pcboard_ram_fini(struct pcboard *b)
{
	if (b->ram)
		munmap(b->ram, b->vm->mem.ram_bytes);
	if (b->rom)
		munmap(b->rom, PCBOARD_FIRMWARE_MAX);
}

void *pcboard_ram(const struct pcboard *b, uint64_t gpa, size_t len, bool write)
{
	const struct gmem *m = &b->vm->mem;
	const uint64_t last = gpa + (len ? len - 1 : 0);
	uint64_t offset, next;

	if (last < gpa)
		return NULL;
	if (gmem_ram_offset(m, gpa / PAGE, &offset))
		return !write && gpa >= ROM_AT && last < GMEM_HIGH
			       ? b->rom + (gpa - ROM_AT)
			       : NULL;
	for (uint64_t n = 1; n <= last / PAGE - gpa / PAGE; n++)
		if (gmem_ram_offset(m, gpa / PAGE + n, &next) ||
		    next != offset + n * PAGE)
			return NULL;
	return b->ram + offset + gpa % PAGE;
}
