/* SPDX-License-Identifier: MIT */
/*
 * A writer of ACPI machine language (ACPI 6.0, chapter 20), as far as a PC's DSDT needs:
 * calls in the order of the source, each construct between its begin and aml_end().
 */
#ifndef TANDEM_BACKENDS_PC_AML_H
#define TANDEM_BACKENDS_PC_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_DEPTH 8u

#define AML_ZERO   0x00
#define AML_ONE	   0x01
#define AML_LOCAL0 0x60
#define AML_ARG0   0x68
#define AML_STORE  0x70
#define AML_AND	   0x7b
#define AML_OR	   0x7d
#define AML_IF	   0xa0
#define AML_ELSE   0xa1
#define AML_RETURN 0xa4

#define AML_PCI_CONFIG 2

struct aml {
	uint8_t *buf;
	size_t size, len;
	bool bad; /* it was too small, or too deep: len is then of no meaning */
	unsigned depth;
	size_t start[AML_DEPTH]; /* of what is open, behind its opcode */
	bool sized[AML_DEPTH];	 /* it is a buffer */
};

void aml_byte(struct aml *a, unsigned byte);
void aml_bytes(struct aml *a, const void *bytes, size_t n);
void aml_int(struct aml *a, uint32_t value);
/* A path such as "\\_SB.PCI0"; segments are filled up to four characters. */
void aml_path(struct aml *a, const char *path);

/* Constructs with a length */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *name);
void aml_processor(struct aml *a, const char *name, uint8_t id);
void aml_method(struct aml *a, const char *name, unsigned args);
void aml_package(struct aml *a, unsigned elements);
void aml_field(struct aml *a, const char *region); /* bytes, preserved */
void aml_block(struct aml *a, uint8_t opcode);	   /* AML_IF, AML_ELSE */
void aml_resources(struct aml *a);		   /* a buffer of descriptors */
void aml_end(struct aml *a);

/* Name (NAME, ...): what follows is its value */
void aml_name(struct aml *a, const char *name);
void aml_name_int(struct aml *a, const char *name, uint32_t value);
void aml_name_eisa(struct aml *a, const char *name, const char *id); /* "PNP0A03" */
void aml_region(struct aml *a, const char *name, uint8_t space, uint32_t at, uint32_t n);
void aml_field_unit(struct aml *a, const char *name, uint8_t bits); /* fewer than 64 */
/* CreateDWordField (of, at, name) */
void aml_dword_field(struct aml *a, uint8_t of, uint8_t at, const char *name);
void aml_return_int(struct aml *a, uint32_t value);

/* Descriptors */
void aml_io(struct aml *a, uint16_t first, uint8_t n);
void aml_irq(struct aml *a, unsigned line);
void aml_dma(struct aml *a, unsigned channel);
/* Level, high, shared, each of n. */
void aml_interrupts(struct aml *a, const uint8_t *lines, unsigned n);
void aml_bus_range(struct aml *a, uint16_t first, uint16_t last);
void aml_io_range(struct aml *a, uint16_t first, uint16_t last);
void aml_memory_range(struct aml *a, uint32_t first, uint32_t last, bool cacheable);

#endif
