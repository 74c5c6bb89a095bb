/* SPDX-License-Identifier: MIT */
/*
 * A VM's memory against a VM that lies about it and domains that have no right to
 * it; and what is left when either dies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/fdpass.h"
#include "hv/proc/hvclient.h"
#include "tests/lib/fakevm.h"
#include "tests/lib/hvd.h"

static int setup(void **state)
{
	return hvd_pair_new(HVD_VM, (struct hvd_pair **)state);
}

static int teardown(void **state)
{
	return hvd_pair_free(*state);
}

/* ------------------------------------------------------------- who may have it */

static int map_as(domid_t who, domid_t vm)
{
	struct hvclient_arena a;
	int conn = hvd_connect_as(who), err;

	assert_true(conn >= 0);
	err = hvclient_arena_map(conn, vm, 0, &a);
	if (!err) {
		assert_true(a.vm);
		assert_int_equal(a.pages, FAKEVM_PAGES);
		assert_int_equal(a.low_pages, FAKEVM_LOW);
		assert_int_equal(a.entry_pages, FAKEVM_TABLE_PAGES);
		close(a.data);
		close(a.entries);
	}
	close(conn);
	return err;
}

/* xenstore's word as domain `who`, relative or not; 0 or -errno. */
static int write_as(domid_t who, const char *path, const char *value)
{
	struct plat *p;
	int err;

	assert_int_equal(hvd_plat(NULL, who, &p), 0);
	err = xenstore_write(p, XENSTORE_NO_TX, path, value);
	plat_close(p);
	return err;
}

static void test_strangers(void **state)
{
	struct hvd_pair *f = *state;
	int other = hvd_domain(&f->hvd, "other"), vm2 = hvd_vm(&f->hvd, "vm2");
	char path[128], id[8];

	assert_int_equal(map_as(f->back_id, f->front_id), 0);
	assert_int_equal(map_as((domid_t)other, f->front_id), -EACCES);
	assert_int_equal(map_as((domid_t)vm2, f->front_id), -EACCES);
	/* not even dom0's processes: it serves nothing */
	assert_int_equal(map_as(0, f->front_id), -EACCES);
	/* what the stranger says itself is no news */
	snprintf(path, sizeof(path), "backend/vbd/%u/1/frontend-id", f->front_id);
	snprintf(id, sizeof(id), "%u", f->front_id);
	assert_int_equal(write_as((domid_t)other, path, id), 0);
	snprintf(path, sizeof(path), "/local/domain/%u/device/vbd/1/backend-id",
		 f->front_id);
	snprintf(id, sizeof(id), "%u", other);
	assert_int_equal(write_as((domid_t)other, path, id), -EACCES);
	snprintf(path, sizeof(path), "/local/domain/%u/device/vbd/51712/backend-id",
		 f->front_id);
	assert_int_equal(write_as(f->back_id, path, id), -EACCES);
	assert_int_equal(map_as((domid_t)other, f->front_id), -EACCES);
	/* named by the guest, but it may not read the key */
	assert_int_equal(xenstore_write(f->front, XENSTORE_NO_TX,
					"device/vbd/1/backend-id", id),
			 0);
	assert_int_equal(map_as((domid_t)other, f->front_id), -EACCES);
	assert_int_equal(hvd_device(f->front_id, (domid_t)other, "vif", 3), 0);
	assert_int_equal(map_as((domid_t)other, f->front_id), 0);
	assert_int_equal(map_as(f->back_id, f->front_id), 0);
}

/* Values that mean the backend to somebody who reads generously. */
static void test_odd_keys(void **state)
{
	static const char *const odd[] = {
		"", " 2", "2 ", "02", "+2", "2x", "0x2", "2\n"
	};
	struct hvd_pair *f = *state;
	const char *key = "device/vbd/51712/backend-id";
	char right[8];

	snprintf(right, sizeof(right), "%u", f->back_id);
	assert_string_equal(right, "2");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_int_equal(xenstore_write(f->front, XENSTORE_NO_TX, key, odd[i]),
				 0);
		assert_int_equal(map_as(f->back_id, f->front_id), -EACCES);
	}
	assert_int_equal(xenstore_write(f->front, XENSTORE_NO_TX, key, right), 0);
	assert_int_equal(map_as(f->back_id, f->front_id), 0);
	/* the device goes, and with it the right */
	assert_int_equal(xenstore_rm(f->front, XENSTORE_NO_TX, "device/vbd/51712"), 0);
	assert_int_equal(map_as(f->back_id, f->front_id), -EACCES);
	assert_int_equal(xenstore_rm(f->front, XENSTORE_NO_TX, "device"), 0);
	assert_int_equal(map_as(f->back_id, f->front_id), -EACCES);
}

/* A later domain with the backend's id has none of its rights. */
static void test_next_with_same_id(void **state)
{
	struct hvd_pair *f = *state;
	struct hvcall call = { .op = HVCALL_DOMAIN_CREATE, .domid = f->back_id };
	struct hvreply reply;

	plat_close(f->back);
	f->back = NULL;
	assert_int_equal(hvd_domain_destroy(&f->hvd, f->back_id), 0);
	assert_int_equal(hvclient_str(&call, "back2"), 0);
	assert_int_equal(hvclient_call(f->hvd.ctl, &call, &reply, NULL, NULL), 0);
	assert_int_equal(map_as(f->back_id, f->front_id), -EACCES);
	assert_int_equal(hvd_device(f->front_id, f->back_id, "vbd", 51728), 0);
	assert_int_equal(map_as(f->back_id, f->front_id), 0);
}

/* -------------------------------------------------------------- lies in the call */

static int register_as(int conn, uint32_t pages, uint32_t low, int seals)
{
	int ram = fakevm_memfd(pages, seals), table = fakevm_memfd(1, seals);
	int err = hvclient_vm_memory(conn, ram, pages, low, table);

	close(ram);
	close(table);
	return err;
}

static void assert_ended(int conn)
{
	char buf[512];

	assert_true(fd_readable(conn, 5000));
	assert_true(recv(conn, buf, sizeof(buf), MSG_DONTWAIT) <= 0);
	close(conn);
}

static void test_lies(void **state)
{
	struct hvd_pair *f = *state;
	int id = hvd_vm(&f->hvd, "vm2"), conn = hvd_connect_as((domid_t)id);

	assert_int_equal(register_as(conn, 16, 16, 0), -EINVAL);
	assert_int_equal(register_as(conn, 16, 17, F_SEAL_SHRINK), -EINVAL);
	assert_int_equal(register_as(conn, 16, 0, F_SEAL_SHRINK), -EINVAL);
	/* xenstore does not know it before */
	assert_int_equal(hvclient_xenstore(conn), -ENOENT);
	assert_int_equal(register_as(conn, 16, 16, F_SEAL_SHRINK), 0);
	assert_int_equal(register_as(conn, 16, 16, F_SEAL_SHRINK), -EBUSY);
	/* its memory goes with its process, at once */
	close(conn);
	conn = hvd_connect_as((domid_t)id);
	assert_int_equal(register_as(conn, 16, 16, F_SEAL_SHRINK), 0);
	close(conn);
	/* a process domain sends no descriptors, a VM no others */
	conn = hvd_connect_as(f->back_id);
	assert_true(register_as(conn, 16, 16, F_SEAL_SHRINK) < 0);
	close(conn);
}

static int hvd_fds(const struct hvd *h)
{
	char path[32];
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)h->pid);
	d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Any number of descriptors but the right one ends the connection. */
static void test_descriptors(void **state)
{
	struct hvcall calls[] = {
		{ .op = HVCALL_VM_MEMORY, .value = 1, .id = 1 },
		{ .op = HVCALL_EVTCHN_RESET },
	};
	struct hvd_pair *f = *state;
	int id = hvd_vm(&f->hvd, "vm2"), fds[4] = { 0, 1, 0, 1 };
	int before;

	usleep(50000); /* so that ends of other connections are none of this */
	before = hvd_fds(&f->hvd);
	for (int op = 0; op < 2; op++) {
		for (int n = 0; n <= 4; n++) {
			int conn = hvd_connect_as((domid_t)id);

			if (n == (op ? 0 : 2)) {
				close(conn);
				continue;
			}
			calls[op].version = HVCALL_VERSION;
			assert_int_equal(fdpass_send(conn, &calls[op], sizeof(calls[op]),
						     fds, n),
					 0);
			assert_ended(conn);
		}
	}
	/* a packet that is too short with two of them, an empty one, too */
	for (size_t len = 0; len < sizeof(calls[0]); len += 8) {
		int conn = hvd_connect_as((domid_t)id);

		assert_int_equal(fdpass_send(conn, &calls[0], len, fds, 2), 0);
		assert_ended(conn);
	}
	/* none is left there, when it has seen the ends */
	for (int i = 0; i < 2000 && hvd_fds(&f->hvd) > before; i++)
		usleep(1000);
	assert_true(hvd_fds(&f->hvd) <= before);
}

/* ------------------------------------------------------------------- the end */

/* The VM's process dies: what a backend has mapped stays, and can be let go. */
static void test_vm_dies(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a;
	struct gnttab_mapper *m;
	struct evtchn *fe, *be;
	grant_ref_t ref;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	ref = a->refs[0];
	strcpy((char *)a->pages, "still there");
	gnttab_arena_free(a);
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_refs(m, &ref, 1, GNTTAB_WRITE, &addr), 0);
	strcpy((char *)a->pages, "still there");
	gnttab_arena_free(a);
	assert_int_equal(evtchn_alloc_unbound(f->front, f->back_id, &fe), 0);
	assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, fe->port, &be), 0);
	plat_close(f->front);
	f->front = NULL;
	assert_string_equal(addr, "still there");
	strcpy(addr, "and mine");
	for (int i = 0; i < 1000; i++)
		evtchn_notify(be);
	assert_int_equal(evtchn_ack(be), 0);
	assert_int_equal(evtchn_ack(be), 0);
	gnttab_mapper_free(m);
	evtchn_close(be);
	/* the same domain may be run again */
	assert_int_equal(hvd_plat(HVD_VM, f->front_id, &f->front), 0);
	assert_int_equal(map_as(f->back_id, f->front_id), 0);
}

static bool next_event_is(struct plat *p, const char *want)
{
	char *path, *token;
	bool same;

	if (!fd_readable(xenstore_fd(p), 5000) || xenstore_next_event(p, &path, &token))
		return false;
	same = !strcmp(path, want);
	free(path);
	return same;
}

/* A VM comes and goes, as the toolstack sees it. */
static void test_news(void **state)
{
	struct hvd_pair *f = *state;
	struct plat *dom0, *vm;
	int id;

	assert_int_equal(plat_open(NULL, "0", &dom0, NULL), 0);
	assert_int_equal(xenstore_watch(dom0, "@introduceDomain", "in"), 0);
	assert_true(next_event_is(dom0, "@introduceDomain"));
	assert_int_equal(xenstore_watch(dom0, "@releaseDomain", "out"), 0);
	assert_true(next_event_is(dom0, "@releaseDomain"));
	id = hvd_vm(&f->hvd, "vm2");
	assert_false(fd_readable(xenstore_fd(dom0), 50));
	assert_int_equal(hvd_plat(HVD_VM, (domid_t)id, &vm), 0);
	assert_true(next_event_is(dom0, "@introduceDomain"));
	plat_close(vm);
	assert_true(next_event_is(dom0, "@releaseDomain"));
	/* again, and then for good */
	assert_int_equal(hvd_plat(HVD_VM, (domid_t)id, &vm), 0);
	plat_close(vm);
	assert_true(next_event_is(dom0, "@releaseDomain"));
	assert_int_equal(hvd_domain_destroy(&f->hvd, (domid_t)id), 0);
	assert_true(next_event_is(dom0, "@releaseDomain"));
	/* one that never ran leaves no trace */
	id = hvd_vm(&f->hvd, "vm3");
	assert_int_equal(hvd_domain_destroy(&f->hvd, (domid_t)id), 0);
	assert_false(fd_readable(xenstore_fd(dom0), 50));
	plat_close(dom0);
}

/* The VM that ends is a backend and a frontend: both its peers are told, no other is. */
static void test_devices_close(void **state)
{
	static const struct {
		const char *path, *before, *after;
	} keys[] = {
		{ "/local/domain/%u/device/vbd/51712/state", "4", "6" },
		{ "/local/domain/%u/device/vif/0/state", "1", "1" },
		{ "/local/domain/%u/device/vbd/51712/queue-0/state", "4", "4" },
		{ "/local/domain/%u/device/state", "4", "4" },
		{ "/local/domain/%u/backend/vbd/77/51728/state", "4", "6" },
		{ "/local/domain/%u/backend/vbd/77/51744/state", "1", "1" },
		{ "/local/domain/%u/backend/vif/77/0/state", "2", "6" },
		{ "/local/domain/%u/backend/vif/77/0/hotplug-status", "x", "x" },
		{ "/local/domain/%u/state", "4", "4" },
	};
	const size_t n = sizeof(keys) / sizeof(*keys);
	struct hvd_pair *f = *state;
	struct plat *dom0;
	char path[128], *value;

	assert_int_equal(hvd_plat(NULL, 0, &dom0), 0);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), keys[i].path, f->front_id);
		assert_int_equal(xenstore_write(dom0, XENSTORE_NO_TX, path,
						keys[i].before),
				 0);
	}
	plat_close(f->front);
	f->front = NULL;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), keys[i].path, f->front_id);
		/* the broker sees the end at some time */
		for (int tries = 0; tries < 1000; tries++) {
			assert_int_equal(xenstore_read(dom0, XENSTORE_NO_TX, path, &value,
						       NULL),
					 0);
			if (!strcmp(value, keys[i].after))
				break;
			free(value);
			value = NULL;
			usleep(5000);
		}
		assert_non_null(value);
		free(value);
	}
	plat_close(dom0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_strangers), T(test_odd_keys),	  T(test_next_with_same_id),
		T(test_lies),	   T(test_descriptors),	  T(test_vm_dies),
		T(test_news),	   T(test_devices_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
