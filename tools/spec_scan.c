/* SPDX-License-Identifier: MIT */
/* What the syntaxes of disk strings and of vif strings share. */
#include "tools/spec_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int spec_why(struct spec_scan *s, int err, const char *fmt, ...)
{
	va_list ap;

	if (s->err)
		return s->err;
	s->err = err;
	va_start(ap, fmt);
	if (vasprintf(s->why, fmt, ap) < 0) {
		*s->why = NULL;
		s->err = -ENOMEM;
	}
	va_end(ap);
	return s->err;
}

int spec_each(struct spec_scan *s, int n, const char *const *strings,
	      void (*take)(struct spec_scan *s, char *text))
{
	for (int i = 0; i < n && !s->err; i++) {
		char *text = strdup(strings[i]);

		if (!text)
			s->err = -ENOMEM;
		else if (strlen(text) > s->max)
			(void)spec_why(s, -EINVAL, "the %s is longer than %zu bytes",
				       s->what, s->max); /* it is in s->err */
		else
			take(s, text);
		free(text);
	}
	return s->err;
}

int spec_check_printable(struct spec_scan *s, const char *token)
{
	for (const char *c = token; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return spec_why(s, -EINVAL,
					"the %s contains a control character (0x%02x, "
					"byte %zu of a parameter)",
					s->what, (unsigned char)*c,
					(size_t)(c - token) + 1);
	return 0;
}

int spec_set_string(struct spec_scan *s, const char *key, char **field, const char *value)
{
	char *copy;

	if (*field && **field)
		return spec_why(s, -EINVAL, "%s given twice: '%.80s' and '%.80s'", key,
				*field, value);
	copy = strdup(value);
	if (!copy)
		return s->err = -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}
