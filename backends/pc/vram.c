/* SPDX-License-Identifier: MIT */
/* Video memory: the memfd, and a stamp for each page. */
#include "backends/pc/vram.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int vram_init(struct vram *r)
{
	int err;

	memset(r, 0, sizeof(*r));
	r->fd = memfd_create("vram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (r->fd < 0)
		return -errno;
	/* sealed: whoever is given it cannot take pages from under us */
	if (ftruncate(r->fd, VRAM_SIZE) ||
	    fcntl(r->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto close_fd;
	r->mem = mmap(NULL, VRAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (r->mem == MAP_FAILED)
		goto close_fd;
	r->epoch = 1;
	vram_mark(r, 0, VRAM_SIZE);
	return 0;
close_fd:
	err = -errno;
	close(r->fd);
	return err;
}

void vram_fini(struct vram *r)
{
	munmap(r->mem, VRAM_SIZE);
	close(r->fd);
}

void vram_mark(struct vram *r, uint32_t at, uint32_t len)
{
	for (uint32_t p = at / VRAM_PAGE_SIZE;
	     len && p <= (at + len - 1) / VRAM_PAGE_SIZE; p++)
		r->stamp[p] = r->epoch;
}

uint64_t vram_look(struct vram *r)
{
	uint64_t pages[VRAM_NR_PAGES / 64] = { 0 };

	if (r->slot) {
		r->slot->dirty(r->slot_arg, pages);
		for (unsigned i = 0; i < VRAM_NR_PAGES; i++)
			if (pages[i / 64] >> i % 64 & 1)
				r->stamp[i] = r->epoch;
	}
	return ++r->epoch;
}

bool vram_changed(const struct vram *r, uint32_t at, uint32_t len, uint64_t since)
{
	if (at >= VRAM_SIZE || !len)
		return false;
	if (len > VRAM_SIZE - at)
		len = VRAM_SIZE - at;
	for (uint32_t p = at / VRAM_PAGE_SIZE; p <= (at + len - 1) / VRAM_PAGE_SIZE; p++)
		if (r->stamp[p] >= since)
			return true;
	return false;
}
