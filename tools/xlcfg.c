/* SPDX-License-Identifier: MIT */
/* The reader of configuration files in xl's syntax. */
#include "tools/xlcfg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct xlcfg *cfg;
	const char *name;
	const char *p;
	unsigned line;
	char **why;
	int err;
};

__attribute__((format(printf, 2, 3))) static int bad(struct reader *r, const char *fmt,
						     ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	r->err = -EINVAL;
	if (n < 0 || asprintf(r->why, "%s:%u: %s", r->name, r->line, text) < 0) {
		*r->why = NULL;
		r->err = -ENOMEM;
	}
	if (n >= 0)
		free(text);
	return r->err;
}

static void skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t')
		r->p++;
	if (*r->p == '#')
		r->p += strcspn(r->p, "\n");
}

static void skip_lines(struct reader *r)
{
	for (skip_blanks(r); *r->p == '\n'; skip_blanks(r)) {
		r->p++;
		r->line++;
	}
}

/* ------------------------------------------------------------------ values */

static int value_add(struct xlcfg_value *v, const char *s, size_t len)
{
	char **items = realloc(v->items, (v->n + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	v->items = items;
	items[v->n] = strndup(s, len);
	return items[v->n] ? (v->n++, 0) : -ENOMEM;
}

static void value_clear(struct xlcfg_value *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->items[i]);
	free(v->items);
	memset(v, 0, sizeof(*v));
}

/* The character that `\c` stands for, or -1. */
static int unescape(char c)
{
	static const char from[] = "abfnrtv\"'\\", to[] = "\a\b\f\n\r\t\v\"'\\";
	const char *f = c ? strchr(from, c) : NULL;

	return f ? to[f - from] : -1;
}

/* A quoted string at r->p. */
static int read_string(struct reader *r, struct xlcfg_value *v)
{
	char quote = *r->p++, *buf = strdup(r->p), *out = buf;

	if (!buf)
		return r->err = -ENOMEM;
	for (; *r->p != quote; r->p++) {
		int c = (unsigned char)*r->p;

		if (!c || c == '\n') {
			(void)bad(r, "the string that starts with %c does not end",
				  quote);
			break;
		}
		if (c == '\\') {
			c = unescape(*++r->p);
			if (c < 0) {
				(void)bad(r, "unknown escape after \\ in a string");
				break;
			}
		}
		*out++ = (char)c;
	}
	if (!r->err) {
		r->p++;
		r->err = value_add(v, buf, (size_t)(out - buf));
	}
	free(buf);
	return r->err;
}

static int read_atom(struct reader *r, struct xlcfg_value *v)
{
	size_t n;

	if (*r->p == '"' || *r->p == '\'')
		return read_string(r, v);
	n = strspn(r->p, "0123456789abcdefx");
	if (*r->p < '0' || *r->p > '9')
		return bad(r, *r->p == '[' ? "a list within a list is not supported"
					   : "expected a number, a quoted string or a "
					     "[list]");
	r->err = value_add(v, r->p, n);
	r->p += n;
	return r->err;
}

static int read_list(struct reader *r, struct xlcfg_value *v)
{
	v->is_list = true;
	r->p++;
	skip_lines(r);
	while (*r->p != ']') {
		if (!*r->p)
			return bad(r, "the list does not end");
		if (read_atom(r, v))
			return r->err;
		skip_lines(r);
		if (*r->p == ',') {
			r->p++;
			skip_lines(r);
		} else if (*r->p != ']') {
			return bad(r, "expected , or ] in a list");
		}
	}
	r->p++;
	return 0;
}

/* ----------------------------------------------------------------- entries */

static struct xlcfg_entry *find(const struct xlcfg *cfg, const char *key, size_t len)
{
	struct xlcfg_entry *e;

	for (e = cfg->first; e; e = e->next)
		if (strlen(e->key) == len && !memcmp(e->key, key, len))
			return e;
	return NULL;
}

static struct xlcfg_entry *entry_new(struct reader *r, const char *key, size_t len)
{
	struct xlcfg_entry *e = calloc(1, sizeof(*e)), **end = &r->cfg->first;

	if (e)
		e->key = strndup(key, len);
	if (!e || !e->key) {
		free(e);
		r->err = -ENOMEM;
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	return *end = e;
}

/* `+=` appends to a list, and to a string. */
static int value_append(struct reader *r, struct xlcfg_value *to,
			struct xlcfg_value *from)
{
	char *joined;

	if (to->is_list != from->is_list)
		return bad(r, "+= wants a list on both sides, or on none");
	if (!to->is_list) {
		if (asprintf(&joined, "%s%s", to->items[0], from->items[0]) < 0)
			return r->err = -ENOMEM;
		free(to->items[0]);
		to->items[0] = joined;
		return 0;
	}
	for (size_t i = 0; !r->err && i < from->n; i++)
		r->err = value_add(to, from->items[i], strlen(from->items[i]));
	return r->err;
}

static int assign(struct reader *r, const char *key, size_t len, bool append,
		  struct xlcfg_value *v, unsigned line)
{
	struct xlcfg_entry *e = find(r->cfg, key, len);

	if (e && append) {
		(void)value_append(r, &e->value, v);
		value_clear(v);
		return r->err;
	}
	if (e && e->fixed)
		(void)bad(r, "%.*s was given in line %u already", (int)len, key, e->line);
	else if (!e)
		e = entry_new(r, key, len);
	if (r->err) {
		value_clear(v);
		return r->err;
	}
	value_clear(&e->value);
	e->value = *v;
	e->line = line;
	e->fixed = true;
	return 0;
}

static int read_entry(struct reader *r)
{
	const char *key = r->p;
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._");
	struct xlcfg_value v = { 0 };
	unsigned line = r->line;
	bool append;

	if (*key < 'a' || *key > 'z')
		return bad(r, "expected key=value; a key is a lower-case word");
	r->p += len;
	skip_blanks(r);
	append = *r->p == '+';
	r->p += append;
	if (*r->p != '=')
		return bad(r, "expected = behind '%.*s'", (int)(len < 64 ? len : 64),
			   key);
	r->p++;
	skip_blanks(r);
	if (*r->p == '[' ? read_list(r, &v) : read_atom(r, &v)) {
		value_clear(&v);
		return r->err;
	}
	skip_blanks(r);
	if (*r->p && *r->p != '\n' && *r->p != ';') {
		value_clear(&v);
		return bad(r, "something follows the value of %.*s",
			   (int)(len < 64 ? len : 64), key);
	}
	return assign(r, key, len, append, &v, line);
}

int xlcfg_parse(struct xlcfg *cfg, const char *name, const char *text, char **why)
{
	struct reader r = { .cfg = cfg, .name = name, .p = text, .line = 1, .why = why };

	*why = NULL;
	for (struct xlcfg_entry *e = cfg->first; e; e = e->next)
		e->fixed = false;
	for (skip_lines(&r); !r.err && *r.p; skip_lines(&r)) {
		if (*r.p == ';')
			r.p++;
		else if (read_entry(&r))
			break;
	}
	return r.err;
}

static char *read_text(FILE *f, char **why, const char *path, int *err)
{
	char *buf = malloc(XLCFG_MAX_BYTES + 1);
	size_t n = buf ? fread(buf, 1, XLCFG_MAX_BYTES + 1, f) : 0;
	const char *says = NULL;

	*err = -EINVAL;
	if (!buf)
		*err = -ENOMEM;
	else if (ferror(f))
		says = strerror(errno);
	else if (n > XLCFG_MAX_BYTES)
		says = "longer than 1 MiB: this is no configuration";
	else if (memchr(buf, '\0', n))
		says = "contains a NUL byte: this is no configuration";
	else
		*err = 0;
	if (!*err) {
		buf[n] = '\0';
		return buf;
	}
	if (says && asprintf(why, "%s: %s", path, says) < 0)
		*why = NULL;
	free(buf);
	return NULL;
}

int xlcfg_parse_file(struct xlcfg *cfg, const char *path, char **why)
{
	FILE *f = fopen(path, "re");
	char *text;
	int err;

	*why = NULL;
	if (!f) {
		err = -errno;
		if (asprintf(why, "%s: %s", path, strerror(errno)) < 0)
			*why = NULL;
		return err;
	}
	text = read_text(f, why, path, &err);
	fclose(f);
	if (!text)
		return err;
	err = xlcfg_parse(cfg, path, text, why);
	free(text);
	return err;
}

const struct xlcfg_entry *xlcfg_find(const struct xlcfg *cfg, const char *key)
{
	return find(cfg, key, strlen(key));
}

void xlcfg_clear(struct xlcfg *cfg)
{
	struct xlcfg_entry *e;

	while ((e = cfg->first)) {
		cfg->first = e->next;
		value_clear(&e->value);
		free(e->key);
		free(e);
	}
}
