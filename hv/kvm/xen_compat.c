/* SPDX-License-Identifier: MIT */
/* Structs of callers of 32 bits. */
#include "hv/kvm/xen_compat.h"

#include <errno.h>
#include <string.h>

#define STRUCT_MAX 64u

/* Where fields lie. */
struct layout {
	bool compat;
	size_t end;
};

static size_t aligned(size_t at, size_t to)
{
	return (at + to - 1) / to * to;
}

static size_t word_size(bool compat)
{
	return compat ? 4 : 8;
}

/* The next field's place, and its size; 0 bytes: the end of a struct. */
static size_t field(struct layout *l, char kind, size_t *size)
{
	const size_t word = word_size(l->compat);
	size_t at;

	*size = kind == 'w' ? word : kind == '|' ? 0 : (size_t)(kind - '0');
	at = aligned(l->end, *size && *size < word ? *size : word);
	l->end = at + *size;
	return at;
}

static size_t layout_size(bool compat, const char *fields)
{
	struct layout l = { .compat = compat };
	size_t size, most = 1;

	for (const char *f = fields; *f; f++) {
		(void)field(&l, *f, &size);
		if (size > most)
			most = size;
	}
	return aligned(l.end, most < word_size(compat) ? most : word_size(compat));
}

size_t guest_struct_size(const struct vcpu *v, const char *fields)
{
	return layout_size(v->compat, fields);
}

/* Between a struct of 32 bits and one of 64. */
static void convert(uint8_t *narrow, uint8_t *wide, const char *fields, bool widen)
{
	struct layout from = { .compat = true }, to = { .compat = false };
	size_t size, wide_size;

	for (const char *f = fields; *f; f++) {
		uint8_t *n = narrow + field(&from, *f, &size);
		uint8_t *w = wide + field(&to, *f, &wide_size);

		if (widen) {
			memset(w, 0, wide_size);
			memcpy(w, n, size);
		} else {
			memcpy(n, w, size);
		}
	}
}

int guest_struct_in(struct vcpu *v, void *dst, uint64_t va, const char *fields)
{
	uint8_t narrow[STRUCT_MAX];
	int err;

	if (!v->compat)
		return guest_copy_in(v, dst, va, layout_size(false, fields));
	memset(dst, 0, layout_size(false, fields));
	err = guest_copy_in(v, narrow, va, layout_size(true, fields));
	if (!err)
		convert(narrow, dst, fields, true);
	return err;
}

int guest_struct_out(struct vcpu *v, uint64_t va, const void *src, const char *fields)
{
	uint8_t narrow[STRUCT_MAX] = { 0 };

	if (!v->compat)
		return guest_copy_out(v, va, src, layout_size(false, fields));
	convert(narrow, (uint8_t *)(uintptr_t)src, fields, false);
	return guest_copy_out(v, va, narrow, layout_size(true, fields));
}

int guest_word_in(struct vcpu *v, uint64_t *word, uint64_t va, uint64_t i)
{
	*word = 0;
	return guest_copy_in(v, word, va + i * word_size(v->compat),
			     word_size(v->compat));
}

int guest_word_out(struct vcpu *v, uint64_t va, uint64_t i, uint64_t word)
{
	return guest_copy_out(v, va + i * word_size(v->compat), &word,
			      word_size(v->compat));
}
