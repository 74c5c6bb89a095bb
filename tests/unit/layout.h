/* SPDX-License-Identifier: MIT */
/* What layout_xen.c exports to test_layout.c. */
#ifndef TANDEM_TESTS_UNIT_LAYOUT_H
#define TANDEM_TESTS_UNIT_LAYOUT_H

#include <stdint.h>

#define LAYOUT_RING_SIZES 5 /* at the table's end, for 1, 2, 4, 8, 16 pages */

extern const uint64_t layout_xen[];
extern const unsigned layout_xen_len;
extern const char *const layout_xen_abi[2];

/* Entry i of Xen's error table: number, and its name; -1 behind the last. */
int layout_xen_error(unsigned i, const char **name);

#endif
