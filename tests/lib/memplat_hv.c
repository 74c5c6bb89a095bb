/* SPDX-License-Identifier: MIT */
/* The platform in memory: what a test looks at and sets. */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/memplat.h"
#include "tests/lib/memplat_int.h"

struct memhv *memhv_new(void)
{
	struct memhv *hv = calloc(1, sizeof(*hv));

	if (hv)
		pthread_mutex_init(&hv->lock, NULL);
	return hv;
}

void memhv_free(struct memhv *hv)
{
	mem_xs_free(hv);
	pthread_mutex_destroy(&hv->lock);
	free(hv);
}

unsigned memhv_mapped(struct memhv *hv)
{
	unsigned n;

	pthread_mutex_lock(&hv->lock);
	n = hv->mapped;
	pthread_mutex_unlock(&hv->lock);
	return n;
}

void memhv_fail_map(struct memhv *hv, unsigned n)
{
	pthread_mutex_lock(&hv->lock);
	hv->fail_map = n;
	pthread_mutex_unlock(&hv->lock);
}

void memhv_fail_every(struct memhv *hv, unsigned n)
{
	pthread_mutex_lock(&hv->lock);
	hv->fail_every = n;
	pthread_mutex_unlock(&hv->lock);
}

unsigned memhv_search(struct memhv *hv, domid_t owner, const void *what, size_t len)
{
	unsigned n = 0;

	pthread_mutex_lock(&hv->lock);
	for (unsigned i = 0; i < MEM_ARENAS; i++) {
		const struct mem_arena *a = hv->arena[i];
		const uint8_t *p, *end;

		if (!a || a->owner != owner)
			continue;
		p = a->a.pages;
		end = p + (size_t)a->a.nr_pages * PLAT_PAGE_SIZE;
		while ((p = memmem(p, (size_t)(end - p), what, len)) != NULL) {
			p++;
			n++;
		}
	}
	pthread_mutex_unlock(&hv->lock);
	return n;
}
