/* SPDX-License-Identifier: MIT */
/* RAM into a new machine. What is read comes from outside: checked, then used. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hv/kvm/pvh.h"
#include "hv/kvm/save_ram.h"

#define PAGE XEN_PAGE_SIZE

static void area_add(struct save_areas *a, int fd, uint64_t bytes)
{
	a->area[a->n++] = (struct save_area){ fd, a->npages, bytes / PAGE };
	a->npages += bytes / PAGE;
}

void save_areas_get(const struct vm *vm, struct save_areas *a)
{
	const struct vm_devices *d = vm->devices;

	*a = (struct save_areas){ 0 };
	area_add(a, vm->mem.ram_fd, vm->mem.ram_bytes);
	for (unsigned i = 0; d && i < d->nmemory; i++)
		area_add(a, d->memory[i].fd, d->memory[i].size);
}

static int page_write(const struct save_areas *areas, uint64_t pfn, const uint8_t *page)
{
	const struct save_area *a = areas->area;
	size_t done = 0;

	if (pfn >= areas->npages)
		return -EBADMSG;
	while (pfn - a->first >= a->npages)
		a++;
	while (done < PAGE) {
		ssize_t n = pwrite(a->fd, page + done, PAGE - done,
				   (off_t)((pfn - a->first) * PAGE + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int save_ram_pages_set(struct vm *vm, const uint8_t *data, size_t len)
{
	struct save_areas areas;
	const uint8_t *page;
	uint32_t n;
	int err = 0;

	if (len < sizeof(n))
		return -EBADMSG;
	memcpy(&n, data, sizeof(n));
	if (!n || n > SAVE_BATCH || len != save_pages_size(n))
		return -EBADMSG;
	save_areas_get(vm, &areas);
	page = data + sizeof(uint32_t) * (1 + (size_t)n);
	for (uint32_t i = 0; i < n && !err; i++, page += PAGE) {
		uint32_t pfn;

		memcpy(&pfn, data + sizeof(uint32_t) * (1 + (size_t)i), sizeof(pfn));
		err = page_write(&areas, pfn, page);
	}
	return err;
}

int save_ram_released_set(struct vm *vm, const uint8_t *data, size_t len)
{
	const uint64_t low = vm->mem.low_bytes / PAGE;

	if (len % sizeof(uint32_t))
		return -EBADMSG;
	for (size_t at = 0; at < len; at += sizeof(uint32_t)) {
		uint32_t pfn;

		memcpy(&pfn, data + at, sizeof(pfn));
		if (gmem_release(&vm->mem, pfn < low ? pfn : pfn - low + GMEM_HIGH / PAGE,
				 1))
			return -EBADMSG;
		vm->xen.pages--;
	}
	return 0;
}

int save_ram_special_set(struct vm *vm, const uint8_t *data, size_t len)
{
	uint8_t *special = gmem_ptr(&vm->mem, GMEM_SPECIAL, GMEM_SPECIAL_SIZE);

	if (!special || len != GMEM_SPECIAL_SIZE)
		return -EBADMSG;
	memcpy(special, data, len);
	/* its xenstore connection is a new one, whose rings are empty */
	memset(special + (PVH_STORE_GPA - GMEM_SPECIAL), 0, PAGE);
	return 0;
}
