/* SPDX-License-Identifier: MIT */
/* For the contract of network drivers: a test over every row of tests/lib/netcase.c. */
#ifndef TANDEM_TESTS_CONTRACT_NETDRV_ROWS_H
#define TANDEM_TESTS_CONTRACT_NETDRV_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lib/netcase.h"
#include "tests/lib/netrig.h"

#define WAIT_MS	   5000
#define MAX_QUEUES 4u
#define NLENS	   16u

extern const struct netcase *kase; /* the one that runs */
extern const uint32_t lens[NLENS]; /* of frames that are tried */
extern uint8_t frame[NETRIG_MAX], seen[NETRIG_MAX + 1];
/* Not on the stack: a test that fails leaves them to the teardown. */
extern struct netcase_dev *dev_open;
extern struct netrig rig;

/* Runs the tests over every row, or those of the name that is given. How many
 * failed. */
int rows_run(int argc, char **argv, const struct CMUnitTest *tests, size_t n);

#define CASE_TEST(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
/* *state: the device, with its other end. */
int case_setup(void **state);
int case_teardown(void **state);

/* Can the row's other end carry a frame of that length? */
bool fits(uint32_t len);
/* The next of our frames at the other end, which must be this one. */
void assert_taken(struct netcase_dev *d, const uint8_t *want, uint32_t len);
/* The next of our frames that the port gives, into room made anew for each.
 * What recv() said of it; other frames are passed over. */
int recv_ours(uint32_t room, unsigned pieces);
/* For netrig_stream(): what counts. */
bool got_any(struct netrig *r, const struct netbuf *b);
bool got_ours(struct netrig *r, const struct netbuf *b);
void pause_ms(long ms);

#endif
