/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS 2.5 structures (DMTF DSP0134): firmware, system, enclosure, processors, memory.
 * The firmware places them and completes the entry point.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/fw_files.h"

#define MAJOR	     2
#define MINOR	     5
#define TABLES_MAX   65535u /* 16 bits say how many */
#define STRING_MAX   64u
#define MIB	     (1ull << 20)
#define GIB	     (1ull << 30)
#define DIMM	     (16 * GIB) /* so large is each, the last smaller */
#define DIMM_BASE    0x1100
#define ARRAY_HANDLE 0x1000
#define MAPPED_BASE  0x1300
#define CPU_BASE     0x400
#define NO_HANDLE    0xfffe
#define UNKNOWN	     2
#define OTHER	     1
#define VENDOR	     "tandem"

struct entry_point {
	char anchor[4];
	uint8_t checksum, length, major, minor;
	uint16_t max_size;
	uint8_t revision, formatted[5];
	char intermediate[5];
	uint8_t intermediate_checksum;
	uint16_t table_length;
	uint32_t table;
	uint16_t structures;
	uint8_t bcd;
} __attribute__((packed));
_Static_assert(sizeof(struct entry_point) == 31, "DSP0134, 5.2.1");

struct build {
	uint8_t buf[TABLES_MAX];
	size_t len, start; /* of the open structure */
	uint16_t structures, largest;
	bool full, strings;
};

/* --------------------------------------------------------------------- structures */

static void bytes(struct build *b, const void *p, size_t n)
{
	if (n > sizeof(b->buf) - b->len) {
		b->full = true;
		return;
	}
	memcpy(b->buf + b->len, p, n);
	b->len += n;
}

static void put(struct build *b, uint64_t value, unsigned n)
{
	for (; n; n--, value >>= 8) {
		const uint8_t byte = (uint8_t)value;

		bytes(b, &byte, 1);
	}
}

/* A structure: its formatted area, then its strings, which are numbered from 1. */
static void begin(struct build *b, uint8_t type, uint8_t len, uint16_t handle)
{
	b->start = b->len;
	b->strings = false;
	put(b, type, 1);
	put(b, len, 1);
	put(b, handle, 2);
}

static void string(struct build *b, const char *s)
{
	const size_t n = strnlen(s, STRING_MAX);

	bytes(b, s, n);
	put(b, 0, 1);
	b->strings = true;
}

static void end(struct build *b)
{
	size_t size;

	put(b, 0, b->strings ? 1 : 2);
	size = b->len - b->start;
	if (size > b->largest)
		b->largest = (uint16_t)size;
	b->structures++;
}

static void firmware(struct build *b)
{
	begin(b, 0, 0x18, 0);
	put(b, 1, 1);	       /* vendor */
	put(b, 2, 1);	       /* version */
	put(b, 0xe800, 2);     /* begins at this segment */
	put(b, 3, 1);	       /* date */
	put(b, 0, 1);	       /* of 64 KiB */
	put(b, 1 << 3, 8);     /* characteristics: not given */
	put(b, 0x1000, 2);     /* its second extension: a virtual machine's */
	put(b, 0xffffffff, 4); /* releases: none */
	string(b, VENDOR);
	string(b, "1");
	string(b, "04/01/2014");
	end(b);
}

static void computer(struct build *b, const struct fw_machine *m)
{
	begin(b, 1, 0x1b, 0x100);
	put(b, 1, 1);			    /* manufacturer */
	put(b, 2, 1);			    /* product */
	put(b, 0, 1);			    /* version */
	put(b, 0, 1);			    /* serial number */
	bytes(b, m->uuid, sizeof(m->uuid)); /* its bytes' order: see 7.2.1; before 2.6 */
	put(b, 6, 1);			    /* it was switched on */
	put(b, m->name && *m->name ? 3 : 0, 1); /* SKU */
	put(b, 0, 1);				/* family */
	string(b, VENDOR);
	string(b, "Standard PC");
	if (m->name && *m->name)
		string(b, m->name);
	end(b);
}

static void enclosure(struct build *b)
{
	begin(b, 3, 0x15, 0x300);
	put(b, 1, 1); /* manufacturer */
	put(b, OTHER, 1);
	put(b, 0, 3);	       /* version, serial number, tag */
	put(b, 0x03030303, 4); /* states: safe, security: none */
	put(b, 0, 4);
	put(b, 0, 4); /* height, cords, contained elements and their length */
	string(b, VENDOR);
	end(b);
}

static void processor(struct build *b, unsigned n)
{
	char socket[16];

	(void)snprintf(socket, sizeof(socket), "CPU %u", n);
	begin(b, 4, 0x28, (uint16_t)(CPU_BASE + n));
	put(b, 1, 1); /* socket */
	put(b, 3, 1); /* central */
	put(b, OTHER, 1);
	put(b, 2, 1);	 /* manufacturer */
	put(b, 0, 8);	 /* CPUID: the guest can ask itself */
	put(b, 0, 1);	 /* version */
	put(b, 0, 1);	 /* voltage */
	put(b, 0, 2);	 /* clock */
	put(b, 0, 4);	 /* speeds */
	put(b, 0x41, 1); /* populated, enabled */
	put(b, OTHER, 1);
	put(b, 0xffff, 2); /* caches */
	put(b, 0xffffffff, 4);
	put(b, 0, 3);	     /* serial number, tag, part */
	put(b, 0x010101, 3); /* a core, enabled, one thread */
	put(b, UNKNOWN, 2);
	string(b, socket);
	string(b, VENDOR);
	end(b);
}

static void memory_array(struct build *b, uint64_t ram, unsigned dimms)
{
	begin(b, 16, 0x0f, ARRAY_HANDLE);
	put(b, OTHER, 1);
	put(b, 3, 1);					      /* system memory */
	put(b, 6, 1);					      /* multi-bit ECC */
	put(b, ram >= 2048 * GIB ? 1u << 31 : ram / 1024, 4); /* KiB; or unknown */
	put(b, NO_HANDLE, 2);
	put(b, dimms, 2);
	end(b);
}

static void dimm(struct build *b, unsigned n, uint64_t size)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "DIMM %u", n);
	begin(b, 17, 0x1b, (uint16_t)(DIMM_BASE + n));
	put(b, ARRAY_HANDLE, 2);
	put(b, NO_HANDLE, 2);
	put(b, 0xffff, 2); /* widths: unknown */
	put(b, 0xffff, 2);
	put(b, size / MIB, 2);
	put(b, 9, 1); /* DIMM */
	put(b, 0, 1); /* not one of a set */
	put(b, 1, 1); /* locator */
	put(b, 0, 1);
	put(b, 7, 1); /* RAM */
	put(b, 1 << UNKNOWN, 2);
	put(b, 0, 2); /* speed */
	put(b, 2, 1); /* manufacturer */
	put(b, 0, 3);
	string(b, name);
	string(b, VENDOR);
	end(b);
}

/* Addresses that the array is at */
static void mapped(struct build *b, unsigned n, uint64_t first, uint64_t len)
{
	if (!len)
		return;
	begin(b, 19, 0x0f, (uint16_t)(MAPPED_BASE + n));
	put(b, first / 1024, 4);
	put(b, (first + len) / 1024 - 1, 4);
	put(b, ARRAY_HANDLE, 2);
	put(b, 1, 1);
	end(b);
}

static void rest(struct build *b)
{
	begin(b, 32, 0x0b, 0x2000); /* it booted */
	put(b, 0, 7);
	end(b);
	begin(b, 127, 4, 0x7f00);
	end(b);
}

static void build_all(struct build *b, const struct fw_machine *m)
{
	const uint64_t ram = m->below_4g + m->above_4g;
	const unsigned dimms = (unsigned)((ram + DIMM - 1) / DIMM);

	firmware(b);
	computer(b, m);
	enclosure(b);
	for (unsigned i = 0; i < m->cpus; i++)
		processor(b, i);
	memory_array(b, ram, dimms);
	for (unsigned i = 0; i < dimms && !b->full; i++) {
		const uint64_t left = ram - i * DIMM;

		dimm(b, i, left < DIMM ? left : DIMM);
	}
	mapped(b, 0, 0, m->below_4g);
	mapped(b, 1, 4 * GIB, m->above_4g);
	rest(b);
}

int fw_files_smbios(struct fw_cfg *c, const struct fw_machine *m)
{
	struct entry_point ep = { .anchor = "_SM_",
				  .length = sizeof(ep),
				  .major = MAJOR,
				  .minor = MINOR,
				  .intermediate = "_DMI_",
				  .bcd = MAJOR << 4 | MINOR };
	struct build *b = calloc(1, sizeof(*b));
	int err = -ENOSPC;

	if (!b)
		return -ENOMEM;
	build_all(b, m);
	if (b->full)
		goto free_build;
	ep.max_size = b->largest;
	ep.table_length = (uint16_t)b->len;
	ep.structures = b->structures;
	err = fw_cfg_add_file(c, "etc/smbios/smbios-anchor", &ep, sizeof(ep));
	if (!err)
		err = fw_cfg_add_file(c, "etc/smbios/smbios-tables", b->buf, b->len);
free_build:
	free(b);
	return err;
}
