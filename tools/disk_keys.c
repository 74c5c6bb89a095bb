/* SPDX-License-Identifier: MIT */
/* The keys and flags of disk strings, and what of them tandem can serve. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/disk_scan.h"

int disk_size_parse(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t v = 0;
	unsigned shift = 0;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	if (*s) {
		unit = strchr(units, *s >= 'a' && *s <= 'z' ? *s - 0x20 : *s);
		if (!unit || s[1])
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (v > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	*bytes = v << shift;
	return 0;
}

static int set_backend(struct disk_scan *s, const char *value)
{
	return spec_set_string(&s->scan, "backend", &s->d->backend, value);
}

static int set_vdev(struct disk_scan *s, const char *value)
{
	return spec_set_string(&s->scan, "vdev", &s->d->vdev, value);
}

static int set_script(struct disk_scan *s, const char *value)
{
	return spec_set_string(&s->scan, "script", &s->d->script, value);
}

static int set_specification(struct disk_scan *s, const char *value)
{
	if (!strcmp(value, "xen"))
		return 0;
	if (!strcmp(value, "virtio"))
		return spec_why(&s->scan, -ENOTSUP,
				"not supported: specification=virtio; xen is what there "
				"is");
	return spec_why(&s->scan, -EINVAL,
			"specification '%.80s' is unknown: xen would be right", value);
}

/* A ';' stands for ',', which would end the parameter. */
static int set_options(struct disk_scan *s, const char *value)
{
	int err = spec_set_string(&s->scan, "options", &s->d->options, value);

	for (char *p = err ? NULL : s->d->options; p && *p; p++)
		if (*p == ';')
			*p = ',';
	return err;
}

static int set_number(struct disk_scan *s, const char *key, const char *value,
		      uint64_t max, uint64_t *field)
{
	uint64_t v;

	if (disk_size_parse(value, &v) || v == 0 || v > max)
		return spec_why(&s->scan, -EINVAL,
				"%s '%.80s' is no number from 1 to %llu (K, M, G may "
				"follow)",
				key, value, (unsigned long long)max);
	if (*field && *field != v)
		return spec_why(&s->scan, -EINVAL, "%s given twice: %llu and %llu", key,
				(unsigned long long)*field, (unsigned long long)v);
	*field = v;
	return 0;
}

static int set_iops(struct disk_scan *s, const char *value)
{
	return set_number(s, "iops", value, UINT32_MAX, &s->d->iops);
}

static int set_bps(struct disk_scan *s, const char *value)
{
	return set_number(s, "bps", value, 1ull << 50, &s->d->bps);
}

static int set_burst(struct disk_scan *s, const char *value)
{
	uint64_t v = s->d->burst_ms;
	int err = set_number(s, "burst", value, 60000, &v);

	s->d->burst_ms = (uint32_t)v;
	return err;
}

static int set_direct(struct disk_scan *s, const char *value)
{
	bool on = !strcmp(value, "on");

	if (!on && strcmp(value, "off"))
		return spec_why(&s->scan, -EINVAL,
				"direct '%.80s' is unknown: on or off would be right",
				value);
	return disk_set_tristate(s, "direct", &s->d->direct, on ? DISK_YES : DISK_NO,
				 "on", "off");
}

static int set_sector_size(struct disk_scan *s, const char *value)
{
	uint32_t v = !strcmp(value, "512") ? 512 : !strcmp(value, "4096") ? 4096 : 0;

	if (!v)
		return spec_why(&s->scan, -EINVAL,
				"sector-size '%.80s' is not possible: 512 or 4096 would "
				"be right",
				value);
	if (s->d->sector_size && s->d->sector_size != v)
		return spec_why(&s->scan, -EINVAL, "sector-size given twice: %u and %u",
				s->d->sector_size, v);
	s->d->sector_size = v;
	return 0;
}

struct disk_key {
	const char *name;
	int (*set)(struct disk_scan *s, const char *value); /* NULL: not supported */
};

static const struct disk_key keys[] = {
	{ "format", disk_set_format },
	{ "vdev", set_vdev },
	{ "access", disk_set_access },
	{ "devtype", disk_set_devtype },
	{ "backend", set_backend },
	{ "backendtype", disk_set_backendtype },
	{ "script", set_script },
	{ "specification", set_specification },
	{ "sector-size", set_sector_size },
	{ "direct", set_direct },
	{ "iops", set_iops },
	{ "bps", set_bps },
	{ "burst", set_burst },
	{ "options", set_options },
	{ "colo-host", NULL },
	{ "colo-port", NULL },
	{ "colo-export", NULL },
	{ "active-disk", NULL },
	{ "hidden-disk", NULL },
	{ "grant_usage", NULL },
};

int disk_set_key(struct disk_scan *s, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(key, keys[i].name))
			continue;
		if (!keys[i].set)
			return spec_why(&s->scan, -ENOTSUP, "not supported: %s", key);
		return keys[i].set(s, value);
	}
	return spec_why(&s->scan, -EINVAL,
			"unknown key '%.80s' with value '%.80s': a target that contains "
			"'=' or ',' goes last, as target=",
			key, value);
}

bool disk_set_flag(struct disk_scan *s, const char *word)
{
	struct disk_spec *d = s->d;

	if (!strcmp(word, "cdrom"))
		(void)disk_set_devtype(s, word);
	else if (!strcmp(word, "direct-io-safe"))
		d->direct_io_safe = true;
	else if (!strcmp(word, "discard") || !strcmp(word, "no-discard"))
		(void)disk_set_tristate(s, "discard", &d->discard,
					*word == 'd' ? DISK_YES : DISK_NO, "discard",
					"no-discard");
	else if (!strcmp(word, "trusted") || !strcmp(word, "untrusted"))
		(void)disk_set_tristate(s, "trusted", &d->trusted,
					*word == 't' ? DISK_YES : DISK_NO, "trusted",
					"untrusted");
	else if (!strcmp(word, "colo") || !strcmp(word, "no-colo"))
		(void)spec_why(&s->scan, -ENOTSUP, "not supported: %s", word);
	else
		return false;
	return true;
}

/* The block driver, from backendtype and format. */
static int choose_driver(struct disk_scan *s)
{
	struct disk_spec *d = s->d;
	enum disk_backendtype t = d->backendtype;

	if (t == DISK_BACKEND_TAP || t == DISK_BACKEND_QDISK ||
	    t == DISK_BACKEND_STANDALONE)
		return spec_why(&s->scan, -ENOTSUP,
				"not supported: backendtype=%s; phy, uring, aio, null, "
				"ram, zstd and fault are",
				disk_backendtype_name(t));
	if (d->format == DISK_FORMAT_EMPTY)
		return spec_why(&s->scan, -ENOTSUP,
				"not supported: format=empty: give the image as "
				"target=, or devtype=cdrom for a drive without a disc");
	if (d->format != DISK_FORMAT_RAW && d->format != DISK_FORMAT_ZSTD)
		return spec_why(
			&s->scan, -ENOTSUP,
			"not supported: format=%s; raw and zstd are, and qemu-img "
			"converts",
			disk_format_name(d->format));
	if (t == DISK_BACKEND_UNKNOWN || t == DISK_BACKEND_PHY)
		d->driver = d->format == DISK_FORMAT_ZSTD ? "zstd" : "uring";
	else
		d->driver = disk_backendtype_name(t);
	if (d->format == DISK_FORMAT_ZSTD && strcmp(d->driver, "zstd") &&
	    t != DISK_BACKEND_FAULT)
		return spec_why(
			&s->scan, -EINVAL,
			"backendtype=%s reads no format=zstd: zstd would be right",
			disk_backendtype_name(t));
	if (t == DISK_BACKEND_PHY && d->format == DISK_FORMAT_ZSTD)
		return spec_why(&s->scan, -EINVAL,
				"backendtype=phy reads format=raw only: leave it out for "
				"format=zstd");
	if (t == DISK_BACKEND_ZSTD && d->format == DISK_FORMAT_RAW)
		return spec_why(&s->scan, -EINVAL,
				"backendtype=zstd reads no format=raw: format=zstd would "
				"be right");
	return 0;
}

static int check_target(struct disk_scan *s)
{
	struct disk_spec *d = s->d;
	uint64_t size;
	char *path;

	if (d->backendtype == DISK_BACKEND_NULL || d->backendtype == DISK_BACKEND_RAM) {
		if (!disk_size_parse(d->target, &size) && size >= 4096 && !(size % 4096))
			return 0;
		return spec_why(
			&s->scan, -EINVAL,
			"target '%.80s' is no size for backendtype=%s: a multiple "
			"of 4096 such as target=64M would be right",
			d->target, disk_backendtype_name(d->backendtype));
	}
	if (*d->target == '/' || d->backendtype == DISK_BACKEND_FAULT)
		return 0;
	if (!strncmp(d->target, "./", 2) || !strncmp(d->target, "../", 3))
		return spec_why(&s->scan, -EINVAL,
				"target '%.80s' is relative: the backend has another "
				"directory, give the whole path",
				d->target);
	/* xl-disk-configuration(5): "/dev will be prepended" */
	if (asprintf(&path, "/dev/%s", d->target) < 0)
		return s->scan.err = -ENOMEM;
	free(d->target);
	d->target = path;
	return 0;
}

int disk_spec_check(struct disk_spec *d, char **why)
{
	struct disk_scan s = { .scan = { .why = why }, .d = d };

	*why = NULL;
	if (d->script)
		return spec_why(&s.scan, -ENOTSUP, "not supported: script=%.80s",
				d->script);
	if (disk_vdev_parse(d->vdev, &d->devid))
		return spec_why(
			&s.scan, -EINVAL,
			"vdev '%.80s' is no virtual device: xvda to xvdzz, hda to "
			"hdd, sda to sdp, with a partition number or without, or "
			"d0p0 would be right",
			d->vdev);
	if (d->format == DISK_FORMAT_EMPTY && d->cdrom)
		return 0;
	if (choose_driver(&s) || check_target(&s))
		return s.scan.err;
	if (d->direct_io_safe && d->direct == DISK_NO)
		return spec_why(&s.scan, -EINVAL,
				"direct-io-safe and direct=off contradict");
	if (d->burst_ms && !d->iops && !d->bps)
		return spec_why(&s.scan, -EINVAL, "burst is given without iops= or bps=");
	return 0;
}
