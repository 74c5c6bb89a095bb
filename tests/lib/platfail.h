/* SPDX-License-Identifier: MIT */
/*
 * The n-th of the platform's calls that make something fails: arenas, event
 * channels, claims. Linked with --wrap of them (meson.build).
 */
#ifndef TANDEM_TESTS_LIB_PLATFAIL_H
#define TANDEM_TESTS_LIB_PLATFAIL_H

#include <stdbool.h>

/* The n-th call from now on is -ENOMEM, once; 0: none is. */
void platfail_in(int n);
/* Has it failed? */
bool platfail_done(void);

#endif
