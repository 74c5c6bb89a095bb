/* SPDX-License-Identifier: MIT */
/* Names of virtual disks and their numbers, as vbd-interface(7) has them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frontends/vdev.h"

static void test_numbers(void **state)
{
	static const struct {
		const char *name;
		uint32_t devid;
		const char *back; /* NULL: the number */
	} vdevs[] = {
		{ "xvda", 51712, "xvda" },
		{ "xvda1", 51713, "xvda1" },
		{ "xvdb", 51728, "xvdb" },
		{ "xvdp15", 51967, "xvdp15" },
		{ "xvdq", 268439552, "xvdq" },
		{ "xvda16", 268435472, "xvda16" },
		{ "xvdz", 268441856, "xvdz" },
		{ "xvdaa", 268442112, "xvdaa" },
		{ "xvdzz", 268614912, "xvdzz" },
		{ "sda", 2048, "2048" },
		{ "sdp15", 2303, "2303" },
		{ "hda", 768, "768" },
		{ "hdb1", 833, "833" },
		{ "hdc", 5632, "5632" },
		{ "hdd63", 5759, "5759" },
		{ "51712", 51712, "xvda" },
		{ "0", 0, "0" },
	};
	char name[VDEV_NAME_MAX];
	uint32_t devid;

	(void)state;
	for (unsigned i = 0; i < sizeof(vdevs) / sizeof(vdevs[0]); i++) {
		assert_int_equal(vdev_parse(vdevs[i].name, &devid), 0);
		assert_int_equal(devid, vdevs[i].devid);
		vdev_name(devid, name);
		assert_string_equal(name, vdevs[i].back);
	}
	vdev_name(UINT32_MAX, name);
	assert_string_equal(name, "4294967295");
}

static void test_nonsense(void **state)
{
	static const char *const bad[] = {
		"",	 "a",	    "xvd",	 "xvdA",   "xvda0",	 "xvda01",
		"xvda-", "xvda256", "sdq",	 "sda16",  "hde",	 "hda64",
		"vda",	 "xvda1b",  "xvdzzzzzz", "51712x", "4294967296", "-1",
	};
	uint32_t devid;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (vdev_parse(bad[i], &devid) != -EINVAL)
			fail_msg("\"%s\" was taken as %u", bad[i], devid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
