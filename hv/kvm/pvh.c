/* SPDX-License-Identifier: MIT */
/* PVH boot: what lies where in a new guest's memory. */
#include "hv/kvm/pvh.h"

#include <errno.h>
#include <string.h>

#include "hv/kvm/acpi.h"

/* Below the first 640 KiB, which kernels leave alone at first. */
#define START_INFO_GPA 0x1000u
#define MODLIST_GPA    0x1100u
#define MEMMAP_GPA     0x1200u
#define CMDLINE_GPA    0x2000u
#define LOW_END	       0xa0000u
#define KERNEL_MIN     0x100000u

unsigned pvh_memmap(const struct gmem *m, struct hvm_memmap_table_entry *e)
{
	const uint32_t ram = XEN_HVM_MEMMAP_TYPE_RAM,
		       reserved = XEN_HVM_MEMMAP_TYPE_RESERVED;
	unsigned n = 0;

	e[n++] = (struct hvm_memmap_table_entry){ 0, LOW_END, ram, 0 };
	e[n++] = (struct hvm_memmap_table_entry){ KERNEL_MIN, m->low_bytes - KERNEL_MIN,
						  ram, 0 };
	/* the APICs' registers and the special pages */
	e[n++] = (struct hvm_memmap_table_entry){ 0xfec00000u, GMEM_HIGH - 0xfec00000u,
						  reserved, 0 };
	if (m->ram_bytes > m->low_bytes)
		e[n++] = (struct hvm_memmap_table_entry){ GMEM_HIGH,
							  m->ram_bytes - m->low_bytes,
							  ram, 0 };
	return n;
}

/* At the top of low memory, in whole pages, above the kernel. */
static int ramdisk_load(const struct gmem *m, const struct image *img,
			const struct kernel *k, struct hvm_modlist_entry *mod,
			const char **why)
{
	uint64_t size = (img->size + XEN_PAGE_SIZE - 1) & ~(uint64_t)(XEN_PAGE_SIZE - 1);
	void *to;
	int err;

	*why = "the ramdisk is empty";
	if (!img->size)
		return -EINVAL;
	*why = "kernel and ramdisk do not fit into the guest's memory";
	if (size > m->low_bytes || m->low_bytes - size < k->end)
		return -EFBIG;
	*mod = (struct hvm_modlist_entry){ .paddr = m->low_bytes - size,
					   .size = img->size };
	to = gmem_ptr(m, mod->paddr, img->size);
	if (!to)
		return -EFBIG;
	*why = "the ramdisk cannot be read, or is cut short";
	err = image_read(img, 0, to, img->size);
	if (!err) /* the rest of its last page */
		memset((char *)to + img->size, 0, size - img->size);
	return err;
}

static int start_info_write(struct vm *vm, const struct hvm_modlist_entry *mod,
			    const char *cmdline)
{
	struct hvm_memmap_table_entry map[PVH_MEMMAP_MAX];
	struct hvm_start_info si = {
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.nr_modules = mod->size ? 1 : 0,
		.modlist_paddr = mod->size ? MODLIST_GPA : 0,
		.cmdline_paddr = CMDLINE_GPA,
		.rsdp_paddr = PVH_ACPI_GPA,
		.memmap_paddr = MEMMAP_GPA,
		.memmap_entries = pvh_memmap(&vm->mem, map),
	};
	int err = gmem_write(&vm->mem, START_INFO_GPA, &si, sizeof(si));

	if (!err)
		err = gmem_write(&vm->mem, MODLIST_GPA, mod, sizeof(*mod));
	if (!err)
		err = gmem_write(&vm->mem, MEMMAP_GPA, map, sizeof(map));
	if (!err)
		err = gmem_write(&vm->mem, CMDLINE_GPA, cmdline, strlen(cmdline) + 1);
	return err;
}

static int acpi_write(struct vm *vm)
{
	uint8_t *p = gmem_ptr(&vm->mem, PVH_ACPI_GPA, PVH_ACPI_SIZE);
	int n = p ? acpi_build(p, PVH_ACPI_SIZE, PVH_ACPI_GPA, vm->nvcpus) : -EFAULT;

	return n < 0 ? n : 0;
}

int pvh_load(struct vm *vm, const struct pvh_boot *boot, const char **why)
{
	struct hvm_modlist_entry mod = { 0 };
	struct kernel k;
	int err;

	*why = "the command line is longer than 4095 bytes";
	if (strlen(boot->cmdline) >= PVH_CMDLINE_MAX)
		return -E2BIG;
	err = kernel_load(&vm->mem, boot->kernel, &k, why);
	if (err)
		return err;
	*why = "its kernel lies below 1 MiB";
	if (k.start < KERNEL_MIN)
		return -EINVAL;
	if (boot->ramdisk)
		err = ramdisk_load(&vm->mem, boot->ramdisk, &k, &mod, why);
	if (err)
		return err;
	*why = "cannot set the guest up";
	err = start_info_write(vm, &mod, boot->cmdline);
	if (!err)
		err = acpi_write(vm);
	return err ? err : vcpu_pvh_entry(vm->vcpu[0], k.entry, START_INFO_GPA);
}
