/* SPDX-License-Identifier: MIT */
/* The row of the switch: at the other end is another port of it. */
#ifndef TANDEM_TESTS_LIB_NETCASE_SWITCH_H
#define TANDEM_TESTS_LIB_NETCASE_SWITCH_H

#include "tests/lib/netcase.h"

void switch_setup(struct netcase_dev *d);
void switch_teardown(struct netcase_dev *d);
ssize_t switch_end_take(struct netcase_dev *d, void *frame, size_t size, int timeout_ms);
bool switch_end_give(struct netcase_dev *d, const void *frame, size_t len);

extern const struct netcase_bad switch_bad[];

#endif
