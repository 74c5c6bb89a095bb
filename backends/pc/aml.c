/* SPDX-License-Identifier: MIT */
/* AML: opcodes, names, lengths, resource descriptors. */
#include "backends/pc/aml.h"

#include <stdlib.h>
#include <string.h>

#define NAME_OP	     0x08
#define BYTE_PREFIX  0x0a
#define WORD_PREFIX  0x0b
#define DWORD_PREFIX 0x0c
#define SCOPE_OP     0x10
#define BUFFER_OP    0x11
#define PACKAGE_OP   0x12
#define METHOD_OP    0x14
#define DUAL_PREFIX  0x2e
#define MULTI_PREFIX 0x2f
#define EXT_PREFIX   0x5b
#define REGION_EXT   0x80
#define FIELD_EXT    0x81
#define DEVICE_EXT   0x82
#define CPU_EXT	     0x83
#define DWORD_FIELD  0x8a
#define SERIALIZED   0x08
#define SEGMENT	     4u

void aml_bytes(struct aml *a, const void *bytes, size_t n)
{
	if (n > a->size - a->len) {
		a->bad = true;
		return;
	}
	memcpy(a->buf + a->len, bytes, n);
	a->len += n;
}

void aml_byte(struct aml *a, unsigned byte)
{
	const uint8_t b = (uint8_t)byte;

	aml_bytes(a, &b, 1);
}

static void number(struct aml *a, uint32_t value, unsigned bytes)
{
	for (; bytes; bytes--, value >>= 8)
		aml_byte(a, value & 0xff);
}

void aml_int(struct aml *a, uint32_t value)
{
	if (value <= 1) {
		aml_byte(a, value);
	} else if (value <= UINT8_MAX) {
		aml_byte(a, BYTE_PREFIX);
		number(a, value, 1);
	} else if (value <= UINT16_MAX) {
		aml_byte(a, WORD_PREFIX);
		number(a, value, 2);
	} else {
		aml_byte(a, DWORD_PREFIX);
		number(a, value, 4);
	}
}

void aml_path(struct aml *a, const char *path)
{
	unsigned segments = 1;

	if (*path == '\\')
		aml_byte(a, (uint8_t)*path++);
	for (const char *p = path; *p; p++)
		segments += *p == '.';
	if (segments == 2) {
		aml_byte(a, DUAL_PREFIX);
	} else if (segments > 2) {
		aml_byte(a, MULTI_PREFIX);
		aml_byte(a, segments);
	}
	while (segments--) {
		for (unsigned i = 0; i < SEGMENT; i++)
			aml_byte(a, *path && *path != '.' ? (uint8_t)*path++ : '_');
		path += *path == '.';
	}
}

/* ---------------------------------------------------------------------- lengths */

static void open_construct(struct aml *a, bool sized)
{
	if (a->depth == AML_DEPTH) {
		a->bad = true;
		return;
	}
	a->sized[a->depth] = sized;
	a->start[a->depth++] = a->len;
}

/* PkgLength counts itself: one byte up to 63, else its low four bits, then others. */
static unsigned length_encode(size_t content, uint8_t p[4])
{
	unsigned more = 0;
	size_t total = content + 1;

	if (total > 63)
		for (more = 1, total++; total >= 1u << (4 + 8 * more); more++)
			total++;
	if (!more) {
		p[0] = (uint8_t)total;
		return 1;
	}
	p[0] = (uint8_t)(more << 6 | (total & 15));
	for (unsigned i = 0; i < more; i++)
		p[1 + i] = (uint8_t)(total >> (4 + 8 * i));
	return more + 1;
}

void aml_end(struct aml *a)
{
	size_t start, content;
	uint8_t p[4];
	unsigned n;

	if (a->bad || !a->depth) {
		a->bad = true;
		return;
	}
	start = a->start[--a->depth];
	if (a->sized[a->depth]) {
		aml_byte(a, 0x79); /* the last descriptor, without a checksum */
		aml_byte(a, 0);
		content = a->len - start - 2;
		a->bad |= content > UINT8_MAX;
		a->buf[start + 1] = (uint8_t)content;
	}
	content = a->len - start;
	n = length_encode(content, p);
	if (n > a->size - a->len) {
		a->bad = true;
		return;
	}
	memmove(a->buf + start + n, a->buf + start, content);
	memcpy(a->buf + start, p, n);
	a->len += n;
}

static void open_named(struct aml *a, const char *name)
{
	open_construct(a, false);
	aml_path(a, name);
}

void aml_scope(struct aml *a, const char *path)
{
	aml_byte(a, SCOPE_OP);
	open_named(a, path);
}

void aml_device(struct aml *a, const char *name)
{
	aml_byte(a, EXT_PREFIX);
	aml_byte(a, DEVICE_EXT);
	open_named(a, name);
}

void aml_processor(struct aml *a, const char *name, uint8_t id)
{
	aml_byte(a, EXT_PREFIX);
	aml_byte(a, CPU_EXT);
	open_named(a, name);
	aml_byte(a, id);
	number(a, 0, 4); /* no P_BLK */
	aml_byte(a, 0);
}

void aml_method(struct aml *a, const char *name, unsigned args)
{
	aml_byte(a, METHOD_OP);
	open_named(a, name);
	aml_byte(a, args | SERIALIZED);
}

void aml_package(struct aml *a, unsigned elements)
{
	aml_byte(a, PACKAGE_OP);
	open_construct(a, false);
	aml_byte(a, elements);
}

void aml_field(struct aml *a, const char *region)
{
	aml_byte(a, EXT_PREFIX);
	aml_byte(a, FIELD_EXT);
	open_named(a, region);
	aml_byte(a, 1); /* ByteAcc, NoLock, Preserve */
}

void aml_block(struct aml *a, uint8_t opcode)
{
	aml_byte(a, opcode);
	open_construct(a, false);
}

void aml_resources(struct aml *a)
{
	aml_byte(a, BUFFER_OP);
	open_construct(a, true);
	aml_byte(a, BYTE_PREFIX);
	aml_byte(a, 0); /* until its end */
}

/* ------------------------------------------------------------------------ terms */

void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, NAME_OP);
	aml_path(a, name);
}

void aml_name_int(struct aml *a, const char *name, uint32_t value)
{
	aml_name(a, name);
	aml_int(a, value);
}

/* Three letters of five bits each, four digits; big endian (6.1.5) */
void aml_name_eisa(struct aml *a, const char *name, const char *id)
{
	const unsigned digits = (unsigned)strtoul(id + 3, NULL, 16);
	unsigned letters = 0;

	for (unsigned i = 0; i < 3; i++)
		letters = letters << 5 | ((uint8_t)id[i] & 31u);
	aml_name(a, name);
	aml_byte(a, DWORD_PREFIX);
	aml_byte(a, letters >> 8);
	aml_byte(a, letters & 0xff);
	aml_byte(a, digits >> 8);
	aml_byte(a, digits & 0xff);
}

void aml_region(struct aml *a, const char *name, uint8_t space, uint32_t at, uint32_t n)
{
	aml_byte(a, EXT_PREFIX);
	aml_byte(a, REGION_EXT);
	aml_path(a, name);
	aml_byte(a, space);
	aml_int(a, at);
	aml_int(a, n);
}

void aml_field_unit(struct aml *a, const char *name, uint8_t bits)
{
	aml_path(a, name);
	aml_byte(a, bits); /* a PkgLength of one byte */
}

void aml_dword_field(struct aml *a, uint8_t of, uint8_t at, const char *name)
{
	aml_byte(a, DWORD_FIELD);
	aml_byte(a, of);
	aml_int(a, at);
	aml_path(a, name);
}

void aml_return_int(struct aml *a, uint32_t value)
{
	aml_byte(a, AML_RETURN);
	aml_int(a, value);
}

/* ---------------------------------------------------- resource descriptors (6.4) */

void aml_io(struct aml *a, uint16_t first, uint8_t n)
{
	aml_byte(a, 0x47);
	aml_byte(a, 1); /* all 16 bits are decoded */
	number(a, first, 2);
	number(a, first, 2);
	aml_byte(a, 1);
	aml_byte(a, n);
}

void aml_irq(struct aml *a, unsigned line)
{
	aml_byte(a, 0x22);
	number(a, 1u << line, 2);
}

void aml_dma(struct aml *a, unsigned channel)
{
	aml_byte(a, 0x2a);
	aml_byte(a, 1u << channel);
	aml_byte(a, 0); /* compatible, no master, 8 bits */
}

void aml_interrupts(struct aml *a, const uint8_t *lines, unsigned n)
{
	aml_byte(a, 0x89);
	number(a, 2 + 4 * n, 2);
	aml_byte(a, 0x09); /* consumer, level, high, shared */
	aml_byte(a, n);
	for (unsigned i = 0; i < n; i++)
		number(a, lines[i], 4);
}

/* An address space descriptor; both ends are fixed. */
static void range(struct aml *a, uint8_t kind, uint8_t flags, unsigned bytes,
		  uint32_t first, uint32_t last)
{
	aml_byte(a, bytes == 2 ? 0x88 : 0x87);
	number(a, 3 + 5 * bytes, 2);
	aml_byte(a, kind);
	aml_byte(a, 0x0c);
	aml_byte(a, flags);
	number(a, 0, bytes); /* granularity */
	number(a, first, bytes);
	number(a, last, bytes);
	number(a, 0, bytes); /* translation */
	number(a, last - first + 1, bytes);
}

void aml_bus_range(struct aml *a, uint16_t first, uint16_t last)
{
	range(a, 2, 0, 2, first, last);
}

void aml_io_range(struct aml *a, uint16_t first, uint16_t last)
{
	range(a, 1, 3, 2, first, last); /* the entire range */
}

void aml_memory_range(struct aml *a, uint32_t first, uint32_t last, bool cacheable)
{
	range(a, 0, cacheable ? 3 : 1, 4, first, last); /* read and write */
}
