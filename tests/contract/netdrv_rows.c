/* SPDX-License-Identifier: MIT */
/* A row of the contract of network drivers, set up and taken down. */
#include "tests/contract/netdrv_rows.h"

#include <string.h>
#include <time.h>

const struct netcase *kase;
uint8_t frame[NETRIG_MAX], seen[NETRIG_MAX + 1];
struct netcase_dev *dev_open;
struct netrig rig;

const uint32_t lens[NLENS] = { 14,  15,	  59,	60,   64,   127,  128,	 129,
			       256, 1499, 1514, 4095, 4097, 9014, 32768, 65535 };

bool fits(uint32_t len)
{
	return len >= (kase->min_len ? kase->min_len : 14u) &&
	       len <= (kase->max_len ? kase->max_len : NETRIG_MAX);
}

int case_setup(void **state)
{
	*state = dev_open = netcase_open(kase, MAX_QUEUES);
	return 0;
}

int case_teardown(void **state)
{
	(void)state;
	if (rig.worker)
		netrig_stop(&rig);
	if (dev_open)
		netcase_close(dev_open);
	dev_open = NULL;
	return 0;
}

void assert_taken(struct netcase_dev *d, const uint8_t *want, uint32_t len)
{
	ssize_t n;

	do {
		n = kase->take(d, seen, sizeof(seen), WAIT_MS);
		assert_true(n > 0);
	} while (!netrig_frame_is_ours(seen, (size_t)n));
	assert_int_equal(n, len);
	assert_memory_equal(seen, want, len);
}

int recv_ours(uint32_t room, unsigned pieces)
{
	for (;;) {
		struct netpkt *p = netpkt_room(room, pieces, room + pieces);
		int ret = netrig_recv(&rig, p, WAIT_MS);

		if (ret > 0) {
			netpkt_bytes(p, seen);
			ret = (int)p->b.len;
		}
		netpkt_free(p);
		if (ret <= 0 || !kase->give || netrig_frame_is_ours(seen, (size_t)ret))
			return ret;
	}
}

bool got_any(struct netrig *r, const struct netbuf *b)
{
	(void)r;
	(void)b;
	return true;
}

bool got_ours(struct netrig *r, const struct netbuf *b)
{
	(void)r;
	return netrig_frame_is_ours(b->iov[0].iov_base, b->len);
}

void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

int rows_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
	int failed = 0;

	for (unsigned i = 0; (kase = netcase_nth(i)); i++) {
		const char *reason;

		if (argc > 1 && strcmp(argv[1], kase->name) != 0)
			continue;
		reason = kase->impossible ? kase->impossible() : NULL;
		print_message("--- %s%s%s\n", kase->name, reason ? ": skipped: " : "",
			      reason ? reason : "");
		if (!reason)
			failed +=
				_cmocka_run_group_tests(kase->name, tests, n, NULL, NULL);
	}
	return failed;
}
