/* SPDX-License-Identifier: MIT */
/* Every size, offset and constant of hv/kvm's Xen ABI against Debian's headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/kvm/xen_abi.h"
#include "hv/kvm/xen_shared.h"
#include "tests/unit/layout_kvm.h"

#define SIZE(ours, xens) { "sizeof " #ours, sizeof(struct ours) },
#define FIELD(ours, xens, f, xen_f)                           \
	{ "offset " #ours "." #f, offsetof(struct ours, f) }, \
		{ "sizeof " #ours "." #f, sizeof(((struct ours *)0)->f) },
#define CONST(name) { #name, (uint64_t)(int64_t)(name) },

static const struct {
	const char *what;
	uint64_t value;
} ours[] = {
#include "tests/unit/layout_kvm_list.inc"
};

static void test_layout(void **state)
{
	unsigned wrong = 0;

	(void)state;
	assert_int_equal(sizeof(ours) / sizeof(ours[0]), layout_kvm_xen_len);
	for (unsigned i = 0; i < layout_kvm_xen_len; i++)
		if (ours[i].value != layout_kvm_xen[i]) {
			print_error("%s: ours %lld, Xen's %lld\n", ours[i].what,
				    (long long)ours[i].value,
				    (long long)layout_kvm_xen[i]);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_layout) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
