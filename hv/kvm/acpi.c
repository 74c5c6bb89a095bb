/* SPDX-License-Identifier: MIT */
/* ACPI tables, byte by byte (ACPI 6.0, chapter 5). */
#include "hv/kvm/acpi.h"

#include <errno.h>
#include <string.h>

#include "hv/base/acpi_sdt.h"

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 5.2.5.3");

struct gas {
	uint8_t space, bits, offset, access;
	uint64_t address;
} __attribute__((packed));

struct fadt {
	struct acpi_sdt h;
	uint32_t firmware_ctrl, dsdt;
	uint8_t to_arch[109 - 44]; /* nothing of it where hardware is reduced */
	uint16_t boot_arch;
	uint8_t reserved;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_firmware_ctrl, x_dsdt;
	uint8_t to_sleep[244 - 148];
	struct gas sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 276, "ACPI 5.2.9");

#define FADT_NO_VGA	(1u << 2)
#define FADT_NO_CMOS	(1u << 5)
#define FADT_WBINVD	(1u << 0)
#define FADT_PWR_BUTTON (1u << 4) /* none that is fixed hardware */
#define FADT_SLP_BUTTON (1u << 5)
#define FADT_HW_REDUCED (1u << 20)

/* Name (\_S5, Package () { 5, 5, 0, 0 }) */
static const uint8_t s5_aml[] = { 0x08, '\\', '_',  'S',  '5',	'_',  0x12, 0x08,
				  0x04, 0x0a, 0x05, 0x0a, 0x05, 0x0a, 0x00, 0x00 };

static void fadt_build(struct fadt *f, uint64_t dsdt)
{
	const struct gas sleep = {
		.space = 1, .bits = 8, .access = 1, .address = ACPI_SLEEP_PORT
	};

	acpi_sdt_fill(&f->h, "FACP", sizeof(*f), 6);
	f->dsdt = (uint32_t)dsdt;
	f->x_dsdt = dsdt;
	f->boot_arch = FADT_NO_VGA | FADT_NO_CMOS;
	f->flags = FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_HW_REDUCED;
	f->sleep_control = f->sleep_status = sleep;
	f->sleep_status.address++;
	acpi_sdt_close(&f->h);
}

static void madt_build(struct acpi_madt *m, unsigned vcpus)
{
	struct acpi_madt_lapic *l = (struct acpi_madt_lapic *)(m + 1);

	acpi_sdt_fill(&m->h, "APIC", sizeof(*m) + vcpus * sizeof(*l), 4);
	m->lapic = ACPI_LAPIC_ADDRESS;
	for (unsigned i = 0; i < vcpus; i++)
		l[i] = acpi_madt_lapic(i);
	acpi_sdt_close(&m->h);
}

static void rsdp_build(struct rsdp *r, uint64_t xsdt)
{
	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, ACPI_OEM, 6);
	r->revision = 2;
	r->length = sizeof(*r);
	r->xsdt = xsdt;
	r->checksum = (uint8_t)-acpi_sum(r, 20);
	r->extended_checksum = (uint8_t)-acpi_sum(r, sizeof(*r));
}

int acpi_build(uint8_t *buf, size_t size, uint64_t gpa, unsigned vcpus)
{
	const size_t xsdt_at = 64, dsdt_at = 128, fadt_at = 256, madt_at = 640;
	const size_t end = madt_at + sizeof(struct acpi_madt) +
			   vcpus * sizeof(struct acpi_madt_lapic);
	struct acpi_sdt *xsdt = (struct acpi_sdt *)(buf + xsdt_at);
	struct acpi_sdt *dsdt = (struct acpi_sdt *)(buf + dsdt_at);
	uint64_t tables[2] = { gpa + fadt_at, gpa + madt_at };

	if (end > size || gpa + end > UINT32_MAX)
		return -ENOSPC;
	memset(buf, 0, end);
	acpi_sdt_fill(dsdt, "DSDT", sizeof(*dsdt) + sizeof(s5_aml), 2);
	memcpy(dsdt + 1, s5_aml, sizeof(s5_aml));
	acpi_sdt_close(dsdt);
	fadt_build((struct fadt *)(buf + fadt_at), gpa + dsdt_at);
	madt_build((struct acpi_madt *)(buf + madt_at), vcpus);
	acpi_sdt_fill(xsdt, "XSDT", sizeof(*xsdt) + sizeof(tables), 1);
	memcpy(xsdt + 1, tables, sizeof(tables));
	acpi_sdt_close(xsdt);
	rsdp_build((struct rsdp *)buf, gpa + xsdt_at);
	return (int)end;
}
