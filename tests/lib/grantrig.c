/* SPDX-License-Identifier: MIT */
/* A VM without KVM beside granters. */
#include "tests/lib/grantrig.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct grantrig grantrig;

static int memfd_of(const char *name, uint32_t pages, void *map)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	void *p;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)pages * XEN_PAGE_SIZE), 0);
	p = mmap(NULL, pages * XEN_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	memcpy(map, &p, sizeof(p));
	return fd;
}

static int memory_get(void *arg, domid_t granter, uint32_t id, struct xen_memory *m)
{
	(void)arg;
	grantrig.gets++;
	*m = (struct xen_memory){ .pages = RIG_PROC_PAGES,
				  .entry_pages = 1,
				  .entries = -1 };
	if (granter == RIG_VM && !id) {
		*m = (struct xen_memory){ .vm = true,
					  .pages = RIG_VM_PAGES,
					  .low_pages = RIG_VM_LOW,
					  .entry_pages = 2,
					  .entries = dup(grantrig.vm_table),
					  .data = dup(grantrig.vm_ram) };
	} else if (granter == RIG_PROC && id == RIG_RW_ARENA) {
		m->data = dup(grantrig.rw);
	} else if (granter == RIG_PROC && id == RIG_RO_ARENA) {
		m->readonly = true;
		m->data = dup(grantrig.ro);
		m->entries = dup(grantrig.ro_entries);
	} else {
		return granter == RIG_PROC && id == RIG_NO_ARENA ? -EACCES : -ENOENT;
	}
	return 0;
}

static void memory_put(void *arg, domid_t granter, uint32_t id)
{
	(void)arg;
	(void)granter;
	(void)id;
	grantrig.puts++;
}

static const struct xen_remote_ops remote = { .memory_get = memory_get,
					      .memory_put = memory_put };

int grantrig_setup(void **state)
{
	(void)state;
	memset(&grantrig, 0, sizeof(grantrig));
	grantrig.b = barevm_open(1);
	grantrig.vm_ram = memfd_of("ram", RIG_VM_PAGES, &grantrig.ram);
	grantrig.vm_table = memfd_of("table", 2, &grantrig.table);
	grantrig.rw = memfd_of("rw", RIG_PROC_PAGES, &grantrig.arena[0]);
	grantrig.ro = memfd_of("ro", RIG_PROC_PAGES, &grantrig.arena[1]);
	grantrig.ro_entries = memfd_of("entries", 1, &grantrig.entries[1]);
	grantrig.entries[0] = (struct grant_entry_v1 *)(void *)grantrig.arena[0];
	xen_remote_set(&grantrig.b->vm, &remote, NULL);
	return 0;
}

int grantrig_teardown(void **state)
{
	(void)state;
	barevm_close(grantrig.b);
	/* whatever a test left mapped was let go, and no mark is left */
	for (unsigned i = 0; i < 1024; i++)
		assert_false(grantrig.table[i].flags & (GTF_reading | GTF_writing));
	munmap(grantrig.ram, RIG_VM_PAGES * XEN_PAGE_SIZE);
	munmap(grantrig.table, 2 * XEN_PAGE_SIZE);
	munmap(grantrig.arena[0], RIG_PROC_PAGES * XEN_PAGE_SIZE);
	munmap(grantrig.arena[1], RIG_PROC_PAGES * XEN_PAGE_SIZE);
	munmap(grantrig.entries[1], XEN_PAGE_SIZE);
	close(grantrig.vm_ram);
	close(grantrig.vm_table);
	close(grantrig.rw);
	close(grantrig.ro);
	close(grantrig.ro_entries);
	return 0;
}

void grantrig_grant(struct grant_entry_v1 *e, uint32_t frame, unsigned flags)
{
	e->domid = BAREVM_DOMID;
	e->frame = frame;
	e->flags = (uint16_t)(GTF_permit_access | flags);
}

struct gnttab_map_grant_ref grantrig_map(domid_t dom, grant_ref_t ref, uint64_t addr,
					 unsigned flags)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = addr, .flags = flags, .ref = ref, .dom = dom, .status = 77
	};

	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_grant_table_op,
				   GNTTABOP_map_grant_ref, &m, sizeof(m)),
			 0);
	return m;
}

int grantrig_map_status(domid_t dom, grant_ref_t ref, uint64_t addr, unsigned flags)
{
	return grantrig_map(dom, ref, addr, flags).status;
}

int grantrig_unmap(uint32_t handle, uint64_t addr)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = addr,
					    .handle = handle,
					    .status = 77 };

	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_grant_table_op,
				   GNTTABOP_unmap_grant_ref, &u, sizeof(u)),
			 0);
	return u.status;
}

int grantrig_copy(struct gnttab_copy c)
{
	c.status = 77;
	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_grant_table_op, GNTTABOP_copy,
				   &c, sizeof(c)),
			 0);
	return c.status;
}
