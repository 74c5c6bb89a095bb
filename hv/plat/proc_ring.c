/* SPDX-License-Identifier: MIT */
/* Pages in a row, and the stretch around a page. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "hv/base/cleanup.h"
#include "hv/plat/proc_map.h"

void proc_window_free(struct mapper_window *w)
{
	LIST_REMOVE(w, link);
	/* cannot fail: mapped by window_new() */
	(void)munmap(w->addr, w->len);
	free(w);
}

/* The n pages once more, in a row. */
static int window_new(struct proc_mapper *m, void **addrs, uint32_t n, void **addr)
{
	struct mapper_window *w = calloc(1, sizeof(*w));
	const int how = MREMAP_MAYMOVE | MREMAP_FIXED;

	if (!w)
		return -ENOMEM;
	w->len = (size_t)n * PLAT_PAGE_SIZE;
	w->addr = mmap(NULL, w->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->addr == MAP_FAILED) {
		free(w);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&m->windows, w, link);
	for (uint32_t i = 0; i < n; i++) {
		char *to = (char *)w->addr + (size_t)i * PLAT_PAGE_SIZE;

		/* an old size of 0 duplicates a shared page's mapping */
		if (mremap(addrs[i], 0, PLAT_PAGE_SIZE, how, to) == MAP_FAILED) {
			proc_window_free(w);
			return -ENOMEM;
		}
	}
	*addr = w->addr;
	return 0;
}

int proc_map_ring(struct gnttab_mapper *mp, const grant_ref_t *refs, uint32_t n,
		  void **addr)
{
	cleanup_free void **addrs = malloc(n * sizeof(*addrs));
	bool row = true;
	int err;

	if (!addrs)
		return -ENOMEM;
	err = proc_map_refs(mp, refs, n, GNTTAB_WRITE, addrs);
	if (err)
		return err;
	for (uint32_t i = 1; i < n; i++)
		row = row && (char *)addrs[i] == (char *)addrs[i - 1] + PLAT_PAGE_SIZE;
	if (row)
		*addr = addrs[0];
	else
		err = window_new(mapper_of(mp), addrs, n, addr);
	if (err)
		proc_unmap_refs(mp, refs, n, GNTTAB_WRITE, addrs);
	return err;
}

void proc_unmap_ring(struct gnttab_mapper *mp, const grant_ref_t *refs, uint32_t n,
		     void *addr)
{
	struct mapper_window *w;

	LIST_FOREACH (w, &mapper_of(mp)->windows, link) {
		if (w->addr == addr) {
			proc_window_free(w);
			break;
		}
	}
	proc_unmap_refs(mp, refs, n, GNTTAB_WRITE, NULL);
}

int proc_region(struct gnttab_mapper *mp, const void *addr, void **base, size_t *len)
{
	struct proc_mapper *m = mapper_of(mp);

	for (uint32_t i = 0; i < m->nr_used; i++) {
		const struct peer_arena *pa = m->arenas[m->used[i]]->pa;
		uint8_t *data = pa->data + (size_t)pa->first * PLAT_PAGE_SIZE;
		uint8_t *end = pa->data + pa->data_len;

		/* a VM's pages come and go with its balloon: whoever registers
		 * them would keep, and write to, what is no page of it any more */
		if (pa->vm || (const uint8_t *)addr < data ||
		    (const uint8_t *)addr >= end)
			continue;
		*base = data;
		*len = (size_t)(end - data);
		return 0;
	}
	return -ENOENT;
}
