/* SPDX-License-Identifier: MIT */
/*
 * Every size, offset and constant of ringproto against Debian's libxen-dev
 * headers, for x86_64 and for x86_32. argv[1], if given, is Xen's x86_32 table
 * (see layout_xen.c); without it only x86_64 is compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ringproto/blkif.h"
#include "ringproto/evtchn.h"
#include "ringproto/netif.h"
#include "ringproto/xenbus.h"
#include "ringproto/xs_wire.h"
#include "tests/unit/layout.h"

struct entry {
	const char *what;
	uint64_t value;
};

#define CONST(name) { #name, (uint64_t)(int64_t)(name) },

#define SIZE(ours, ours32, xens) { "sizeof " #ours, sizeof(struct ours) },
#define FIELD(ours, ours32, xens, f, xen_f)                   \
	{ "offset " #ours "." #f, offsetof(struct ours, f) }, \
		{ "sizeof " #ours "." #f, sizeof(((struct ours *)0)->f) },
static const struct entry ours_64[] = {
#include "tests/unit/layout_list.inc"
};
#undef SIZE
#undef FIELD

#define SIZE(ours, ours32, xens) { "sizeof " #ours32, sizeof(struct ours32) },
#define FIELD(ours, ours32, xens, f, xen_f)                       \
	{ "offset " #ours32 "." #f, offsetof(struct ours32, f) }, \
		{ "sizeof " #ours32 "." #f, sizeof(((struct ours32 *)0)->f) },
static const struct entry ours_32[] = {
#include "tests/unit/layout_list.inc"
};

#define ENTRIES (sizeof(ours_64) / sizeof(ours_64[0]))

static const char *path_32;

/* Compares one table; says every difference, not only the first. */
static void compare(const struct entry *ours, const uint64_t *xens, enum blkif_abi abi)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < ENTRIES; i++) {
		if (ours[i].value == xens[i])
			continue;
		print_error("%s: ours %lld, Xen's %lld\n", ours[i].what,
			    (long long)ours[i].value, (long long)xens[i]);
		wrong++;
	}
	for (unsigned i = 0; i < LAYOUT_RING_SIZES; i++)
		assert_int_equal(ring_size((size_t)RING_PAGE_SIZE << i,
					   blkif_slot_size(abi)),
				 xens[ENTRIES + i]);
	assert_int_equal(wrong, 0);
}

static void test_x86_64(void **state)
{
	(void)state;
	assert_int_equal(layout_xen_len, ENTRIES + LAYOUT_RING_SIZES);
	compare(ours_64, layout_xen, BLKIF_ABI_X86_64);
	compare(ours_64, layout_xen, BLKIF_ABI_NATIVE);
}

static void test_x86_32(void **state)
{
	uint64_t xens[ENTRIES + LAYOUT_RING_SIZES + 1];
	FILE *f;

	(void)state;
	if (!path_32)
		skip();
	f = fopen(path_32, "rb");
	assert_non_null(f);
	assert_int_equal(fread(xens, sizeof(xens[0]), ENTRIES + LAYOUT_RING_SIZES + 1, f),
			 ENTRIES + LAYOUT_RING_SIZES);
	fclose(f);
	compare(ours_32, xens, BLKIF_ABI_X86_32);
}

/* The two tables differ where the ABIs do: the test sees what it looks at. */
static void test_abis_differ(void **state)
{
	unsigned differ = 0;

	(void)state;
	for (size_t i = 0; i < ENTRIES; i++)
		differ += ours_64[i].value != ours_32[i].value;
	assert_true(differ >= 12);
}

static void test_errors(void **state)
{
	const char *name;
	int num;

	(void)state;
	for (unsigned i = 0; i < XSD_NR_ERRORS; i++) {
		num = layout_xen_error(i, &name);
		assert_int_equal(xsd_errors[i].errnum, num);
		assert_string_equal(xsd_errors[i].errstring, name);
	}
	assert_int_equal(layout_xen_error(XSD_NR_ERRORS, &name), -1);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(XEN_IO_PROTO_ABI_X86_64, layout_xen_abi[0]);
	assert_string_equal(XEN_IO_PROTO_ABI_X86_32, layout_xen_abi[1]);
	/* Xen's is sizeof(xen_ulong_t)^2 * 64: 4096 on x86_64 */
	assert_int_equal(EVTCHN_2L_NR_CHANNELS, sizeof(uint64_t) * sizeof(uint64_t) * 64);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86_64),	    cmocka_unit_test(test_x86_32),
		cmocka_unit_test(test_abis_differ), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_names),
	};

	path_32 = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
