/* SPDX-License-Identifier: MIT */
/* Numbers that somebody else wrote. */
#ifndef TANDEM_HV_BASE_NUM_H
#define TANDEM_HV_BASE_NUM_H

#include <stdint.h>

/* The whole of `s` as a decimal number of at most `max`. 0 or -EINVAL; no sign,
 * no space, nothing behind. */
int num_parse_u64(const char *s, uint64_t max, uint64_t *value);

#endif
