/* SPDX-License-Identifier: MIT */
/*
 * Our disk syntax against Xen's own: what libxlutil's xlu_disk_parse() and
 * disk_spec_scan() both accept must agree in every field, and device numbers
 * must be libxl's. Strings: a table, and generated ones from a fixed seed.
 */
#include <libxlutil.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/disk_spec.h"

/* From libxenlight.a; hidden in the shared library. */
int libxl__device_disk_dev_number(const char *virtpath, int *pdisk, int *ppartition);

static FILE *sink; /* libxlutil's messages */

static int xlu_scan(int n, const char *const *strings, libxl_device_disk *disk)
{
	XLU_Config *cfg = xlu_cfg_init(sink, "test");
	int err;

	assert_non_null(cfg);
	libxl_device_disk_init(disk);
	err = xlu_disk_parse(cfg, n, strings, disk);
	xlu_cfg_destroy(cfg);
	return err;
}

static bool same_string(const char *a, const char *b)
{
	return (!a && !b) || (a && b && !strcmp(a, b));
}

static bool same_tristate(enum disk_tristate t, const libxl_defbool *b)
{
	if (libxl_defbool_is_default(*b))
		return t == DISK_UNSET;
	return t == (libxl_defbool_val(*b) ? DISK_YES : DISK_NO);
}

static int xl_format(enum disk_format f)
{
	switch (f) {
	case DISK_FORMAT_RAW:
		return LIBXL_DISK_FORMAT_RAW;
	case DISK_FORMAT_EMPTY:
		return LIBXL_DISK_FORMAT_EMPTY;
	case DISK_FORMAT_QCOW:
		return LIBXL_DISK_FORMAT_QCOW;
	case DISK_FORMAT_QCOW2:
		return LIBXL_DISK_FORMAT_QCOW2;
	case DISK_FORMAT_VHD:
		return LIBXL_DISK_FORMAT_VHD;
	case DISK_FORMAT_QED:
		return LIBXL_DISK_FORMAT_QED;
	default:
		return -1;
	}
}

static int xl_backendtype(enum disk_backendtype t)
{
	switch (t) {
	case DISK_BACKEND_UNKNOWN:
		return LIBXL_DISK_BACKEND_UNKNOWN;
	case DISK_BACKEND_PHY:
		return LIBXL_DISK_BACKEND_PHY;
	case DISK_BACKEND_TAP:
		return LIBXL_DISK_BACKEND_TAP;
	case DISK_BACKEND_QDISK:
		return LIBXL_DISK_BACKEND_QDISK;
	case DISK_BACKEND_STANDALONE:
		return LIBXL_DISK_BACKEND_STANDALONE;
	default:
		return -1;
	}
}

/* NULL, or the field in which they differ. */
static const char *difference(const struct disk_spec *d, const libxl_device_disk *x)
{
	if (!same_string(d->target, x->pdev_path))
		return "target";
	if (!same_string(d->vdev, x->vdev))
		return "vdev";
	if (!same_string(d->backend, x->backend_domname))
		return "backend";
	if (!same_string(d->script, x->script))
		return "script";
	if (xl_format(d->format) != (int)x->format)
		return "format";
	if (xl_backendtype(d->backendtype) != (int)x->backend)
		return "backendtype";
	if (d->readwrite != !!x->readwrite)
		return "access";
	if (d->cdrom != !!x->is_cdrom || d->removable != !!x->removable)
		return "devtype";
	if (d->direct_io_safe != x->direct_io_safe)
		return "direct-io-safe";
	if (!same_tristate(d->discard, &x->discard_enable))
		return "discard";
	if (!same_tristate(d->trusted, &x->trusted))
		return "trusted";
	return NULL;
}

enum { BOTH, NEITHER, XL_ONLY, OURS_ONLY };

/* Runs both; fails the test where both accept and differ. */
static int compare(int n, const char *const *strings)
{
	libxl_device_disk x;
	struct disk_spec d;
	char *why;
	int xerr = xlu_scan(n, strings, &x);
	int err = disk_spec_scan(n, strings, &d, &why);
	const char *diff = err || xerr ? NULL : difference(&d, &x);

	if (err && (!why || !*why || strchr(why, '\n')))
		fail_msg("'%s': error %d without a line", strings[0], err);
	if (diff)
		fail_msg("'%s' '%s': %s differs", strings[0], n > 1 ? strings[1] : "",
			 diff);
	free(why);
	libxl_device_disk_dispose(&x);
	disk_spec_clear(&d);
	return err ? (xerr ? NEITHER : XL_ONLY) : (xerr ? OURS_ONLY : BOTH);
}

struct row {
	const char *string;
	int accepted; /* BOTH... */
};

static const struct row table[] = {
	/* xl-disk-configuration(5)'s examples */
	{ "/dev/vg/guest-volume,,hda", BOTH },
	{ "/dev/vg/guest-volume,raw,hda,rw", BOTH },
	{ "format=raw, vdev=hda, access=rw, target=/dev/vg/guest-volume", BOTH },
	{ "raw:/dev/vg/guest-volume,hda,w", BOTH },
	{ "/root/image.iso,,hdc,cdrom", BOTH },
	{ "/root/image.iso,,hdc,,cdrom", BOTH },
	{ "/root/image.iso,raw,hdc,devtype=cdrom", BOTH },
	{ "format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/root/image.iso",
	  BOTH },
	{ "raw:/root/image.iso,hdc:cdrom,ro", BOTH },
	{ "tap:aio:/some/path,xvda,w", BOTH },
	{ "tap:aio:qcow2:/some/path,xvda,w", BOTH },
	{ ",hdc:cdrom,r", BOTH },
	{ "vdev=hdc,cdrom", BOTH },
	/* keys before, between and behind positionals */
	{ "vdev=xvda,/img,raw,rw", BOTH },
	{ "/img,vdev=xvda,raw,r", BOTH },
	{ "format=qcow2,/img,xvda,ro,discard", BOTH },
	{ "access=w,no-discard,direct-io-safe,backend=drv0,/img,,xvdb", BOTH },
	{ "backendtype=phy,specification=xen,/dev/x,,sda1", BOTH },
	/* xl-disk-configuration(5) has these flags, 4.17's scanner as shipped does not */
	{ "/img,raw,xvda,rw,trusted", OURS_ONLY },
	{ "/img,raw,xvda,rw,untrusted", OURS_ONLY },
	{ "script=block-iscsi,vdev=xvda,target=iqn.2001-05.com.x:y,z=1", BOTH },
	/* target= takes all, but for one comma at the end */
	{ "vdev=xvda,target=/a,b=c,format=raw", BOTH },
	{ "vdev=xvda,target=/a,", BOTH },
	{ ",,xvda,target=/late", BOTH },
	{ "vdev=xvda,target= /blank ", BOTH },
	/* old prefixes */
	{ "iscsi:iqn,xvda,w", BOTH },
	{ "enbd:host:5,xvda,w", BOTH },
	{ "drbd:res,xvda,w", BOTH },
	{ "file:/img,hda:disk,r", BOTH },
	{ "phy:vg/lv,ioemu:hda,w", XL_ONLY }, /* a prefix behind the target */
	{ "tapdisk:/x,xvda", BOTH },
	{ "tap2:vhd:/x,xvda", BOTH },
	{ "  \t\n/img,\n raw,xvda", BOTH },
	{ "/img,raw,xvda,rw,", BOTH },
	{ "/img, raw, xvda, rw", BOTH },
	{ "format=raw,format=raw,/img,xvda", BOTH },
	{ "vdev=,vdev=xvda,/img", BOTH },
	{ "format=,/img,xvda", BOTH },
	{ "/img:with:colons,raw,xvda", BOTH },
	{ "hda:x,raw,xvda", BOTH },
	/* xl lets the last one win; we refuse */
	{ "access=r,/img,raw,xvda,rw", XL_ONLY },
	{ "access=r,/img,raw,xvda,,devtype=disk", XL_ONLY },
	{ "cdrom,devtype=disk,/img,raw,xvda", XL_ONLY },
	{ "discard,no-discard,/img,raw,xvda", XL_ONLY },
	/* xl leaves these to a later step */
	{ "/img,raw,vdev=", XL_ONLY },
	{ ",raw,xvda", XL_ONLY },
	/* what we do not have */
	{ "specification=virtio,/img,raw,xvda", XL_ONLY },
	{ "colo,/img,raw,xvda", XL_ONLY },
	{ "colo-host=h,/img,raw,xvda", XL_ONLY },
	{ "no-colo,/img,raw,xvda", XL_ONLY },
	/* tandem's own */
	{ "format=zstd,vdev=xvda,target=/img", OURS_ONLY },
	{ "/img,zstd,xvda", OURS_ONLY },
	{ "backendtype=null,vdev=xvda,target=1G", OURS_ONLY },
	{ "sector-size=4096,iops=100,bps=1M,burst=50,options=a=1;b=2,/i,raw,xvda",
	  OURS_ONLY },
	{ "sector-size=4096,iops=100,bps=1M,burst=50,/i,raw,xvda", OURS_ONLY },
	/* wrong */
	{ "", NEITHER },
	{ "/img", NEITHER },
	{ "/img,raw", NEITHER },
	{ "raw:/img", NEITHER },
	{ "foo=bar,/img,raw,xvda", NEITHER },
	{ "/path=x,raw,xvda", NEITHER },
	{ "=,/img,raw,xvda", NEITHER },
	{ "format=,format=qcow2,/img,xvda", NEITHER },
	{ "/img,raw,xvda,rw,more", NEITHER },
	{ "/img,raw,xvda,x", NEITHER },
	{ "/img,raw,hdc:floppy,r", NEITHER },
	{ "/img,raw ,xvda", NEITHER },
	{ "nope:/img,xvda,w", NEITHER },
	{ "vdev=xvda,vdev=xvda,/img", NEITHER },
	{ "/img,raw,xvda,target=/other", NEITHER },
	{ "backendtype=,/img,raw,xvda", NEITHER },
	{ "backendtype=phy,backendtype=tap,/img,raw,xvda", NEITHER },
	{ "devtype=floppy,/img,raw,xvda", NEITHER },
	{ "access=x,/img,raw,xvda", NEITHER },
	{ "trusted,untrusted,/img,raw,xvda", NEITHER },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int got = compare(1, &table[i].string);

		if (got != table[i].accepted)
			fail_msg("'%s': %d, expected %d", table[i].string, got,
				 table[i].accepted);
	}
}

/* `xl block-attach DOM part part`: several strings, one disk. */
static void test_several_strings(void **state)
{
	static const char *const good[][2] = { { "/img,raw", "xvda,ro" },
					       { "target=/a,b", "vdev=xvda" },
					       { "raw:", "/img,xvda" },
					       { "vdev=xvda", "target=/x" } };
	static const char *const bad[] = { "/img,raw,xvda", "vdev=xvdb" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(compare(2, good[i]), BOTH);
	assert_int_equal(compare(2, bad), NEITHER);
}

static uint32_t rng_state;

static uint32_t rng(uint32_t below)
{
	rng_state = rng_state * 1664525u + 1013904223u;
	return (rng_state >> 8) % below;
}

static void generate(char *buf, size_t size)
{
	static const char *const parts[] = {
		"/img",
		"/a b",
		"raw",
		"qcow2",
		"vhd",
		"",
		"",
		"xvda",
		"hdc",
		"hdc:cdrom",
		"hda:disk",
		"r",
		"w",
		"rw",
		"ro",
		"cdrom",
		"devtype=cdrom",
		"devtype=disk",
		"discard",
		"no-discard",
		"direct-io-safe",
		"format=raw",
		"format=",
		"format=qed",
		"vdev=xvdb",
		"vdev=",
		"access=r",
		"access=rw",
		"access=",
		"backend=drv0",
		"backend=",
		"backendtype=phy",
		"backendtype=qdisk",
		"script=x",
		"specification=xen",
		"target=/t,u=v",
		"target=",
		"x:y",
		"x:",
		"=",
		"q=1",
		":",
		"hdc:",
		"cdromx",
		"r w",
		"empty",
	};
	static const char *const prefixes[] = {
		"raw:", "tap:",	 "aio:", "qcow:", "nbd:",
		"phy:", "file:", "zap:", " ",	  "\t\n"
	};
	size_t len = 0;
	uint32_t n = 1 + rng(8);

	buf[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		const char *pre = "";

		if (rng(i ? 12 : 3) == 0)
			pre = prefixes[rng(sizeof(prefixes) / sizeof(*prefixes))];
		len += (size_t)snprintf(buf + len, size - len, "%s%s%s", pre,
					parts[rng(sizeof(parts) / sizeof(*parts))],
					i + 1 < n || rng(4) == 0 ? "," : "");
	}
}

/* "target=/img,backend=drv0", which tandem reads as it is meant. */
static bool own_target_form(const char *s)
{
	const char *t = strstr(s, "target=");

	return t && strstr(t, ",backend=");
}

static void test_generated(void **state)
{
	unsigned count[4] = { 0 };
	char buf[512];

	(void)state;
	rng_state = 42;
	for (int i = 0; i < 100000; i++) {
		const char *s = buf;

		generate(buf, sizeof(buf));
		if (own_target_form(buf))
			continue;
		count[compare(1, &s)]++;
	}
	print_message("both %u, neither %u, xl only %u\n", count[BOTH], count[NEITHER],
		      count[XL_ONLY]);
	/* nothing of tandem's own is generated: ours must be a subset of xl's */
	assert_int_equal(count[OURS_ONLY], 0);
	assert_true(count[BOTH] > 2000);
}

static void check_vdev(const char *vdev, unsigned *both)
{
	int theirs = libxl__device_disk_dev_number(vdev, NULL, NULL);
	uint32_t ours;

	if (disk_vdev_parse(vdev, &ours))
		return;
	if ((int)ours != theirs)
		fail_msg("'%s': %u, libxl says %d", vdev, ours, theirs);
	(*both)++;
}

static void test_vdev(void **state)
{
	static const char *const parts[] = { "xvd", "hd", "sd", "d",  "p",    "a", "b",
					     "p",   "q",  "z",	"aa", "zz",   "0", "1",
					     "9",   "15", "16", "63", "255",  "x", "0x",
					     "256", "64", "A",	"-1", "bcde", " " };
	char buf[64];
	unsigned both = 0;

	(void)state;
	rng_state = 7;
	for (int i = 0; i < 100000; i++) {
		uint32_t n = 1 + rng(4);
		size_t len = 0;

		for (uint32_t k = 0; k < n; k++)
			len += (size_t)
				snprintf(buf + len, sizeof(buf) - len, "%s",
					 parts[rng(sizeof(parts) / sizeof(*parts))]);
		check_vdev(buf, &both);
	}
	/* every disk to xvdzz, and each of the old names, is accepted by both */
	for (int i = 0; i < 26 * 27; i++) {
		unsigned before = both;

		if (i < 26)
			snprintf(buf, sizeof(buf), "xvd%c", 'a' + i);
		else
			snprintf(buf, sizeof(buf), "xvd%c%c", 'a' + i / 26 - 1,
				 'a' + i % 26);
		check_vdev(buf, &both);
		assert_int_equal(both, before + 1);
	}
	assert_true(both > 2000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_several_strings),
		cmocka_unit_test(test_generated),
		cmocka_unit_test(test_vdev),
	};

	sink = fopen("/dev/null", "w");
	return sink ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
