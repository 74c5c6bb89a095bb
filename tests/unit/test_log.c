/* SPDX-License-Identifier: MIT */
/* A log line is one line, whatever stands in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/log.h"

/* A guest's key that holds a line end, and what a terminal would obey. */
static void test_one_line(void **state)
{
	char text[2048] = "", *line;
	int fds[2], err = dup(STDERR_FILENO);
	ssize_t n;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	log_warn("ring-ref=%s: want", "8\n\r\x1b[2Jtandem-blkback: all is well\x7f");
	assert_int_equal(dup2(err, STDERR_FILENO), STDERR_FILENO);
	n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	line = strchr(text, '\n');
	assert_ptr_equal(line, text + n - 1);
	assert_null(strpbrk(text, "\r\x1b\x7f"));
	assert_non_null(
		strstr(text, "ring-ref=8???[2Jtandem-blkback: all is well?: want"));
	close(err);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
