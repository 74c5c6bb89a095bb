/* SPDX-License-Identifier: MIT */
/* The DSDT, device by device. */
#include "backends/pc/acpi_dsdt.h"

#include <stdio.h>

#define SLOTS	       32u
#define LINKS	       4u
#define PIRQ_OFF       0x80 /* of a routing register: to no line */
#define PRESENT	       0x0b
#define PRESENT_OFF    0x09
#define DWORD_AT       5 /* of the first line in aml_interrupts()'s descriptor */
#define ROUTING	       0x60
#define LEGACY_VGA     0xa0000
#define LEGACY_VGA_END 0xbffff
#define PCI_END	       0xfebfffff /* below the IOAPIC */

static const uint8_t pci_lines[] = { 5, 10, 11 };

/* ------------------------------------------------------------------- link devices */

/* op (source, value, ...): its target follows */
static void masked(struct aml *a, uint8_t op, const char *source, uint8_t value)
{
	aml_byte(a, op);
	aml_path(a, source);
	aml_int(a, value);
}

static void link_device(struct aml *a, unsigned n)
{
	static const uint8_t none[] = { 0 };
	char name[8], reg[8];

	(void)snprintf(name, sizeof(name), "LNK%c", 'A' + n);
	(void)snprintf(reg, sizeof(reg), "PRQ%u", n);
	aml_device(a, name);
	aml_name_eisa(a, "_HID", "PNP0C0F");
	aml_name_int(a, "_UID", n + 1);
	aml_name(a, "_PRS");
	aml_resources(a);
	aml_interrupts(a, pci_lines, sizeof(pci_lines));
	aml_end(a);

	aml_method(a, "_STA", 0);
	aml_block(a, AML_IF);
	masked(a, AML_AND, reg, PIRQ_OFF);
	aml_byte(a, AML_ZERO); /* stored nowhere */
	aml_return_int(a, PRESENT_OFF);
	aml_end(a);
	aml_return_int(a, PRESENT);
	aml_end(a);

	aml_method(a, "_DIS", 0);
	masked(a, AML_OR, reg, PIRQ_OFF);
	aml_path(a, reg);
	aml_end(a);

	aml_method(a, "_CRS", 0);
	aml_byte(a, AML_STORE);
	aml_resources(a);
	aml_interrupts(a, none, 1);
	aml_end(a);
	aml_byte(a, AML_LOCAL0);
	aml_dword_field(a, AML_LOCAL0, DWORD_AT, "LINE");
	aml_block(a, AML_IF);
	masked(a, AML_AND, reg, PIRQ_OFF);
	aml_byte(a, AML_ZERO);
	aml_byte(a, AML_STORE);
	aml_byte(a, AML_ZERO);
	aml_path(a, "LINE");
	aml_end(a);
	aml_block(a, AML_ELSE);
	aml_byte(a, AML_STORE);
	aml_path(a, reg);
	aml_path(a, "LINE");
	aml_end(a);
	aml_byte(a, AML_RETURN);
	aml_byte(a, AML_LOCAL0);
	aml_end(a);

	aml_method(a, "_SRS", 1);
	aml_dword_field(a, AML_ARG0, DWORD_AT, "LINE");
	aml_byte(a, AML_STORE);
	aml_path(a, "LINE");
	aml_path(a, reg);
	aml_end(a);
	aml_end(a);
}

static void links(struct aml *a)
{
	char name[8];

	aml_scope(a, "\\_SB");
	aml_field(a, "\\_SB.PCI0.ISA.PIRQ");
	for (unsigned i = 0; i < LINKS; i++) {
		(void)snprintf(name, sizeof(name), "PRQ%u", i);
		aml_field_unit(a, name, 8);
	}
	aml_end(a);
	for (unsigned i = 0; i < LINKS; i++)
		link_device(a, i);
	aml_end(a);
}

/* --------------------------------------------------------------------- ISA devices */

static void isa_begin(struct aml *a, const char *name, const char *hid)
{
	aml_device(a, name);
	aml_name_eisa(a, "_HID", hid);
}

static void isa_resources(struct aml *a)
{
	aml_name(a, "_CRS");
	aml_resources(a);
}

static void isa_end(struct aml *a)
{
	aml_end(a); /* its resources */
	aml_end(a);
}

static void serial(struct aml *a, unsigned n, uint16_t port, unsigned line)
{
	char name[8];

	(void)snprintf(name, sizeof(name), "COM%u", n);
	isa_begin(a, name, "PNP0501");
	aml_name_int(a, "_UID", n);
	isa_resources(a);
	aml_io(a, port, 8);
	aml_irq(a, line);
	isa_end(a);
}

static void isa_devices(struct aml *a, const struct fw_machine *m)
{
	isa_begin(a, "RTC", "PNP0B00");
	isa_resources(a);
	aml_io(a, 0x70, 4);
	aml_irq(a, 8);
	isa_end(a);

	isa_begin(a, "PS2K", "PNP0303");
	isa_resources(a);
	aml_io(a, 0x60, 1);
	aml_io(a, 0x64, 1);
	aml_irq(a, 1);
	isa_end(a);

	isa_begin(a, "PS2M", "PNP0F13");
	isa_resources(a);
	aml_irq(a, 12);
	isa_end(a);

	serial(a, 1, 0x3f8, 4);
	if (m->com2)
		serial(a, 2, 0x2f8, 3);
	if (!m->floppy)
		return;
	isa_begin(a, "FDC0", "PNP0700");
	isa_resources(a);
	aml_io(a, 0x3f2, 4);
	aml_io(a, 0x3f7, 1);
	aml_irq(a, 6);
	aml_dma(a, 2);
	isa_end(a);
}

/* ------------------------------------------------------------------------- PCI root */

static void windows(struct aml *a, const struct fw_machine *m)
{
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_bus_range(a, 0, 0xff);
	aml_io(a, 0xcf8, 8);
	aml_io_range(a, 0, 0xcf7);
	aml_io_range(a, 0xd00, 0xffff);
	aml_memory_range(a, LEGACY_VGA, LEGACY_VGA_END, true);
	aml_memory_range(a, (uint32_t)m->below_4g, PCI_END, false);
	aml_end(a);
}

/* As pci.c wires the pins: a slot's INTA# is one further than that of the slot before. */
static void routing(struct aml *a)
{
	char link[8];

	aml_name(a, "_PRT");
	aml_package(a, SLOTS * LINKS);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (unsigned pin = 0; pin < LINKS; pin++) {
			aml_package(a, 4);
			aml_int(a, slot << 16 | 0xffff);
			aml_int(a, pin);
			(void)snprintf(link, sizeof(link), "LNK%c",
				       (char)('A' + (slot + pin + LINKS - 1) % LINKS));
			aml_path(a, link);
			aml_int(a, 0);
			aml_end(a);
		}
	aml_end(a);
}

static void pci_root(struct aml *a, const struct fw_machine *m)
{
	aml_scope(a, "\\_SB");
	aml_device(a, "PCI0");
	aml_name_eisa(a, "_HID", "PNP0A03");
	aml_name_int(a, "_ADR", 0);
	aml_name_int(a, "_UID", 0);
	windows(a, m);
	aml_device(a, "ISA");
	aml_name_int(a, "_ADR", 1 << 16);
	aml_region(a, "PIRQ", AML_PCI_CONFIG, ROUTING, LINKS);
	isa_devices(a, m);
	aml_end(a);
	aml_end(a);
	aml_end(a);
}

void acpi_dsdt(struct aml *a, const struct fw_machine *m)
{
	char name[8];

	aml_scope(a, "\\_PR");
	for (unsigned i = 0; i < m->cpus; i++) {
		(void)snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		aml_processor(a, name, (uint8_t)i);
		aml_end(a);
	}
	aml_end(a);
	pci_root(a, m);
	links(a);
	/* the routing names the links */
	aml_scope(a, "\\_SB.PCI0");
	routing(a);
	aml_end(a);
	/* PIIX4: type 0 is soft off */
	aml_name(a, "\\_S5");
	aml_package(a, 4);
	for (unsigned i = 0; i < 4; i++)
		aml_int(a, 0);
	aml_end(a);
}
