/* SPDX-License-Identifier: MIT */
/* Keys by name (tools/key_names.h). */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/key_names.h"

struct good {
	const char *text;
	uint16_t keys[KEY_CHORD_MAX + 1]; /* ends with 0 */
};

static const struct good good[] = {
	{ "a", { KEY_A } },
	{ "A", { KEY_LEFTSHIFT, KEY_A } },
	{ "shift-A", { KEY_LEFTSHIFT, KEY_A } },
	{ "rshift-A", { KEY_RIGHTSHIFT, KEY_A } },
	{ "1", { KEY_1 } },
	{ "!", { KEY_LEFTSHIFT, KEY_1 } },
	{ "-", { KEY_MINUS } },
	{ "minus", { KEY_MINUS } },
	{ "ctrl-minus", { KEY_LEFTCTRL, KEY_MINUS } },
	{ "ctrl-alt-delete", { KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE } },
	{ "Ctrl-Alt-Del", { KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE } },
	{ "alt-f4", { KEY_LEFTALT, KEY_F4 } },
	{ "f12", { KEY_F12 } },
	{ "enter", { KEY_ENTER } },
	{ "esc", { KEY_ESC } },
	{ "space", { KEY_SPACE } },
	{ "pgup", { KEY_PAGEUP } },
	{ "win-r", { KEY_LEFTMETA, KEY_R } },
	{ "a-b-c-d-e-f-g-h", { KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H } },
};

static void check_chord(const struct key_chord *c, const uint16_t *keys)
{
	unsigned n = 0;

	for (; keys[n]; n++) {
		assert_true(n < c->n);
		assert_int_equal(c->key[n], keys[n]);
	}
	assert_int_equal(c->n, n);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct key_chord c;

		assert_int_equal(key_chord_parse(good[i].text, &c), 0);
		check_chord(&c, good[i].keys);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = { "",	   "frob", "f13",     "f0",   "ctrl-",
					   "-a",   "--",   "a--b",    "\x7f", "\x01",
					   "\xe4", "aa",   "ctrl alt" };
	struct key_chord c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(key_chord_parse(bad[i], &c), -EINVAL);
	assert_int_equal(key_chord_parse("a-b-c-d-e-f-g-h-i", &c), -E2BIG);
	assert_int_equal(key_chord_parse("a-b-c-d-e-f-g-H", &c), -E2BIG);
}

static void test_type(void **state)
{
	struct key_chord c;

	(void)state;
	for (int ch = ' '; ch <= '~'; ch++) {
		assert_int_equal(key_chord_type((char)ch, &c), 0);
		assert_in_range(c.n, 1, 2);
		assert_true(c.n == 1 || c.key[0] == KEY_LEFTSHIFT);
	}
	assert_int_equal(key_chord_type('\n', &c), 0);
	check_chord(&c, (const uint16_t[]){ KEY_ENTER, 0 });
	assert_int_equal(key_chord_type('\t', &c), 0);
	check_chord(&c, (const uint16_t[]){ KEY_TAB, 0 });
	assert_int_equal(key_chord_type('\xc3', &c), -EINVAL);
	assert_int_equal(key_chord_type('\x1b', &c), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
