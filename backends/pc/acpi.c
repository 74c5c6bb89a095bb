/* SPDX-License-Identifier: MIT */
/*
 * ACPI 1.0 tables and the commands by which firmware places and links them
 * (etc/table-loader): all systems that read newer ones read these.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/acpi_dsdt.h"
#include "backends/pc/fw_files.h"
#include "hv/base/acpi_sdt.h"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE   "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"
#define TABLES_MAX  32768u
#define COMMANDS    16u
#define FACS_ALIGN  64u
#define ALIGN	    16u
#define IOAPIC	    0xfec00000u
#define TIMER_PIN   2u
#define CENTURY	    0x32

struct facs {
	char signature[4];
	uint32_t length, hardware, waking, lock, flags;
	uint8_t reserved[40];
} __attribute__((packed));
_Static_assert(sizeof(struct facs) == 64, "ACPI 1.0, 5.2.6");

struct fadt {
	struct acpi_sdt h;
	uint32_t firmware_ctrl, dsdt;
	uint8_t model, reserved1;
	uint16_t sci;
	uint32_t smi_port;
	uint8_t acpi_on, acpi_off, s4bios, reserved2;
	uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_timer, gpe0, gpe1;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_timer_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, reserved3;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century, reserved4[3];
	uint32_t flags;
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == 116, "ACPI 1.0, 5.2.5");

#define FADT_WBINVD    (1u << 0)
#define FADT_C1	       (1u << 2)
#define FADT_NO_SLEEP  (1u << 5) /* no button of that kind among the fixed registers */
#define FADT_NO_RTC    (1u << 6) /* nor the alarm's status */
#define NO_C_STATE     0xfff
#define MULTIPLE_APICS 1

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, first;
} __attribute__((packed));

struct madt_override {
	uint8_t type, length, bus, source;
	uint32_t line;
	uint16_t flags;
} __attribute__((packed));

struct madt_nmi {
	uint8_t type, length, processor;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

#define LEVEL_HIGH 0x0d
#define ALL_CPUS   0xff

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 20, "ACPI 1.0, 5.2.4");

struct command {
	uint32_t command;
	union {
		struct {
			char file[FW_CFG_NAME];
			uint32_t align;
			uint8_t zone;
		} __attribute__((packed)) allocate;
		struct {
			char dest[FW_CFG_NAME], src[FW_CFG_NAME];
			uint32_t offset;
			uint8_t size;
		} __attribute__((packed)) pointer;
		struct {
			char file[FW_CFG_NAME];
			uint32_t offset, start, length;
		} __attribute__((packed)) sum;
		uint8_t pad[124];
	};
} __attribute__((packed));
_Static_assert(sizeof(struct command) == 128, "as firmware reads it");

#define ALLOCATE    1
#define ADD_POINTER 2
#define ADD_SUM	    3
#define ZONE_HIGH   1
#define ZONE_FSEG   2

struct build {
	uint8_t tables[TABLES_MAX];
	size_t len;
	bool full;
	struct command command[COMMANDS];
	unsigned ncommands;
};

/* --------------------------------------------------------------------- commands */

static struct command *command(struct build *b, uint32_t what)
{
	struct command *c = &b->command[b->ncommands];

	if (b->ncommands + 1 < COMMANDS)
		b->ncommands++;
	else
		b->full = true; /* the last one is never used */
	c->command = what;
	return c;
}

static void allocate(struct build *b, const char *file, uint32_t align, uint8_t zone)
{
	struct command *c = command(b, ALLOCATE);

	memcpy(c->allocate.file, file, strlen(file));
	c->allocate.align = align;
	c->allocate.zone = zone;
}

/* The word at an offset of `dest`, which is one of the tables, becomes an address. */
static void point(struct build *b, const char *dest, size_t offset)
{
	struct command *c = command(b, ADD_POINTER);

	memcpy(c->pointer.dest, dest, strlen(dest));
	memcpy(c->pointer.src, TABLES_FILE, strlen(TABLES_FILE));
	c->pointer.offset = (uint32_t)offset;
	c->pointer.size = 4;
}

static void checksum(struct build *b, const char *file, size_t offset, size_t start,
		     size_t len)
{
	struct command *c = command(b, ADD_SUM);

	memcpy(c->sum.file, file, strlen(file));
	c->sum.offset = (uint32_t)offset;
	c->sum.start = (uint32_t)start;
	c->sum.length = (uint32_t)len;
}

/* ----------------------------------------------------------------------- tables */

/* Room for a table; where it begins. */
static size_t place(struct build *b, size_t len)
{
	const size_t at = (b->len + ALIGN - 1) / ALIGN * ALIGN;

	if (len > sizeof(b->tables) - at) {
		b->full = true;
		return 0;
	}
	b->len = at + len;
	return at;
}

static void facs_build(struct build *b)
{
	const struct facs f = { .signature = "FACS", .length = sizeof(f) };

	memcpy(b->tables + place(b, sizeof(f)), &f, sizeof(f)); /* at 0: aligned */
}

static size_t dsdt_build(struct build *b, const struct fw_machine *m)
{
	const size_t at = place(b, sizeof(struct acpi_sdt));
	struct aml a = { .buf = b->tables + b->len, .size = sizeof(b->tables) - b->len };
	struct acpi_sdt h;

	memset(&h, 0, sizeof(h));
	acpi_dsdt(&a, m);
	b->full |= a.bad;
	b->len += a.len;
	acpi_sdt_fill(&h, "DSDT", sizeof(h) + a.len, 1);
	memcpy(b->tables + at, &h, sizeof(h));
	acpi_sdt_close((struct acpi_sdt *)(b->tables + at));
	return at;
}

static size_t fadt_build(struct build *b, size_t facs, size_t dsdt)
{
	const size_t at = place(b, sizeof(struct fadt));
	struct fadt f = { .firmware_ctrl = (uint32_t)facs,
			  .dsdt = (uint32_t)dsdt,
			  .model = MULTIPLE_APICS,
			  .sci = FW_SCI,
			  .smi_port = 0xb2,
			  .acpi_on = FW_ACPI_ON,
			  .acpi_off = FW_ACPI_OFF,
			  .pm1a_evt = FW_PM_BASE,
			  .pm1a_cnt = FW_PM_BASE + 4,
			  .pm_timer = FW_PM_BASE + 8,
			  .gpe0 = FW_GPE_BASE,
			  .pm1_evt_len = 4,
			  .pm1_cnt_len = 2,
			  .pm_timer_len = 4,
			  .gpe0_len = 4,
			  .c2_latency = NO_C_STATE,
			  .c3_latency = NO_C_STATE,
			  .century = CENTURY,
			  .flags = FADT_WBINVD | FADT_C1 | FADT_NO_SLEEP | FADT_NO_RTC };

	acpi_sdt_fill(&f.h, "FACP", sizeof(f), 1);
	memcpy(b->tables + at, &f, sizeof(f));
	point(b, TABLES_FILE, at + offsetof(struct fadt, firmware_ctrl));
	point(b, TABLES_FILE, at + offsetof(struct fadt, dsdt));
	checksum(b, TABLES_FILE, at + offsetof(struct acpi_sdt, checksum), at, sizeof(f));
	return at;
}

static uint8_t *put(uint8_t *to, const void *entry, size_t len)
{
	memcpy(to, entry, len);
	return to + len;
}

/* Lines of PCI and of the SCI are level triggered; the PIT's is at another pin. */
static size_t madt_build(struct build *b, unsigned cpus)
{
	static const uint8_t level[] = { 5, 9, 10, 11 };
	const struct madt_ioapic ioapic = { .type = 1,
					    .length = sizeof(ioapic),
					    .address = IOAPIC };
	const struct madt_override timer = { .type = 2,
					     .length = sizeof(timer),
					     .line = TIMER_PIN };
	const struct madt_nmi nmi = {
		.type = 4, .length = sizeof(nmi), .processor = ALL_CPUS, .lint = 1
	};
	const size_t len = sizeof(struct acpi_madt) +
			   cpus * sizeof(struct acpi_madt_lapic) + sizeof(ioapic) +
			   (1 + sizeof(level)) * sizeof(timer) + sizeof(nmi);
	const size_t at = place(b, len);
	struct acpi_madt m = { .lapic = ACPI_LAPIC_ADDRESS, .flags = 1 }; /* and PICs */
	uint8_t *p = b->tables + at;

	if (b->full)
		return 0;
	acpi_sdt_fill(&m.h, "APIC", len, 1);
	p = put(p, &m, sizeof(m));
	for (unsigned i = 0; i < cpus; i++) {
		const struct acpi_madt_lapic lapic = acpi_madt_lapic(i);

		p = put(p, &lapic, sizeof(lapic));
	}
	p = put(p, &ioapic, sizeof(ioapic));
	p = put(p, &timer, sizeof(timer));
	for (unsigned i = 0; i < sizeof(level); i++) {
		const struct madt_override o = { .type = 2,
						 .length = sizeof(o),
						 .source = level[i],
						 .line = level[i],
						 .flags = LEVEL_HIGH };

		p = put(p, &o, sizeof(o));
	}
	(void)put(p, &nmi, sizeof(nmi));
	acpi_sdt_close((struct acpi_sdt *)(b->tables + at));
	return at;
}

/* madt 0: there is none. */
static size_t rsdt_build(struct build *b, size_t fadt, size_t madt)
{
	const uint32_t tables[] = { (uint32_t)fadt, (uint32_t)madt };
	const size_t n = madt ? 2 : 1;
	const size_t len = sizeof(struct acpi_sdt) + n * sizeof(tables[0]);
	const size_t at = place(b, len);
	struct acpi_sdt h;

	memset(&h, 0, sizeof(h));
	acpi_sdt_fill(&h, "RSDT", len, 1);
	(void)put(put(b->tables + at, &h, sizeof(h)), tables, n * sizeof(tables[0]));
	for (size_t i = 0; i < n; i++)
		point(b, TABLES_FILE, at + sizeof(h) + i * sizeof(tables[0]));
	checksum(b, TABLES_FILE, at + offsetof(struct acpi_sdt, checksum), at, len);
	return at;
}

static int build_all(struct fw_cfg *c, const struct fw_machine *m, struct build *b)
{
	struct rsdp rsdp = { .signature = "RSD PTR ", .oem_id = ACPI_OEM };
	size_t dsdt, fadt, madt;
	int err;

	allocate(b, RSDP_FILE, ALIGN, ZONE_FSEG);
	allocate(b, TABLES_FILE, FACS_ALIGN, ZONE_HIGH);
	facs_build(b);
	dsdt = dsdt_build(b, m);
	fadt = fadt_build(b, 0, dsdt);
	madt = m->apic ? madt_build(b, m->cpus) : 0;
	rsdp.rsdt = (uint32_t)rsdt_build(b, fadt, madt);
	point(b, RSDP_FILE, offsetof(struct rsdp, rsdt));
	checksum(b, RSDP_FILE, offsetof(struct rsdp, checksum), 0, sizeof(rsdp));
	if (b->full)
		return -ENOSPC;
	err = fw_cfg_add_file(c, RSDP_FILE, &rsdp, sizeof(rsdp));
	if (!err)
		err = fw_cfg_add_file(c, TABLES_FILE, b->tables, b->len);
	return err ? err
		   : fw_cfg_add_file(c, LOADER_FILE, b->command,
				     b->ncommands * sizeof(b->command[0]));
}

int fw_files_acpi(struct fw_cfg *c, const struct fw_machine *m)
{
	struct build *b;
	int err;

	if (!m->cpus || m->cpus > FW_MAX_CPUS)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	err = build_all(c, m, b);
	free(b);
	return err;
}
