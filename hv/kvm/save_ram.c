/* SPDX-License-Identifier: MIT */
/* RAM out of a machine: rounds over its pages. */
#include "hv/kvm/save_ram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGE XEN_PAGE_SIZE

/* Four lanes, so that it is memory that takes the time. Not against an enemy: who makes
 * two pages of one sum loses one of his own. */
static uint64_t page_sum(const void *page)
{
	const uint64_t mul = 0x9e3779b97f4a7c15ull;
	uint64_t lane[4] = { 1, 2, 3, 4 }, w[4], sum = 0;

	for (unsigned at = 0; at < PAGE; at += sizeof(w)) {
		memcpy(w, (const uint8_t *)page + at, sizeof(w));
		for (unsigned i = 0; i < 4; i++) {
			lane[i] = (lane[i] ^ w[i]) * mul;
			lane[i] ^= lane[i] >> 29;
		}
	}
	for (unsigned i = 0; i < 4; i++)
		sum = (sum ^ lane[i]) * mul ^ sum >> 31;
	return sum;
}

static size_t log_words(const struct save_ram *s)
{
	/* the second region's bits begin a word of their own */
	return s->areas.area[0].npages / 64 + 2;
}

int save_ram_open(struct save_ram *s, struct vm *vm, struct save_writer *w)
{
	*s = (struct save_ram){ .vm = vm, .w = w };
	save_areas_get(vm, &s->areas);
	s->sum = malloc(s->areas.npages * sizeof(*s->sum));
	s->log = calloc(log_words(s), sizeof(*s->log));
	s->batch = malloc(save_pages_size(SAVE_BATCH));
	s->pages = calloc(SAVE_BATCH, PAGE);
	if (!s->sum || !s->log || !s->batch || !s->pages) {
		save_ram_close(s);
		return -ENOMEM;
	}
	/* a new machine's pages are zero */
	s->zero_sum = page_sum(s->pages);
	for (uint64_t i = 0; i < s->areas.npages; i++)
		s->sum[i] = s->zero_sum;
	return 0;
}

/* --------------------------------------------------------------- KVM's dirty log */

static bool is_ram(const struct vm *vm, const struct gmem_region *r)
{
	return r->fd == vm->mem.ram_fd;
}

static int logging_set(struct vm *vm, bool on)
{
	int err = 0;

	pthread_mutex_lock(&vm->lock);
	for (unsigned i = 0; i < vm->mem.n && !err; i++) {
		const struct gmem_region *r = &vm->mem.region[i];
		struct kvm_userspace_memory_region m = {
			.slot = i,
			.flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->hva,
		};

		if (is_ram(vm, r) && !r->apart &&
		    ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &m) < 0)
			err = -errno;
	}
	pthread_mutex_unlock(&vm->lock);
	return err;
}

int save_ram_log(struct save_ram *s)
{
	int err = logging_set(s->vm, true);

	s->logging = !err;
	return err;
}

void save_ram_close(struct save_ram *s)
{
	if (s->logging)
		/* cannot fail: it goes back to what it was */
		(void)logging_set(s->vm, false);
	free(s->sum);
	free(s->log);
	free(s->batch);
	free(s->pages);
}

/* What was written since the last call; KVM forgets it. RAM's regions begin at multiples
 * of 64 pages, but for their ends. */
static int log_fetch(struct save_ram *s)
{
	struct vm *vm = s->vm;

	for (unsigned i = 0; i < vm->mem.n; i++) {
		const struct gmem_region *r = &vm->mem.region[i];
		struct kvm_dirty_log l = { .slot = i };

		if (!is_ram(vm, r))
			continue;
		l.dirty_bitmap = s->log + r->fd_offset / PAGE / 64;
		if (r->apart) { /* small, and not logged */
			memset(l.dirty_bitmap, 0xff, r->size / PAGE / 8);
			continue;
		}
		if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &l) < 0)
			return -errno;
	}
	return 0;
}

/* ------------------------------------------------------------------------ rounds */

static int batch_send(struct save_ram *s)
{
	int err = 0;

	if (s->nbatch)
		err = save_write(s->w, SAVE_PAGES, s->batch,
				 save_pages_pack(s->batch, s->nbatch));
	s->nbatch = 0;
	return err;
}

static int page_send(struct save_ram *s, uint64_t pfn, const uint8_t *page, uint64_t sum)
{
	save_pages_add(s->batch, s->nbatch++, (uint32_t)pfn, page);
	s->sum[pfn] = sum;
	return s->nbatch == SAVE_BATCH ? batch_send(s) : 0;
}

/* n pages of an area in a row: those that differ from what the other end has. */
static int run_send(struct save_ram *s, const struct save_area *a, uint64_t pfn,
		    uint32_t n, uint64_t *sent)
{
	size_t got = 0, want = (size_t)n * PAGE;
	int err = 0;

	/* a copy: the sum and what is sent are of the same moment */
	while (got < want) {
		ssize_t k = pread(a->fd, s->pages + got, want - got,
				  (off_t)((pfn - a->first) * PAGE + got));

		if (k <= 0 && errno != EINTR)
			return k ? -errno : -EIO;
		got += k > 0 ? (size_t)k : 0;
	}
	for (uint32_t i = 0; i < n && !err; i++) {
		const uint8_t *page = s->pages + (size_t)i * PAGE;
		uint64_t sum = page_sum(page);

		if (sum == s->sum[pfn + i])
			continue;
		err = page_send(s, pfn + i, page, sum);
		++*sent;
	}
	return err;
}

/* The first page at or after pfn that is not a hole, or the area's end. */
static uint64_t data_next(const struct save_area *a, uint64_t pfn)
{
	off_t at = lseek(a->fd, (off_t)((pfn - a->first) * PAGE), SEEK_DATA);

	if (at < 0)
		return errno == ENXIO ? a->first + a->npages : pfn;
	return a->first + (uint64_t)at / PAGE;
}

/* A hole, which the other end has too unless it was something once. */
static bool hole_known(const struct save_ram *s, uint64_t pfn)
{
	return s->sum[pfn] == s->zero_sum;
}

static int check_area(struct save_ram *s, const struct save_area *a, uint64_t *sent)
{
	const uint64_t end = a->first + a->npages;
	uint64_t data = 0;
	int err = 0;

	for (uint64_t pfn = a->first; pfn < end && !err;) {
		uint32_t n = 0;

		if (data <= pfn)
			data = data_next(a, pfn);
		while (pfn < data && pfn < end && hole_known(s, pfn))
			pfn++;
		while (n < SAVE_BATCH && pfn + n < end &&
		       (pfn + n >= data || !hole_known(s, pfn + n)))
			n++;
		if (n)
			err = run_send(s, a, pfn, n, sent);
		pfn += n;
	}
	return err;
}

static int check_all(struct save_ram *s, uint64_t *sent)
{
	int err = 0;

	for (unsigned i = 0; i < s->areas.n && !err; i++)
		err = check_area(s, &s->areas.area[i], sent);
	return err;
}

static bool logged(const struct save_ram *s, uint64_t pfn)
{
	return s->log[pfn / 64] >> (pfn % 64) & 1;
}

static int check_logged(struct save_ram *s, uint64_t *sent)
{
	const struct save_area *ram = &s->areas.area[0];
	int err = 0;

	for (uint64_t pfn = 0; pfn < ram->npages && !err;) {
		uint32_t n = 0;

		if (!(pfn % 64) && !s->log[pfn / 64]) {
			pfn += 64;
			continue;
		}
		while (n < SAVE_BATCH && pfn + n < ram->npages && logged(s, pfn + n))
			n++;
		if (n)
			err = run_send(s, ram, pfn, n, sent);
		pfn += n ? n : 1;
	}
	return err;
}

int save_ram_round(struct save_ram *s, bool check, uint64_t *sent)
{
	/* before the pages are looked at: what is written meanwhile is the next round's
	 */
	int err = s->logging ? log_fetch(s) : 0;

	*sent = 0;
	if (!err)
		err = check ? check_all(s, sent) : check_logged(s, sent);
	return err ? err : batch_send(s);
}

/* ---------------------------------------------------------------------- the rest */

static int released_send(struct save_ram *s)
{
	struct vm *vm = s->vm;
	uint32_t *list = malloc(SAVE_MAX);
	size_t n = 0, max = SAVE_MAX / sizeof(*list);
	int err = list ? 0 : -ENOMEM;

	for (unsigned i = 0; i < vm->mem.n && !err; i++) {
		const struct gmem_region *r = &vm->mem.region[i];

		for (uint64_t p = 0; is_ram(vm, r) && p < r->size / PAGE && !err; p++) {
			if (!gmem_is_released(r, p))
				continue;
			list[n++] = (uint32_t)(r->fd_offset / PAGE + p);
			if (n < max)
				continue;
			err = save_write(s->w, SAVE_RELEASED, list, n * sizeof(*list));
			n = 0;
		}
	}
	if (!err && n)
		err = save_write(s->w, SAVE_RELEASED, list, n * sizeof(*list));
	free(list);
	return err;
}

int save_ram_rest(struct save_ram *s)
{
	const void *special = gmem_ptr_ro(&s->vm->mem, GMEM_SPECIAL, GMEM_SPECIAL_SIZE);
	int err = special ? released_send(s) : -EFAULT;

	return err ? err : save_write(s->w, SAVE_SPECIAL, special, GMEM_SPECIAL_SIZE);
}
