/* SPDX-License-Identifier: MIT */
/* tandem top: rates between two samples, whatever changed between them, and their text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/top.h"

#define SECOND 1000000000ull

static struct top_domain domain(domid_t id, const char *name, uint64_t at)
{
	struct top_domain d = { .id = id, .at = at, .vbds = 1, .state = "-b----" };

	strcpy(d.name, name);
	return d;
}

static struct top_device device(domid_t id, bool net, uint32_t devid, uint64_t at,
				uint64_t first, uint64_t bytes)
{
	return (struct top_device){ .xs = { .frontend = id, .devid = devid },
				    .net = net,
				    .at = at,
				    .count = { first, first * 2, bytes, bytes * 2 } };
}

static void assert_near(double got, double want)
{
	if (!(fabs(got - want) < 1e-6))
		fail_msg("%g, not %g", got, want);
}

static void test_vm(void **state)
{
	struct top_domain a = domain(3, "g", SECOND), b = domain(3, "g", 3 * SECOND);
	struct top_row *r;

	(void)state;
	a.vm = b.vm = a.runs = b.runs = true;
	a.cpu_ns = 5 * SECOND;
	b.cpu_ns = 6 * SECOND;
	b.resident = 2048;
	b.target = 4096;
	b.vcpus = 2;
	a.exits[VM_EXIT_SEND] = 10;
	b.exits[VM_EXIT_SEND] = 30;
	a.exits[VM_EXIT_OTHER] = 9; /* it was started anew */
	b.exits[VM_EXIT_OTHER] = 4;
	r = top_rows(&(struct top_sample){ &a, 1, NULL, 0 },
		     &(struct top_sample){ &b, 1, NULL, 0 });
	assert_non_null(r);
	assert_string_equal(r->name, "g");
	assert_near(r->value[TOP_CPU], 50);
	assert_near(r->value[TOP_CPU_SECONDS], 6);
	assert_near(r->value[TOP_RESIDENT], 2);
	assert_near(r->value[TOP_TARGET], 4);
	assert_near(r->value[TOP_VCPUS], 2);
	assert_near(r->value[TOP_FIRST_EXIT + VM_EXIT_SEND], 10);
	assert_near(r->value[TOP_FIRST_EXIT + VM_EXIT_OTHER], 2);
	assert_near(r->value[TOP_EXITS], 12);
	assert_true(isnan(r->value[TOP_READS]));
	free(r);
}

/* What was not there before, or was another's, has no rates; nor has a process exits. */
static void test_strangers(void **state)
{
	struct top_domain a = domain(3, "old", SECOND);
	struct top_domain b[2] = { domain(3, "new", 2 * SECOND),
				   domain(4, "late", 2 * SECOND) };
	struct top_row *r;

	(void)state;
	a.runs = a.vm = b[0].runs = b[0].vm = b[1].runs = true;
	a.cpu_ns = 1;
	b[0].cpu_ns = SECOND;
	r = top_rows(&(struct top_sample){ &a, 1, NULL, 0 },
		     &(struct top_sample){ b, 2, NULL, 0 });
	assert_non_null(r);
	for (int i = 0; i < 2; i++) {
		assert_true(isnan(r[i].value[TOP_CPU]));
		assert_true(isnan(r[i].value[TOP_EXITS]));
		assert_true(isnan(r[i].value[TOP_TARGET]));
	}
	assert_true(isnan(r[1].value[TOP_VCPUS]));
	free(r);
	/* one of several processes ended */
	a = domain(4, "late", SECOND);
	a.runs = true;
	a.cpu_ns = 9 * SECOND;
	r = top_rows(&(struct top_sample){ &a, 1, NULL, 0 },
		     &(struct top_sample){ b, 2, NULL, 0 });
	assert_near(r[1].value[TOP_CPU], 0);
	free(r);
}

static void test_devices(void **state)
{
	struct top_domain a[2] = { domain(1, "a", 0), domain(2, "b", 0) };
	struct top_device old[] = {
		device(1, false, 7, SECOND, 100, 10240), device(1, true, 7, SECOND, 1, 0),
		device(2, false, 7, SECOND, 1, 0),
		device(2, false, 8, 0, 0, 0), /* it did not answer */
	};
	struct top_device new[] = {
		device(1, false, 7, 3 * SECOND, 300, 30720),
		device(1, false, 9, 3 * SECOND, 5000, 0), /* new */
		device(1, true, 7, 2 * SECOND, 1001, 1024),
		device(2, false, 7, 0, 0, 0), /* it does not */
		device(2, false, 8, 2 * SECOND, 7, 0),
	};
	struct top_row *r = top_rows(&(struct top_sample){ a, 2, old, 4 },
				     &(struct top_sample){ a, 2, new, 5 });

	(void)state;
	assert_non_null(r);
	assert_near(r[0].value[TOP_READS], 100);
	assert_near(r[0].value[TOP_WRITES], 200);
	assert_near(r[0].value[TOP_READ_KIB], 10);
	assert_near(r[0].value[TOP_WRITE_KIB], 20);
	assert_near(r[0].value[TOP_TX], 1000);
	assert_near(r[0].value[TOP_RX], 2000);
	assert_near(r[0].value[TOP_TX_KIB], 1);
	assert_near(r[0].value[TOP_RX_KIB], 2);
	assert_true(isnan(r[1].value[TOP_READS]));
	assert_true(isnan(r[1].value[TOP_TX]));
	free(r);
	/* two disks add up; one counts from zero again */
	new[1] = device(1, false, 8, 3 * SECOND, 50, 0);
	old[1] = device(1, false, 8, SECOND, 60, 0);
	r = top_rows(&(struct top_sample){ a, 1, old, 2 },
		     &(struct top_sample){ a, 1, new, 2 });
	assert_near(r[0].value[TOP_READS], 125);
	free(r);
}

static void test_order(void **state)
{
	struct top_row r[4] = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		r[i].name[0] = (char)('d' - i);
		r[i].value[TOP_ID] = i;
		r[i].value[TOP_CPU] = i == 2 ? (double)NAN : i % 2;
	}
	top_sort(r, 4, TOP_CPU);
	assert_near(r[0].value[TOP_ID], 1);
	assert_near(r[1].value[TOP_ID], 3);
	assert_near(r[2].value[TOP_ID], 0);
	assert_near(r[3].value[TOP_ID], 2);
	top_sort(r, 4, TOP_NR_COLUMNS);
	assert_string_equal(r[0].name, "a");
	assert_string_equal(top_column_name(TOP_NR_COLUMNS), "NAME");
	assert_string_equal(top_column_name(TOP_FIRST_EXIT), "send");
	top_sort(r, 0, TOP_CPU);
}

/* As many words as columns, and nothing that a terminal could take for a command. */
static void test_text(void **state)
{
	struct top_row r = { .name = "a\x1b[2Jb", .state = "r-----" };
	char line[TOP_LINE_MAX], head[TOP_LINE_MAX];
	unsigned words[2] = { 0, 0 };

	(void)state;
	for (unsigned i = 0; i < TOP_NR_COLUMNS; i++)
		r.value[i] = i % 2 ? (double)NAN : 1.25;
	top_head_text(head, 0);
	top_row_text(line, &r, 0);
	for (char *s = strtok(head, " "); s; s = strtok(NULL, " "))
		words[0]++;
	assert_null(strchr(line, '\x1b'));
	for (char *s = strtok(line, " "); s; s = strtok(NULL, " "))
		words[1]++;
	assert_int_equal(words[0], TOP_NR_COLUMNS + 2);
	assert_int_equal(words[1], TOP_NR_COLUMNS + 2);
	/* the widest there can be */
	memset(r.name, 'x', sizeof(r.name) - 1);
	for (unsigned i = 0; i < TOP_NR_COLUMNS; i++)
		r.value[i] = 1e300;
	top_row_text(line, &r, 0);
	assert_true(strlen(line) < TOP_LINE_MAX);
	top_row_text(line, &r, TOP_NR_COLUMNS);
	assert_non_null(strstr(line, "xxx r-----"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vm),	cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_devices), cmocka_unit_test(test_order),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
