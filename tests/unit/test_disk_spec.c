/* SPDX-License-Identifier: MIT */
/* Disk strings as tandem takes them: drivers, limits, and what each error says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/disk_spec.h"

static int parse(const char *s, struct disk_spec *d, char **why)
{
	return disk_spec_parse(1, &s, d, why);
}

struct good {
	const char *string, *driver, *target;
	uint32_t devid;
	bool readwrite;
};

static const struct good good[] = {
	{ "/img,,xvda", "uring", "/img", 51712, true },
	{ "format=raw,vdev=xvda,access=rw,target=/path/img,backend=drv0", "uring",
	  "/path/img", 51712, true },
	{ "vdev=xvda,target=/a,b=c,backend=x/y", "uring", "/a,b=c,backend=x/y", 51712,
	  true },
	{ "vg/lv,raw,hda,r", "uring", "/dev/vg/lv", 768, false },
	{ "phy:vg/lv,sdb1,r", "uring", "/dev/vg/lv", 2065, false },
	{ "backendtype=phy,/img,raw,xvdq", "uring", "/img", (1u << 28) | 16u << 8, true },
	{ "backendtype=aio,/img,raw,d0p3", "aio", "/img", 51715, true },
	{ "/img.zst,zstd,xvdb", "zstd", "/img.zst", 51728, true },
	{ "backendtype=zstd,vdev=xvdb,target=/img.zst", "zstd", "/img.zst", 51728, true },
	{ "backendtype=ram,vdev=xvda,target=64M", "ram", "64M", 51712, true },
	{ "backendtype=null,vdev=xvda,target=4096", "null", "4096", 51712, true },
	{ "backendtype=fault,vdev=xvda,target=ram:1M", "fault", "ram:1M", 51712, true },
	{ "/iso,raw,hdc:cdrom,rw", "uring", "/iso", 5632, false },
	{ "/img,raw,0xca00", "uring", "/img", 51712, true },
	{ "/img,raw,51712", "uring", "/img", 51712, true },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		const struct good *g = &good[i];
		struct disk_spec d;
		char *why;

		if (parse(g->string, &d, &why))
			fail_msg("'%s': %s", g->string, why);
		assert_null(why);
		assert_string_equal(d.driver, g->driver);
		assert_string_equal(d.target, g->target);
		assert_int_equal(d.devid, g->devid);
		assert_int_equal(d.readwrite, g->readwrite);
		disk_spec_clear(&d);
	}
}

static void test_own_keys(void **state)
{
	struct disk_spec d;
	char *why;

	(void)state;
	assert_int_equal(parse("sector-size=4096,iops=2K,bps=100M,burst=250,discard,"
			       "options=delay-us=5;error=1,untrusted,direct-io-safe,"
			       "backend=drv0,backendtype=aio,vdev=xvda,target=/a,b",
			       &d, &why),
			 0);
	assert_int_equal(d.sector_size, 4096);
	assert_int_equal(d.iops, 2048);
	assert_int_equal(d.bps, 100u << 20);
	assert_int_equal(d.burst_ms, 250);
	assert_int_equal(d.discard, DISK_YES);
	assert_int_equal(d.trusted, DISK_NO);
	assert_true(d.direct_io_safe);
	assert_string_equal(d.options, "delay-us=5,error=1");
	assert_string_equal(d.backend, "drv0");
	assert_string_equal(d.target, "/a,b");
	disk_spec_clear(&d);
}

/* A PC's drive whose disc comes later. */
static void test_empty(void **state)
{
	static const char *const strings[] = { "vdev=hdc,cdrom", ",empty,hdc,cdrom",
					       ",,hdc:cdrom,r",
					       "vdev=fda,devtype=cdrom" };

	(void)state;
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		struct disk_spec d;
		char *why;

		assert_int_equal(parse(strings[i], &d, &why), 0);
		assert_int_equal(d.format, DISK_FORMAT_EMPTY);
		assert_true(d.cdrom);
		assert_null(d.driver);
		disk_spec_clear(&d);
	}
}

struct bad {
	const char *string;
	int err;
	const char *says[2]; /* parts of the line: key and value */
};

static const struct bad bad[] = {
	{ "", -EINVAL, { "vdev", "missing" } },
	{ "/img", -EINVAL, { "vdev", "missing" } },
	{ "vdev=xvda", -EINVAL, { "target", "missing" } },
	{ "vdev=xvda,target=", -EINVAL, { "target", "missing" } },
	{ "/img,raw,xvda,maybe", -EINVAL, { "access", "maybe" } },
	{ "/img,vmdk,xvda", -EINVAL, { "format", "vmdk" } },
	{ "/img,raw,xvda,frobnicate=1", -EINVAL, { "unknown key", "frobnicate" } },
	{ "/img,raw,wd0", -EINVAL, { "vdev", "wd0" } },
	{ "/img,raw,xvd", -EINVAL, { "vdev", "xvd" } },
	{ "/img,raw,xvda0", -EINVAL, { "vdev", "xvda0" } },
	{ "/img,raw,xvda256", -EINVAL, { "vdev", "xvda256" } },
	{ "/img,raw,hde", -EINVAL, { "vdev", "hde" } },
	{ "/img,raw,sdq", -EINVAL, { "vdev", "sdq" } },
	{ "/img,raw,sda16", -EINVAL, { "vdev", "sda16" } },
	{ "/img,raw,hda64", -EINVAL, { "vdev", "hda64" } },
	{ "/img,raw,XVDA", -EINVAL, { "vdev", "XVDA" } },
	{ "/img,raw,-1", -EINVAL, { "vdev", "-1" } },
	{ "/img,raw,d1048576p0", -EINVAL, { "vdev", "d1048576p0" } },
	{ "/img,raw,d0p256", -EINVAL, { "vdev", "d0p256" } },
	{ "/img,raw,2147483648", -EINVAL, { "vdev", "2147483648" } },
	{ "/img,raw,99999999999999999999", -EINVAL, { "vdev", "9999" } },
	{ "/img,raw,xvda,sector-size=1024", -EINVAL, { "sector-size", "1024" } },
	{ "/img,raw,xvda,iops=0", -EINVAL, { "iops", "'0'" } },
	{ "/img,raw,xvda,iops=-1", -EINVAL, { "iops", "-1" } },
	{ "/img,raw,xvda,iops=many", -EINVAL, { "iops", "many" } },
	{ "/img,raw,xvda,iops=99999999999999999999", -EINVAL, { "iops", "9999" } },
	{ "/img,raw,xvda,bps=1Q", -EINVAL, { "bps", "1Q" } },
	{ "/img,raw,xvda,bps=1MB", -EINVAL, { "bps", "1MB" } },
	{ "/img,raw,xvda,bps=9000000T", -EINVAL, { "bps", "9000000T" } },
	{ "/img,raw,xvda,iops=1,iops=2", -EINVAL, { "iops", "twice" } },
	{ "/img,raw,xvda,burst=10", -EINVAL, { "burst", "iops=" } },
	{ "/img,raw,xvda,iops=9,burst=60001", -EINVAL, { "burst", "60001" } },
	{ "backendtype=ram,vdev=xvda,target=/img", -EINVAL, { "target", "/img" } },
	{ "backendtype=null,vdev=xvda,target=1000", -EINVAL, { "target", "1000" } },
	{ "backendtype=ram,vdev=xvda,target=0", -EINVAL, { "target", "'0'" } },
	{ "backendtype=none,vdev=xvda,target=0", -EINVAL, { "backendtype", "none" } },
	{ "/img,zstd,xvda,backendtype=uring", -EINVAL, { "backendtype=uring", "zstd" } },
	{ "/img,zstd,xvda,backendtype=phy", -EINVAL, { "backendtype=phy", "zstd" } },
	{ "/img,raw,xvda,backendtype=zstd", -EINVAL, { "backendtype=zstd", "raw" } },
	{ "./img,raw,xvda", -EINVAL, { "target", "./img" } },
	{ "../img,raw,xvda", -EINVAL, { "target", "../img" } },
	{ "/img,raw,xvda,direct=maybe", -EINVAL, { "direct", "maybe" } },
	{ "/img,raw,xvda,direct=on,direct=off", -EINVAL, { "direct", "twice" } },
	{ "/img,raw,xvda,direct=off,direct-io-safe", -EINVAL, { "direct=off", "safe" } },
	{ "access=r,/img,raw,xvda,w", -EINVAL, { "access", "twice" } },
	{ "vdev=xvda,vdev=xvda,/img", -EINVAL, { "vdev", "twice" } },
	{ "/im\x1bg,raw,xvda", -EINVAL, { "control character", "0x1b" } },
	{ "vdev=xvda,target=/a\nb", -EINVAL, { "control character", "0x0a" } },
	{ "/img,raw,xvda\x7f", -EINVAL, { "control character", "0x7f" } },
	{ "/img,qcow2,xvda", -ENOTSUP, { "not supported", "format=qcow2" } },
	{ "/img,vhd,xvda", -ENOTSUP, { "not supported", "format=vhd" } },
	{ "/img,empty,hdc", -ENOTSUP, { "not supported", "without a disc" } },
	{ "iscsi:iqn,xvda,w", -ENOTSUP, { "not supported", "script=block-iscsi" } },
	{ "/img,raw,xvda,script=x", -ENOTSUP, { "not supported", "script=x" } },
	{ "/img,raw,xvda,backendtype=qdisk", -ENOTSUP, { "not supported", "qdisk" } },
	{ "/img,raw,xvda,backendtype=tap", -ENOTSUP, { "not supported", "tap" } },
	{ "/img,raw,xvda,colo", -ENOTSUP, { "not supported", "colo" } },
	{ "/img,raw,xvda,colo-port=1", -ENOTSUP, { "not supported", "colo-port" } },
	{ "/img,raw,xvda,specification=virtio", -ENOTSUP, { "not supported", "virtio" } },
	{ "/img,raw,xvda,grant_usage=1", -ENOTSUP, { "not supported", "grant_usage" } },
};

static void check_bad(const char *string, int err, const char *const *says)
{
	struct disk_spec d;
	char *why;
	int got = parse(string, &d, &why);

	if (got != err || !why)
		fail_msg("'%s': %d, expected %d", string, got, err);
	for (int i = 0; i < 2; i++)
		if (!strstr(why, says[i]))
			fail_msg("'%s': '%s' says nothing of '%s'", string, why, says[i]);
	if (strpbrk(why, "\n\x1b"))
		fail_msg("'%s': '%s' is not one clean line", string, why);
	assert_null(d.target);
	assert_null(d.vdev);
	free(why);
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		check_bad(bad[i].string, bad[i].err, bad[i].says);
}

static void test_long(void **state)
{
	static const char *const says[] = { "longer", "3000" };
	char s[DISK_SPEC_MAX + 2];
	struct disk_spec d;
	char *why;

	(void)state;
	memset(s, 'x', sizeof(s));
	memcpy(s, "vdev=xvda,target=/", 18);
	s[DISK_SPEC_MAX + 1] = '\0';
	check_bad(s, -EINVAL, says);
	s[DISK_SPEC_MAX] = '\0';
	assert_int_equal(parse(s, &d, &why), 0);
	assert_int_equal(strlen(d.target), DISK_SPEC_MAX - 17);
	disk_spec_clear(&d);
}

static void test_size(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(disk_size_parse("512", &v), 0);
	assert_int_equal(v, 512);
	assert_int_equal(disk_size_parse("4k", &v), 0);
	assert_int_equal(v, 4096);
	assert_int_equal(disk_size_parse("1T", &v), 0);
	assert_true(v == 1ull << 40);
	assert_int_equal(disk_size_parse("8388607T", &v), 0);
	assert_int_equal(disk_size_parse("8388608T", &v), -ERANGE);
	assert_int_equal(disk_size_parse("18446744073709551616", &v), -ERANGE);
	assert_int_equal(disk_size_parse("", &v), -EINVAL);
	assert_int_equal(disk_size_parse("K", &v), -EINVAL);
	assert_int_equal(disk_size_parse("1K ", &v), -EINVAL);
	assert_int_equal(disk_size_parse("0x10", &v), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),  cmocka_unit_test(test_own_keys),
		cmocka_unit_test(test_empty), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long),  cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
