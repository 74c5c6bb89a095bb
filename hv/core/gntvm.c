/* SPDX-License-Identifier: MIT */
/* A VM's memory: what it must be, so that neither peers nor we can be hurt by it. */
#include "hv/core/gntvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* The size in pages of a memfd whose pages stay for as long as it is mapped. */
static int memfd_check(int fd, uint64_t *pages)
{
	struct statfs fs;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	/* first: what is no memfd may answer late, or never */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) ||
	    seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EINVAL;
	if (!(seals & F_SEAL_SEAL) &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -EINVAL;
	/* a hole in hugetlbfs is a SIGBUS for whoever touches it */
	if (fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC || fstat(fd, &st) < 0 ||
	    st.st_size <= 0 || st.st_size % ARENA_PAGE)
		return -EINVAL;
	/* it is reopened for each peer: by us, writable */
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR)
		return -EINVAL;
	*pages = (uint64_t)st.st_size / ARENA_PAGE;
	return 0;
}

/* RAM's pages are numbered in 32 bits, and so are the frames. */
static bool layout_valid(uint32_t pages, uint32_t low)
{
	return low && low <= pages && low <= GNTVM_HIGH_FRAME &&
	       pages - low <= UINT32_MAX - GNTVM_HIGH_FRAME;
}

int gntvm_register(struct client *c, int ram, uint32_t ram_pages, uint32_t low_pages,
		   int table)
{
	const uint32_t per_page = ARENA_PAGE / sizeof(struct grant_entry_v1);
	uint64_t pages, table_pages;
	struct arena *a;

	if (!c->dom->vm)
		return -EPERM;
	if (c->dom->arenas[0])
		return -EBUSY;
	if (!layout_valid(ram_pages, low_pages) || memfd_check(ram, &pages) ||
	    pages != ram_pages || memfd_check(table, &table_pages) ||
	    table_pages > GNTVM_TABLE_MAX)
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->dom = c->dom;
	a->owner = c;
	a->vm = true;
	a->total = (uint32_t)table_pages * per_page;
	a->ram_pages = ram_pages;
	a->low_pages = low_pages;
	a->data = ram;
	a->entries = table;
	if (domain_charge_fds(c->dom, arena_nr_fds(a))) {
		free(a);
		return -ENOMEM;
	}
	arena_insert(a);
	return 0;
}
