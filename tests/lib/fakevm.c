/* SPDX-License-Identifier: MIT */
/* A VM without a guest. */
#include "tests/lib/fakevm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#include "hv/plat/plat_ops.h"
#include "hv/proc/hvclient.h"
#include "tests/lib/hvd.h"

#define FIRST_REF    8u	  /* those below are Xen's own */
#define STRIDE	     997u /* prime: neighbours in an arena are none in RAM */
#define REVOKE_TRIES 16

struct fakevm {
	struct plat plat;
	struct plat *inner; /* the process that runs the VM, for all but granting */
	struct plat_ops ops;
	int conn, ram_fd;
	uint8_t *ram;
	struct grant_entry_v1 *table;
	uint32_t next; /* page, before the stride */
	LIST_HEAD(vm_arena_list, vm_arena) arenas;
	bool page_used[FAKEVM_PAGES], ref_used[FAKEVM_REFS];
};

struct vm_arena {
	struct gnttab_arena a;
	struct fakevm *vm;
	LIST_ENTRY(vm_arena) link;
	grant_ref_t refs[];
};

static struct fakevm *vm_of(struct plat *p)
{
	return (struct fakevm *)p;
}

int fakevm_memfd(uint32_t pages, int seals)
{
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)pages * PLAT_PAGE_SIZE) < 0 ||
	    (seals && fcntl(fd, F_ADD_SEALS, seals) < 0)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static uint32_t page_to_frame(uint32_t page)
{
	return page < FAKEVM_LOW ? page : HVCALL_VM_HIGH_FRAME + page - FAKEVM_LOW;
}

static uint32_t frame_to_page(uint32_t frame)
{
	return frame < FAKEVM_LOW ? frame : frame - HVCALL_VM_HIGH_FRAME + FAKEVM_LOW;
}

uint8_t *fakevm_frame(struct plat *vm, uint32_t frame)
{
	uint32_t page = frame_to_page(frame);

	if (page >= FAKEVM_PAGES || page_to_frame(page) != frame)
		return NULL;
	return vm_of(vm)->ram + (size_t)page * PLAT_PAGE_SIZE;
}

struct grant_entry_v1 *fakevm_entry(struct plat *vm, grant_ref_t ref)
{
	return &vm_of(vm)->table[ref];
}

/* ------------------------------------------------------------------ granting */

/* A free page that is no neighbour of the last one. */
static int page_take(struct fakevm *vm, uint32_t *page)
{
	for (uint32_t i = 0; i < FAKEVM_PAGES; i++) {
		*page = (uint32_t)((uint64_t)vm->next++ * STRIDE % FAKEVM_PAGES);
		if (!vm->page_used[*page]) {
			vm->page_used[*page] = true;
			return 0;
		}
	}
	return -ENOMEM;
}

static int ref_take(struct fakevm *vm, grant_ref_t *ref)
{
	for (*ref = FIRST_REF; *ref < FAKEVM_REFS; ++*ref) {
		if (!vm->ref_used[*ref]) {
			vm->ref_used[*ref] = true;
			return 0;
		}
	}
	return -ENOMEM;
}

static int vm_end_access(struct gnttab_arena *a, uint32_t page)
{
	struct vm_arena *va = (struct vm_arena *)a;
	struct grant_entry_v1 *e = &va->vm->table[va->refs[page]];
	uint16_t flags = atomic_load(&e->flags);

	for (int i = 0; i < REVOKE_TRIES; i++) {
		if (flags & (GTF_reading | GTF_writing))
			return -EBUSY;
		if (atomic_compare_exchange_weak(&e->flags, &flags, GTF_invalid))
			return 0;
	}
	return -EBUSY;
}

static int vm_grant(struct gnttab_arena *a, uint32_t page)
{
	struct vm_arena *va = (struct vm_arena *)a;
	struct grant_entry_v1 *e = &va->vm->table[va->refs[page]];
	unsigned flags = GTF_permit_access | (a->readonly ? GTF_readonly : 0);

	/* who and where stay with the reference */
	if ((atomic_load(&e->flags) & GTF_type_mask) != GTF_permit_access)
		atomic_store(&e->flags, (uint16_t)flags);
	return 0;
}

/* What the peer still has mapped is lost to the guest: page and reference. */
static void vm_arena_free(struct gnttab_arena *a)
{
	struct vm_arena *va = (struct vm_arena *)a;

	for (uint32_t i = 0; i < a->nr_pages && va->refs[i]; i++) {
		if (vm_end_access(a, i))
			continue;
		va->vm->ref_used[va->refs[i]] = false;
		va->vm->page_used[frame_to_page(va->vm->table[va->refs[i]].frame)] =
			false;
	}
	if (a->pages)
		munmap(a->pages, (size_t)a->nr_pages * PLAT_PAGE_SIZE);
	LIST_REMOVE(va, link);
	free(va);
}

/* Page i of the arena: some page of RAM, seen at its place in our row. */
static int vm_arena_page(struct vm_arena *va, uint32_t i)
{
	struct fakevm *vm = va->vm;
	uint8_t *at = va->a.pages + (size_t)i * PLAT_PAGE_SIZE;
	struct grant_entry_v1 *e;
	uint32_t page;
	int err = page_take(vm, &page);

	if (err)
		return err;
	err = ref_take(vm, &va->refs[i]);
	if (err) {
		va->refs[i] = 0;
		vm->page_used[page] = false;
		return err;
	}
	e = &vm->table[va->refs[i]];
	e->domid = va->a.peer;
	e->frame = page_to_frame(page);
	if (mmap(at, PLAT_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 vm->ram_fd, (off_t)page * PLAT_PAGE_SIZE) == MAP_FAILED)
		return -ENOMEM;
	memset(at, 0, PLAT_PAGE_SIZE);
	return vm_grant(&va->a, i);
}

static int vm_arena_new(struct plat *p, domid_t peer, uint32_t n, bool readonly,
			struct gnttab_arena **arena)
{
	struct vm_arena *va = calloc(1, sizeof(*va) + n * sizeof(grant_ref_t));
	void *row;
	int err = 0;

	if (!va)
		return -ENOMEM;
	va->vm = vm_of(p);
	LIST_INSERT_HEAD(&va->vm->arenas, va, link);
	va->a.peer = peer;
	va->a.nr_pages = n;
	va->a.readonly = readonly;
	va->a.refs = va->refs;
	row = mmap(NULL, (size_t)n * PLAT_PAGE_SIZE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (row == MAP_FAILED)
		err = -ENOMEM;
	else
		va->a.pages = row;
	for (uint32_t i = 0; !err && i < n; i++)
		err = vm_arena_page(va, i);
	if (err)
		vm_arena_free(&va->a);
	else
		*arena = &va->a;
	return err;
}

/* ------------------------------------------------- what the process does itself */

static const struct plat_ops *inner(struct plat *p)
{
	return vm_of(p)->inner->ops;
}

static int vm_claim(struct plat *p, const char *path, bool take)
{
	return inner(p)->claim(vm_of(p)->inner, path, take);
}

static int vm_mapper_new(struct plat *p, domid_t peer, struct gnttab_mapper **m)
{
	return inner(p)->mapper_new(vm_of(p)->inner, peer, m);
}

static int vm_evtchn_alloc(struct plat *p, domid_t remote, struct evtchn **ch)
{
	return inner(p)->evtchn_alloc(vm_of(p)->inner, remote, ch);
}

static int vm_evtchn_bind(struct plat *p, domid_t remote, evtchn_port_t port,
			  struct evtchn **ch)
{
	return inner(p)->evtchn_bind(vm_of(p)->inner, remote, port, ch);
}

static int vm_xs_request(struct plat *p, uint32_t type, xenstore_tx_t tx,
			 const void *payload, size_t len, char **reply, size_t *reply_len)
{
	return inner(p)->xs_request(vm_of(p)->inner, type, tx, payload, len, reply,
				    reply_len);
}

static int vm_xs_fd(struct plat *p)
{
	return inner(p)->xs_fd(vm_of(p)->inner);
}

static int vm_xs_event(struct plat *p, char **path, char **token)
{
	return inner(p)->xs_event(vm_of(p)->inner, path, token);
}

static void vm_close(struct plat *p)
{
	struct fakevm *vm = vm_of(p);

	plat_close(vm->inner);
	while (!LIST_EMPTY(&vm->arenas))
		vm_arena_free(&LIST_FIRST(&vm->arenas)->a);
	if (vm->ram)
		munmap(vm->ram, (size_t)FAKEVM_PAGES * PLAT_PAGE_SIZE);
	if (vm->table)
		munmap(vm->table, (size_t)FAKEVM_TABLE_PAGES * PLAT_PAGE_SIZE);
	if (vm->ram_fd >= 0)
		close(vm->ram_fd);
	if (vm->conn >= 0)
		close(vm->conn);
	free(vm);
}

/* ------------------------------------------------------------------ the start */

static void *map_all(int fd, uint32_t pages)
{
	void *p = mmap(NULL, (size_t)pages * PLAT_PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int vm_memory(struct fakevm *vm)
{
	int table = fakevm_memfd(FAKEVM_TABLE_PAGES, F_SEAL_SHRINK), err = -ENOMEM;

	vm->ram_fd = fakevm_memfd(FAKEVM_PAGES, F_SEAL_SHRINK);
	if (vm->ram_fd >= 0)
		vm->ram = map_all(vm->ram_fd, FAKEVM_PAGES);
	if (table >= 0)
		vm->table = map_all(table, FAKEVM_TABLE_PAGES);
	if (vm->ram && vm->table)
		err = hvclient_vm_memory(vm->conn, vm->ram_fd, FAKEVM_PAGES, FAKEVM_LOW,
					 table);
	if (table >= 0)
		close(table);
	return err;
}

int fakevm_open(domid_t id, struct plat **plat)
{
	struct fakevm *vm = calloc(1, sizeof(*vm));
	int err;

	if (!vm)
		return -ENOMEM;
	vm->ram_fd = -1;
	LIST_INIT(&vm->arenas);
	vm->conn = hvd_connect_as(id);
	err = vm->conn < 0 ? vm->conn : vm_memory(vm);
	if (!err)
		err = hvd_plat(NULL, id, &vm->inner);
	if (err) {
		vm_close(&vm->plat);
		return err;
	}
	vm->plat = *vm->inner;
	vm->ops = *vm->inner->ops;
	vm->ops.name = "fakevm";
	vm->ops.close = vm_close;
	vm->ops.claim = vm_claim;
	vm->ops.arena_new = vm_arena_new;
	vm->ops.end_access = vm_end_access;
	vm->ops.grant = vm_grant;
	vm->ops.arena_free = vm_arena_free;
	vm->ops.mapper_new = vm_mapper_new;
	vm->ops.evtchn_alloc = vm_evtchn_alloc;
	vm->ops.evtchn_bind = vm_evtchn_bind;
	vm->ops.xs_request = vm_xs_request;
	vm->ops.xs_fd = vm_xs_fd;
	vm->ops.xs_event = vm_xs_event;
	vm->plat.ops = &vm->ops;
	*plat = &vm->plat;
	return 0;
}
