/* SPDX-License-Identifier: MIT */
/*
 * Rates against Xen's own reader: what libxlutil's xlu_vif_parse_rate() and
 * vif_rate_parse() both accept must be the same credit and interval; what one
 * alone accepts is in the table. Strings: a table, and generated ones from a
 * fixed seed. The rest of xl's vif syntax is not in a library.
 */
#include <errno.h>
#include <libxlutil.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/vif_spec.h"

static FILE *sink; /* libxlutil's messages */

enum { BOTH, NEITHER, XL_ONLY, OURS_ONLY };

static int compare(const char *s)
{
	XLU_Config *cfg = xlu_cfg_init(sink, "test");
	struct vif_rate ours;
	libxl_device_nic nic;
	int xerr, err = vif_rate_parse(s, &ours);

	assert_non_null(cfg);
	libxl_device_nic_init(&nic);
	errno = 0; /* xl looks at one that it did not clear */
	xerr = xlu_vif_parse_rate(cfg, s, &nic);
	if (!err && !xerr &&
	    (ours.bytes != nic.rate_bytes_per_interval ||
	     ours.usec != nic.rate_interval_usecs))
		fail_msg("'%s': %llu,%u, xl has %llu,%u", s,
			 (unsigned long long)ours.bytes, ours.usec,
			 (unsigned long long)nic.rate_bytes_per_interval,
			 nic.rate_interval_usecs);
	if (err && !xerr && *s != '0' && !strstr(s, "@0") && nic.rate_bytes_per_interval)
		fail_msg("'%s': xl takes it, and it is neither octal nor nothing", s);
	libxl_device_nic_dispose(&nic);
	xlu_cfg_destroy(cfg);
	return err ? (xerr ? NEITHER : XL_ONLY) : (xerr ? OURS_ONLY : BOTH);
}

static const struct {
	const char *string;
	int accepted;
} table[] = {
	/* xl-network-configuration(5)'s examples */
	{ "10Mb/s", BOTH },
	{ "250KB/s", BOTH },
	{ "1MB/s@20ms", BOTH },
	/* every unit */
	{ "100B/s", BOTH },
	{ "160b/s", BOTH },
	{ "100Kb/s", BOTH },
	{ "7MB/s", BOTH },
	{ "1Gb/s", BOTH },
	{ "100000GB/s", BOTH },
	{ "4294967295GB/s@4us", BOTH },
	{ "1000b/s@1s", BOTH },
	{ "1000b/s@1", BOTH },
	{ "1MB/s@1000us", BOTH },
	{ "1MB/s@1000u", BOTH },
	{ "1MB/s@20m", BOTH },
	{ "1MB/s@4294s", BOTH },
	{ "1MB/s@4294967ms", BOTH },
	{ "1GB/s@4294967295us", BOTH },
	/* neither */
	{ "", NEITHER },
	{ "@20ms", NEITHER },
	{ "10", NEITHER },
	{ "10MB", NEITHER },
	{ "10M/s", NEITHER },
	{ "10mb/s", NEITHER },
	{ "10TB/s", NEITHER },
	{ "10MB/s ", NEITHER },
	{ " 10MB/s", NEITHER },
	{ "-10MB/s", NEITHER },
	{ "1.5MB/s", NEITHER },
	{ "0MB/s", NEITHER },
	{ "0x10MB/s", NEITHER },
	{ "4294967296B/s", NEITHER },
	{ "99999999999999999999B/s", NEITHER },
	{ "10MB/s@", NEITHER },
	{ "10MB/s@0ms", NEITHER },
	{ "10MB/s@1h", NEITHER },
	{ "10MB/s@1ns", NEITHER },
	{ "10MB/s@1msx", NEITHER },
	{ "10MB/s@1ms@1ms", NEITHER },
	{ "10MB/s@4295s", NEITHER },
	{ "10MB/s@4294967296us", NEITHER },
	{ "4294967295GB/s", NEITHER },
	{ "4294967295GB/s@5us", NEITHER },
	/* xl reads these as octal, or as a limit that lets nothing through */
	{ "010MB/s", XL_ONLY },
	{ "10MB/s@020ms", XL_ONLY },
	{ "1b/s", XL_ONLY },
	{ "1B/s", XL_ONLY },
	{ "19B/s", XL_ONLY },
	{ "999B/s@1ms", XL_ONLY },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int got = compare(table[i].string);

		if (got != table[i].accepted)
			fail_msg("'%s': %d, expected %d", table[i].string, got,
				 table[i].accepted);
	}
}

static uint64_t seed = 42;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* A mostly right string of a number, a unit and an interval. */
static void generate(char *buf, size_t size)
{
	static const char *const units[] = { "B/s",  "KB/s", "MB/s", "GB/s", "b/s",
					     "Kb/s", "Mb/s", "Gb/s", "B",    "kB/s" };
	static const char *const intervals[] = { "s", "ms", "us", "m", "u", "", "ns" };
	unsigned digits = 1 + pick(10);
	size_t n = 0;

	for (unsigned i = 0; i < digits; i++)
		buf[n++] = (char)('0' + pick(10));
	n += (size_t)snprintf(buf + n, size - n, "%s", units[pick(10)]);
	if (pick(2))
		snprintf(buf + n, size - n, "@%u%s", pick(1u << pick(20)),
			 intervals[pick(7)]);
}

static void test_generated(void **state)
{
	unsigned count[4] = { 0 };
	char buf[64];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		int got;

		generate(buf, sizeof(buf));
		got = compare(buf);
		count[got]++;
		if (got == OURS_ONLY)
			fail_msg("'%s': xl refuses it", buf);
	}
	assert_true(count[BOTH] > 10000);
	assert_true(count[NEITHER] > 5000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_generated),
	};

	sink = fopen("/dev/null", "w");
	return sink ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
