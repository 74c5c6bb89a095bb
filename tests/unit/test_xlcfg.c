/* SPDX-License-Identifier: MIT */
/*
 * Our reader of xl's configuration syntax against libxlutil's: where both
 * accept, keys and values agree; and what ours says where it does not.
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

#include "tools/xlcfg.h"

static FILE *sink;

static void same_value(const char *text, XLU_Config *xl, const struct xlcfg_entry *e)
{
	const struct xlcfg_value *v = &e->value;
	XLU_ConfigList *list;
	const char *s;
	int n;

	if (!v->is_list) {
		assert_int_equal(v->n, 1);
		if (xlu_cfg_get_string(xl, e->key, &s, 1) || strcmp(s, v->items[0]))
			fail_msg("<%s>: %s differs", text, e->key);
		return;
	}
	if (xlu_cfg_get_list(xl, e->key, &list, &n, 1) || (size_t)n != v->n)
		fail_msg("<%s>: list %s differs", text, e->key);
	for (int i = 0; i < n; i++)
		if (strcmp(xlu_cfg_get_listitem(list, i), v->items[i]))
			fail_msg("<%s>: %s[%d] differs", text, e->key, i);
}

/* 1: both accept, 0: neither, 2: xl only, 3: ours only. */
static int compare(const char *text)
{
	XLU_Config *xl = xlu_cfg_init(sink, "test");
	struct xlcfg cfg = { 0 };
	char *why;
	int xerr = xlu_cfg_readdata(xl, text, (int)strlen(text));
	int err = xlcfg_parse(&cfg, "test", text, &why);

	if (err && (!why || strncmp(why, "test:", 5) || strchr(why, '\n')))
		fail_msg("<%s>: error without one line", text);
	for (struct xlcfg_entry *e = cfg.first; !err && !xerr && e; e = e->next)
		same_value(text, xl, e);
	free(why);
	xlcfg_clear(&cfg);
	xlu_cfg_destroy(xl);
	return err ? (xerr ? 0 : 2) : (xerr ? 3 : 1);
}

static void test_table(void **state)
{
	static const struct {
		const char *text;
		int accepted;
	} table[] = {
		{ "", 1 },
		{ "\n\n# nothing\n", 1 },
		{ "name = \"guest0\"\n", 1 },
		{ "name='guest0'", 1 },
		{ "name='g'; memory=64;", 1 },
		{ "disk = [ 'a,,xvda', \"b,,xvdb\" ]\n", 1 },
		{ "disk = [\n 'a', # first\n 'b',\n ]\n", 1 },
		{ "disk = []\n", 1 },
		{ "disk = ['a']\ndisk += ['b']\n", 1 },
		{ "x = 'a'\nx += 'b'\n", 1 },
		{ "a='it''s'", 0 },
		{ "a='it\\'s \\\"q\\\" \\\\ \\n'", 1 },
		{ "memory = 0x40\n", 1 },
		{ "a=1\na=2\n", 2 }, /* xl warns and takes the last */
		{ "a=[['b']]\n", 2 },
		{ "a = 1 # comment without newline", 3 },
		{ "a=\n1\n", 0 },
		{ "a=b\n", 0 },
		{ "a='x\n'", 0 },
		{ "a=['x'\n", 0 },
		{ "a=['x' 'y']\n", 0 },
		{ "a=[,]\n", 0 },
		{ "A=1\n", 0 },
		{ "a 1\n", 0 },
		{ "a=1 b=2\n", 0 },
		{ "def f(x):\n", 0 },
		{ "a='\\q'", 0 },
		{ "a='x", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int got = compare(table[i].text);

		if (got != table[i].accepted)
			fail_msg("<%s>: %d, expected %d", table[i].text, got,
				 table[i].accepted);
	}
}

static void test_generated(void **state)
{
	static const char *const parts[] = {
		"a", "b",     "name", " ",	 "=",  "=",    "=",  "[",
		"]", ",",     "'x'",  "\"y z\"", "12", "0x1f", "\n", "\n",
		";", "# c\n", "+=",   "'\\n'",	 "\\", "'",
	};
	uint32_t rng = 1;
	unsigned both = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char text[256] = "";
		size_t len = 0;

		rng = rng * 1664525u + 1013904223u;
		for (uint32_t n = 1 + (rng >> 8) % 9; n; n--) {
			rng = rng * 1664525u + 1013904223u;
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "%s",
				parts[(rng >> 8) % (sizeof(parts) / sizeof(*parts))]);
		}
		both += compare(text) == 1;
	}
	assert_true(both > 5000);
}

static void test_override(void **state)
{
	struct xlcfg cfg = { 0 };
	char *why;

	(void)state;
	assert_int_equal(xlcfg_parse(&cfg, "f", "name='a'\ndisk=['x']\n", &why), 0);
	assert_int_equal(xlcfg_parse(&cfg, "args", "name='b'", &why), 0);
	assert_int_equal(xlcfg_parse(&cfg, "args", "disk+=['y']", &why), 0);
	assert_string_equal(xlcfg_find(&cfg, "name")->value.items[0], "b");
	assert_int_equal(xlcfg_find(&cfg, "disk")->value.n, 2);
	assert_null(xlcfg_find(&cfg, "nam"));
	assert_int_equal(xlcfg_parse(&cfg, "f", "\n\nx='1'\nx='2'", &why), -EINVAL);
	assert_string_equal(why, "f:4: x was given in line 3 already");
	free(why);
	assert_int_equal(xlcfg_parse_file(&cfg, "/nonexistent", &why), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent"));
	free(why);
	assert_int_equal(xlcfg_parse_file(&cfg, "/dev/zero", &why), -EINVAL);
	free(why);
	assert_int_equal(xlcfg_parse_file(&cfg, "/", &why), -EINVAL);
	free(why);
	xlcfg_clear(&cfg);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_generated),
		cmocka_unit_test(test_override),
	};

	sink = fopen("/dev/null", "w");
	return sink ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
