/* SPDX-License-Identifier: MIT */
/* What all ACPI tables begin with (ACPI 6.0, 5.2.6), and entries that more than one kind
 * of machine has. */
#ifndef TANDEM_HV_BASE_ACPI_SDT_H
#define TANDEM_HV_BASE_ACPI_SDT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct acpi_sdt {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_sdt) == 36, "ACPI 5.2.6");

/* The MADT's (5.2.12), and a processor's local APIC in it */
struct acpi_madt {
	struct acpi_sdt h;
	uint32_t lapic, flags;
} __attribute__((packed));

struct acpi_madt_lapic {
	uint8_t type, length, processor, apic;
	uint32_t flags;
} __attribute__((packed));

#define ACPI_OEM	   "TANDEM"
#define ACPI_LAPIC_ADDRESS 0xfee00000u
#define ACPI_LAPIC_ENABLED 1u

static inline uint8_t acpi_sum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *b++);
	return s;
}

static inline void acpi_sdt_fill(struct acpi_sdt *t, const char *signature, size_t len,
				 uint8_t revision)
{
	memcpy(t->signature, signature, 4);
	t->length = (uint32_t)len;
	t->revision = revision;
	memcpy(t->oem_id, ACPI_OEM, 6);
	memcpy(t->oem_table_id, "TANDEMVM", 8);
	t->oem_revision = 1;
	memcpy(t->creator_id, "TNDM", 4);
	t->creator_revision = 1;
}

/* The table is complete: its sum is zero. */
static inline void acpi_sdt_close(struct acpi_sdt *t)
{
	t->checksum = 0;
	t->checksum = (uint8_t)-acpi_sum(t, t->length);
}

static inline struct acpi_madt_lapic acpi_madt_lapic(unsigned cpu)
{
	return (struct acpi_madt_lapic){ 0, sizeof(struct acpi_madt_lapic), (uint8_t)cpu,
					 (uint8_t)cpu, ACPI_LAPIC_ENABLED };
}

#endif
