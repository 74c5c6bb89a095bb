/* SPDX-License-Identifier: MIT */
/* The syntax of disk strings: from text to struct disk_spec. */
#include "tools/disk_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/disk_scan.h"

struct enum_name {
	const char *name;
	int value;
};

static const struct enum_name formats[] = {
	{ "raw", DISK_FORMAT_RAW },	{ "qcow", DISK_FORMAT_QCOW },
	{ "qcow2", DISK_FORMAT_QCOW2 }, { "vhd", DISK_FORMAT_VHD },
	{ "qed", DISK_FORMAT_QED },	{ "empty", DISK_FORMAT_EMPTY },
	{ "zstd", DISK_FORMAT_ZSTD },	{ NULL, 0 },
};

static const struct enum_name backendtypes[] = {
	{ "phy", DISK_BACKEND_PHY },
	{ "tap", DISK_BACKEND_TAP },
	{ "qdisk", DISK_BACKEND_QDISK },
	{ "standalone", DISK_BACKEND_STANDALONE },
	{ "uring", DISK_BACKEND_URING },
	{ "aio", DISK_BACKEND_AIO },
	{ "null", DISK_BACKEND_NULL },
	{ "ram", DISK_BACKEND_RAM },
	{ "zstd", DISK_BACKEND_ZSTD },
	{ "fault", DISK_BACKEND_FAULT },
	{ NULL, 0 },
};

static int enum_find(const struct enum_name *names, const char *s)
{
	for (; names->name; names++)
		if (!strcmp(names->name, s))
			return names->value;
	return 0;
}

static const char *enum_name(const struct enum_name *names, int value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return "unknown";
}

const char *disk_format_name(enum disk_format f)
{
	return enum_name(formats, (int)f);
}

const char *disk_backendtype_name(enum disk_backendtype t)
{
	return enum_name(backendtypes, (int)t);
}

int disk_set_format(struct disk_scan *s, const char *value)
{
	int f = *value ? enum_find(formats, value) : DISK_FORMAT_RAW;
	int was = (int)s->d->format;

	if (!f)
		return spec_why(&s->scan, -EINVAL,
				"format '%.80s' is unknown: raw or zstd would be right",
				value);
	if (was && was != f)
		return spec_why(&s->scan, -EINVAL, "format given twice: %s and %s",
				enum_name(formats, was), enum_name(formats, f));
	s->d->format = (enum disk_format)f;
	return 0;
}

int disk_set_backendtype(struct disk_scan *s, const char *value)
{
	int t = enum_find(backendtypes, value), was = (int)s->d->backendtype;

	if (!t)
		return spec_why(&s->scan, -EINVAL,
				"backendtype '%.80s' is unknown: phy, uring, aio, null, "
				"ram, zstd or fault would be right",
				value);
	if (was && was != t)
		return spec_why(&s->scan, -EINVAL, "backendtype given twice: %s and %s",
				enum_name(backendtypes, was), enum_name(backendtypes, t));
	s->d->backendtype = (enum disk_backendtype)t;
	return 0;
}

int disk_set_access(struct disk_scan *s, const char *value)
{
	enum disk_tristate rw;

	if (!*value && s->access != DISK_NO) /* the default */
		return 0;
	if (!*value)
		return spec_why(&s->scan, -EINVAL, "access given twice: ro and empty");
	if (!strcmp(value, "r") || !strcmp(value, "ro"))
		rw = DISK_NO;
	else if (!strcmp(value, "w") || !strcmp(value, "rw"))
		rw = DISK_YES;
	else
		return spec_why(
			&s->scan, -EINVAL,
			"access '%.80s' is unknown: r, ro, w or rw would be right",
			value);
	return disk_set_tristate(s, "access", &s->access, rw, "rw", "ro");
}

int disk_set_tristate(struct disk_scan *s, const char *key, enum disk_tristate *field,
		      enum disk_tristate value, const char *yes, const char *no)
{
	if (*field != DISK_UNSET && *field != value)
		return spec_why(&s->scan, -EINVAL, "%s given twice: %s and %s", key,
				*field == DISK_YES ? yes : no,
				value == DISK_YES ? yes : no);
	*field = value;
	return 0;
}

int disk_set_devtype(struct disk_scan *s, const char *value)
{
	enum disk_tristate cd;

	if (!strcmp(value, "cdrom"))
		cd = DISK_YES;
	else if (!strcmp(value, "disk"))
		cd = DISK_NO;
	else
		return spec_why(
			&s->scan, -EINVAL,
			"devtype '%.80s' is unknown: disk or cdrom would be right",
			value);
	return disk_set_tristate(s, "devtype", &s->cdrom, cd, "cdrom", "disk");
}

/* "hdc:cdrom" in a positional vdev. Takes it, or returns 0 with *taken false. */
static int take_vdev_devtype(struct disk_scan *s, char *token, bool *taken)
{
	char *colon = strrchr(token, ':');
	int err;

	*taken = colon != NULL;
	if (!colon)
		return 0;
	*colon++ = '\0';
	err = spec_set_string(&s->scan, "vdev", &s->d->vdev, token);
	return err ? err : disk_set_devtype(s, colon);
}

static int take_positional(struct disk_scan *s, char *token)
{
	struct disk_spec *d = s->d;
	bool taken;
	int err;

	if (!d->target)
		return spec_set_string(&s->scan, "target", &d->target, token);
	if (!s->prefixed && d->format == DISK_FORMAT_UNKNOWN) {
		if (*d->target)
			return disk_set_format(s, token);
		err = take_vdev_devtype(s, token, &taken); /* ",hdc:cdrom,r" */
		if (!err && taken)
			d->format = DISK_FORMAT_EMPTY;
		return err || taken ? err : disk_set_format(s, token);
	}
	if (!d->vdev) {
		err = take_vdev_devtype(s, token, &taken);
		if (err || taken)
			return err;
		return spec_set_string(&s->scan, "vdev", &d->vdev, token);
	}
	if (!s->access_taken) {
		s->access_taken = true;
		return disk_set_access(s, token);
	}
	return spec_why(&s->scan, -EINVAL,
			"'%.80s' is one too many: target,format,vdev,access are all "
			"given",
			token);
}

static int take_prefix(struct disk_scan *s, const char *prefix)
{
	static const char *const ignored[] = { "tapdisk", "tap", "tap2", "aio",
					       "ioemu",	  "phy", "file" };
	static const char *const scripts[] = { "iscsi", "nbd", "enbd", "drbd" };
	static const char *const forms[] = { "raw", "qcow", "qcow2", "vhd" };
	char script[32];

	if (s->d->target)
		return spec_why(&s->scan, -EINVAL,
				"prefix '%.80s:' stands behind the target: it belongs "
				"before it",
				prefix);
	s->prefixed = true;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		if (!strcmp(prefix, ignored[i]))
			return 0;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (!strcmp(prefix, forms[i]))
			return disk_set_format(s, prefix);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (!strcmp(prefix, scripts[i])) {
			snprintf(script, sizeof(script), "block-%s", prefix);
			return spec_set_string(&s->scan, "script", &s->d->script, script);
		}
	return spec_why(&s->scan, -EINVAL,
			"prefix '%.80s:' is unknown: give the format as format=, or "
			"the target as target=",
			prefix);
}

/*
 * A deprecated prefix at `p`: its length with the colon, or 0. "hdc:cdrom"
 * is none: an unknown word counts only if something else than a word follows.
 */
static size_t prefix_len(const char *p)
{
	static const char *const known[] = { "raw",	"qcow",	 "qcow2", "vhd",  "iscsi",
					     "nbd",	"enbd",	 "drbd",  "tap",  "tap2",
					     "tapdisk", "ioemu", "aio",	  "file", "phy" };
	size_t n = 0;

	if (*p < 'a' || *p > 'z')
		return 0;
	while ((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= '0' && p[n] <= '9'))
		n++;
	if (p[n] != ':')
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i]) == n && !memcmp(known[i], p, n))
			return n + 1;
	p += n + 1;
	return (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') ? 0 : n + 1;
}

/*
 * target= swallows the rest, as in xl, but for one comma at its end; and, which
 * is ours, for a `,backend=NAME` there: no path ends so, and people write it.
 */
static int take_target(struct disk_scan *s, char *rest)
{
	static const char key[] = ",backend=";
	size_t n = strlen(rest);
	char *p, *backend = NULL;

	if (n && rest[n - 1] == ',')
		rest[n - 1] = '\0';
	for (p = strstr(rest, key); p; p = strstr(p + 1, key))
		backend = p;
	if (backend && !strpbrk(backend + sizeof(key) - 1, ",/")) {
		*backend = '\0';
		if (disk_set_key(s, "backend", backend + sizeof(key) - 1))
			return s->scan.err;
	}
	return spec_set_string(&s->scan, "target", &s->d->target, rest);
}

/* The parameter that starts at *p; moves *p behind it and its comma. */
static int take_parameter(struct disk_scan *s, char **p)
{
	char *token = *p, *comma, *equals;
	size_t n = prefix_len(token);

	if (n) {
		token[n - 1] = '\0';
		*p = token + n;
		return take_prefix(s, token);
	}
	if (!strncmp(token, "target=", 7)) {
		*p = token + strlen(token);
		return spec_check_printable(&s->scan, token) ? s->scan.err
							     : take_target(s, token + 7);
	}
	comma = strchr(token, ',');
	if (comma)
		*comma = '\0';
	*p = comma ? comma + 1 : token + strlen(token);
	if (spec_check_printable(&s->scan, token))
		return s->scan.err;
	equals = strchr(token, '=');
	if (equals) {
		*equals = '\0';
		return disk_set_key(s, token, equals + 1);
	}
	if (disk_set_flag(s, token))
		return s->scan.err;
	return take_positional(s, token);
}

static void take_string(struct spec_scan *scan, char *text)
{
	struct disk_scan *s = (struct disk_scan *)scan;
	char *p = text;

	while (!scan->err) {
		p += strspn(p, " \t\n");
		if (!*p)
			break;
		(void)take_parameter(s, &p); /* its error is in scan->err */
	}
}

static int scan_end(struct disk_scan *s)
{
	struct disk_spec *d = s->d;

	d->readwrite = s->access != DISK_NO;
	d->cdrom = s->cdrom == DISK_YES;
	if (d->format == DISK_FORMAT_UNKNOWN)
		d->format = d->backendtype == DISK_BACKEND_ZSTD ? DISK_FORMAT_ZSTD
								: DISK_FORMAT_RAW;
	if (d->cdrom) {
		d->removable = true;
		d->readwrite = false;
		if (!d->target || !*d->target)
			d->format = DISK_FORMAT_EMPTY;
	}
	if (!d->vdev || !*d->vdev)
		return spec_why(&s->scan, -EINVAL,
				"vdev is missing: for example vdev=xvda would be right");
	if (!d->cdrom && (!d->target || !*d->target))
		return spec_why(&s->scan, -EINVAL,
				"target is missing: for example target=/path/to/image "
				"would be right");
	return 0;
}

int disk_spec_scan(int n, const char *const *strings, struct disk_spec *d, char **why)
{
	struct disk_scan s = { .scan = { "disk string", DISK_SPEC_MAX, why, 0 }, .d = d };

	memset(d, 0, sizeof(*d));
	d->devid = DISK_DEVID_NONE;
	*why = NULL;
	if (spec_each(&s.scan, n, strings, take_string) || scan_end(&s))
		disk_spec_clear(d);
	return s.scan.err;
}

void disk_spec_clear(struct disk_spec *d)
{
	free(d->target);
	free(d->vdev);
	free(d->backend);
	free(d->script);
	free(d->options);
	memset(d, 0, sizeof(*d));
	d->devid = DISK_DEVID_NONE;
}

int disk_spec_parse(int n, const char *const *strings, struct disk_spec *d, char **why)
{
	int err = disk_spec_scan(n, strings, d, why);

	if (err)
		return err;
	err = disk_spec_check(d, why);
	if (err)
		disk_spec_clear(d);
	return err;
}
