/* SPDX-License-Identifier: MIT */
/*
 * xenstore's cost by the number of domains: each with two disks, made as
 * `tandem block-attach` makes them, watched and connected from both sides.
 * The last domains must cost what the first did.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hv/xenstore/server.h"
#include "tests/lib/xs_client.h"

enum { BACK = 1, STEP = 250 };

/* CPU time: the machine has others to run. */
static uint64_t cpu_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void put(struct xs_client *c, const char *dir, const char *key, const char *value)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, key);
	assert_int_equal(c_write(c, path, value), 0);
}

static void attach(struct xs_client *tool, const char *front, const char *back,
		   unsigned id)
{
	static const char *const front_keys[] = { "backend-id", "state", "virtual-device",
						  "device-type" };
	static const char *const back_keys[] = {
		"frontend-id", "online",  "removable",	    "bootable",	      "state",
		"dev",	       "type",	  "mode",	    "device-type",    "params",
		"driver",      "options", "discard-enable", "direct-io-safe",
	};
	char perms[32];

	assert_int_equal(c_begin(tool), 0);
	put(tool, front, "backend", back);
	put(tool, back, "frontend", front);
	(void)snprintf(perms, sizeof(perms), "n%u r%u", id, BACK);
	assert_int_equal(c_set_perms(tool, front, perms), 0);
	(void)snprintf(perms, sizeof(perms), "n%u r%u", BACK, id);
	assert_int_equal(c_set_perms(tool, back, perms), 0);
	for (unsigned i = 0; i < sizeof(front_keys) / sizeof(front_keys[0]); i++)
		put(tool, front, front_keys[i], "1");
	for (unsigned i = 0; i < sizeof(back_keys) / sizeof(back_keys[0]); i++)
		put(tool, back, back_keys[i], "1");
	assert_int_equal(c_end(tool, true), 0);
}

/* What both ends do until they are connected. */
static void connect_disk(struct xs_client *fe, struct xs_client *be, const char *front,
			 const char *back)
{
	static const char *const be_keys[] = { "max-ring-page-order",
					       "feature-persistent",
					       "feature-flush-cache",
					       "sectors",
					       "sector-size",
					       "info",
					       "state" };
	static const char *const fe_keys[] = { "ring-ref0", "event-channel", "protocol",
					       "state" };
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/state", front);
	assert_int_equal(c_watch(be, path, "fe"), 0);
	(void)snprintf(path, sizeof(path), "%s/state", back);
	assert_int_equal(c_watch(fe, path, "be"), 0);
	for (unsigned i = 0; i < sizeof(be_keys) / sizeof(be_keys[0]); i++)
		put(be, back, be_keys[i], "4");
	for (unsigned i = 0; i < sizeof(fe_keys) / sizeof(fe_keys[0]); i++)
		put(fe, front, fe_keys[i], "4");
	assert_int_equal(c_read(be, path), 0);
	c_drain(fe);
	be->nevents = 0;
}

static void domain_up(struct xs_trio *f, struct xs_client *c, unsigned id)
{
	char front[64], back[64], name[16];

	(void)snprintf(name, sizeof(name), "guest%u", id);
	assert_int_equal(xs_server_introduce(f->bed.srv, (domid_t)id, name), 0);
	client_open(&f->bed, c, (domid_t)id);
	for (unsigned dev = 51712; dev <= 51728; dev += 16) {
		(void)snprintf(front, sizeof(front), "/local/domain/%u/device/vbd/%u", id,
			       dev);
		(void)snprintf(back, sizeof(back), "/local/domain/%u/backend/vbd/%u/%u",
			       BACK, id, dev);
		attach(&f->dom0, front, back, id);
		connect_disk(c, &f->d1, front, back);
	}
	f->dom0.nevents = 0;
	/* the descriptor stays; the room for events is the test's own memory */
	free(c->events);
	c->events = NULL;
	c->events_cap = 0;
}

static void test_linear(void **state)
{
	unsigned n = getenv("XS_DOMAINS") ? (unsigned)atoi(getenv("XS_DOMAINS")) : 1000;
	struct xs_trio *f = *state;
	struct xs_client *c = calloc(n, sizeof(*c));
	uint64_t first = 0, last = 0;
	size_t heap = mallinfo2().uordblks;

	assert_non_null(c);
	assert_int_equal(c_watch(&f->d1, "backend/vbd", "back"), 0);
	assert_int_equal(c_watch(&f->dom0, "/local/domain", "tool"), 0);
	for (unsigned i = 0; i < n; i += STEP) {
		uint64_t start = cpu_us();

		for (unsigned k = i; k < i + STEP && k < n; k++) {
			domain_up(f, &c[k], 10 + k);
			c_drain(&f->dom0);
		}
		last = cpu_us() - start;
		first = first ? first : last;
		print_message("domains %u-%u: %llu us each, %zu bytes each\n", i,
			      i + STEP - 1, (unsigned long long)last / STEP,
			      (mallinfo2().uordblks - heap) / (i + STEP));
	}
	/* three times: caches, and whatever else runs here */
	assert_true(last < 3 * first + 100000);
	bed_check(&f->bed);
	for (unsigned i = 0; i < n; i++) {
		close(c[i].fd);
		assert_int_equal(xs_server_release(f->bed.srv, (domid_t)(10 + i)), 0);
	}
	free(c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { TRIO_TEST(test_linear) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
