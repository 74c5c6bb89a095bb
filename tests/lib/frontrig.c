/* SPDX-License-Identifier: MIT */
/* libtandem on a backend by hand. */
#include "tests/lib/frontrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_US 20000000

const struct rawbe_key frig_limits[] = {
	{ "max-ring-page-order", "4" },
	{ "multi-queue-max-queues", "4" },
	{ "feature-max-indirect-segments", "256" },
	{ 0 },
};

const struct rawbe_key frig_props[] = {
	{ "sectors", "16384" },
	{ "sector-size", "512" },
	{ "physical-sector-size", "4096" },
	{ "info", "0" },
	{ "feature-flush-cache", "1" },
	{ "feature-barrier", "1" },
	{ "feature-discard", "1" },
	{ "discard-secure", "1" },
	{ "discard-granularity", "4096" },
	{ "discard-alignment", "512" },
	{ "feature-persistent", "1" },
	{ 0 },
};

void frig_start(struct frig *f, const struct rawbe_key *limits,
		const struct rawbe_key *props)
{
	memset(f, 0, sizeof(*f));
	rawbe_new(&f->be, NULL, RAWBE_DEVID, FRIG_BYTES);
	f->be.limits = limits ? limits : frig_limits;
	f->be.props = props ? props : frig_props;
	rawbe_run(&f->be);
}

int frig_try(struct frig *f, const struct tandem_opts *opts)
{
	char *why = NULL;
	int err = disk_open_plat(rawbe_front(&f->be), "xvda", opts, &f->disk, &why);

	if (err) {
		assert_null(f->disk);
		assert_non_null(why);
		assert_true(strlen(why) > 10 && !strchr(why, '\n'));
	} else {
		f->q = tandem_queue(f->disk, 0);
	}
	free(why);
	return err;
}

void frig_open(struct frig *f, const struct tandem_opts *opts)
{
	assert_int_equal(frig_try(f, opts), 0);
}

void frig_stop(struct frig *f)
{
	struct memhv *hv = f->be.hv;

	tandem_close(f->disk);
	f->disk = NULL;
	rawbe_halt(&f->be);
	rawbe_unmap(&f->be);
	assert_int_equal(memhv_mapped(hv), 0);
	assert_int_equal(f->be.bad, 0);
	rawbe_free(&f->be);
}

void frig_fill(void *buf, size_t len, uint32_t seed)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (uint8_t)(seed >> 24);
	}
}

void frig_submit(struct tandem_queue *q, struct tandem_io *io, enum tandem_op op,
		 uint64_t offset, void *buf, size_t len)
{
	*io = (struct tandem_io){
		.op = op, .offset = offset, .len = len, .buf = buf, .result = 99
	};
	assert_int_equal(tandem_submit(q, io), 0);
}

bool frig_wait(struct tandem_queue *q, unsigned n)
{
	struct tandem_io *done[64];
	unsigned want;
	int got;

	for (; n; n -= (unsigned)got) {
		want = n < 64 ? n : 64;
		got = tandem_wait(q, done, 1, want, WAIT_US);
		if (!got)
			return false;
	}
	return true;
}

void frig_check_io(struct tandem_disk *d, bool granted, size_t shift, size_t len,
		   uint64_t offset)
{
	uint8_t *want = malloc(len), *base, *buf;

	base = granted ? tandem_alloc(d, len + 4096) : malloc(len + 8192);
	assert_non_null(base);
	buf = base + shift;
	frig_fill(want, len, (uint32_t)(offset + len));
	memcpy(buf, want, len);
	assert_int_equal(tandem_pwrite(d, buf, len, offset), 0);
	memset(buf, 0xee, len);
	assert_int_equal(tandem_pread(d, buf, len, offset), 0);
	assert_memory_equal(buf, want, len);
	if (granted)
		tandem_free(d, base);
	else
		free(base);
	free(want);
}

bool frig_wait_reconnects(struct tandem_disk *d, unsigned n)
{
	struct tandem_info info;

	for (int i = 0; i < 10000; i++) {
		tandem_get_info(d, &info);
		if (info.reconnects >= n)
			return true;
		usleep(1000);
	}
	return false;
}
