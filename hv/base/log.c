/* SPDX-License-Identifier: MIT */
/* Log lines on stderr. */
#include "hv/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int log_level = -1;

void log_set_level(enum log_level level)
{
	log_level = (int)level;
}

static int log_level_from_env(void)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	const char *env = getenv("TANDEM_LOG");

	for (int i = 0; env && i < 4; i++)
		if (!strcmp(env, names[i]))
			return i;
	return LOG_WARN;
}

/* What a peer wrote stands in lines: it must not make lines, or move cursors. */
static void log_clean(char *s, int n)
{
	for (int i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			s[i] = '?';
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	int n, m;

	if (log_level < 0)
		log_level = log_level_from_env();
	if ((int)level > log_level)
		return;
	n = snprintf(buf, sizeof(buf), "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	m = vsnprintf(buf + n, sizeof(buf) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	n += m;
	if (n > (int)sizeof(buf) - 2)
		n = (int)sizeof(buf) - 2;
	log_clean(buf, n);
	buf[n++] = '\n';
	/* cannot fail: a log line that nobody can take is lost */
	(void)!write(STDERR_FILENO, buf, (size_t)n);
}
