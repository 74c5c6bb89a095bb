/* SPDX-License-Identifier: MIT */
/*
 * A VM's disk served by tandem-blkback: ring, indirect pages and data are pages
 * of the guest's RAM, granted by its own table, signalled by eventfds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/rawfront.h"
#include "tests/lib/vmrig.h"

#define IN_USE ((unsigned)(GTF_reading | GTF_writing))

static struct vmrig rig;

static int setup(void **state)
{
	(void)state;
	vmrig_start(&rig, "vbd", TANDEM_BLKBACK, NULL);
	vmrig_device(&rig, RF_DEVID);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vmrig_stop(&rig);
	return 0;
}

/* The frontend begins again, as after a reboot. */
static void restart(void)
{
	rawback_fe_num(&rig.rb, RF_DEVID, "state", XenbusStateInitialising);
}

static void test_abis(void **state)
{
	static const enum blkif_abi abis[] = { BLKIF_ABI_X86_64, BLKIF_ABI_X86_32 };
	struct rawfront rf;

	(void)state;
	rawback_attach(&rig.rb, RF_DEVID, "ram", "1M", "w", NULL);
	for (unsigned i = 0; i < 2 * 5; i++) {
		assert_true(rawfront_connect(&rf, &rig.rb, RF_DEVID, abis[i % 2], i / 2,
					     i % 3));
		rawfront_check_rw(&rf);
		/* the ring, at least, is mapped */
		assert_true(vmrig_entries(&rig, IN_USE) >= 1u << i / 2);
		rawfront_close(&rf);
		assert_int_equal(vmrig_entries(&rig, ~0u), 0);
		restart();
	}
}

/* The disk is a file, and what is written to it is there. */
static void test_file(void **state)
{
	char path[128], *back = malloc(8 * 4096);
	struct rawfront rf;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/disk", rig.hvd.dir);
	file = fopen(path, "w+");
	assert_true(back && file && !ftruncate(fileno(file), 1 << 20));
	rawback_attach(&rig.rb, RF_DEVID, "uring", path, "w", NULL);
	assert_true(rawfront_connect(&rf, &rig.rb, RF_DEVID, BLKIF_ABI_NATIVE, 1, true));
	for (int i = 0; i < 50; i++)
		rawfront_check_rw(&rf);
	assert_int_equal(pread(fileno(file), back, 8 * 4096, 24 * 512), 8 * 4096);
	assert_memory_equal(back, rf.data->pages, 8 * 4096);
	rawfront_close(&rf);
	fclose(file);
	free(back);
}

/* Pages that the guest does not grant, or not so, cost a request and no more. */
static void test_bad_grants(void **state)
{
	struct rawfront rf;
	struct blkif_req w;
	struct grant_entry_v1 *e;

	(void)state;
	rawback_attach(&rig.rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rig.rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	w = rawfront_rw(&rf, BLKIF_OP_WRITE, 0, 0, 1);
	e = fakevm_entry(rig.rb.fe, w.seg[0].gref);
	const struct grant_entry_v1 good = *e;
	const struct {
		unsigned flags;
		domid_t domid;
		uint32_t frame;
	} bad[] = {
		{ GTF_invalid, RF_BE, good.frame },
		{ GTF_permit_access, 0, good.frame },
		{ GTF_permit_access, RF_BE, FAKEVM_LOW },
		{ GTF_permit_access, RF_BE, UINT32_MAX },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e->domid = bad[i].domid;
		e->frame = bad[i].frame;
		e->flags = (uint16_t)bad[i].flags;
		assert_int_equal(rawfront_do(&rf, &w), BLKIF_RSP_ERROR);
	}
	*e = good;
	w.seg[0].gref = FAKEVM_REFS;
	assert_int_equal(rawfront_do(&rf, &w), BLKIF_RSP_ERROR);
	w.seg[0].gref = UINT32_MAX;
	assert_int_equal(rawfront_do(&rf, &w), BLKIF_RSP_ERROR);
	rawfront_check_rw(&rf);
	rawfront_close(&rf);
	assert_int_equal(vmrig_entries(&rig, ~0u), 0);
}

/* kill -9, again and again: no mark of the dead one stays, the next one serves. */
static void test_killed(void **state)
{
	struct rawfront rf;

	(void)state;
	rawback_attach(&rig.rb, RF_DEVID, "ram", "1M", "w", NULL);
	for (int i = 0; i < 5; i++) {
		assert_true(rawfront_connect(&rf, &rig.rb, RF_DEVID, BLKIF_ABI_NATIVE, 2,
					     true));
		rawfront_check_rw(&rf);
		assert_true(vmrig_entries(&rig, IN_USE) > 0);
		vmrig_backend_end(&rig, true);
		assert_true(vmrig_unused(&rig));
		evtchn_close(rf.ch);
		gnttab_arena_free(rf.rings);
		gnttab_arena_free(rf.data);
		assert_int_equal(vmrig_entries(&rig, ~0u), 0);
		vmrig_backend_start(&rig, NULL);
		assert_true(rawback_wait_state(&rig.rb, RF_DEVID, XenbusStateClosed));
		restart();
	}
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_abis),
		T(test_file),
		T(test_bad_grants),
		T(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
