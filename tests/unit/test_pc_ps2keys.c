/* SPDX-License-Identifier: MIT */
/* Scan codes of all keys: none is another's, and the controller turns set 2 into set 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/input-event-codes.h>
#include <string.h>

#include "backends/pc/ps2keys.h"

/* Every key has another code, in each set */
static void test_codes(void **state)
{
	(void)state;
	for (unsigned set = 1; set <= 3; set++) {
		uint8_t seen[PS2_KEYS][PS2_CODES] = { 0 };
		unsigned keys = 0;

		for (unsigned key = 0; key < PS2_KEYS; key++) {
			if (!ps2_codes(set, key, true, false, seen[keys]))
				continue;
			for (unsigned i = 0; i < keys; i++)
				assert_memory_not_equal(seen[i], seen[keys], PS2_CODES);
			keys++;
		}
		assert_true(keys > 100);
	}
}

static void test_translation(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * PS2_KEYS; i++) {
		uint8_t one[PS2_CODES], two[PS2_CODES];
		const bool pressed = i % 2;
		const unsigned n1 = ps2_codes(1, i / 2, pressed, false, one);
		const unsigned n2 = ps2_codes(2, i / 2, pressed, false, two);
		bool released = false;
		unsigned n = 0;

		for (unsigned k = 0; k < n2; k++)
			if (ps2_translate(&released, &two[k]))
				assert_int_equal(one[n++], two[k]);
		assert_int_equal(n, n1);
		assert_false(released);
	}
	assert_int_equal(ps2_set3(KEY_SYSRQ), 0x57);
	assert_int_equal(ps2_set3(PS2_KEYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_translation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
