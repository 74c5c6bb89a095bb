/* SPDX-License-Identifier: MIT */
/*
 * libtandem on one thread and a clock of its own: where it would wait, the
 * peer moves instead and time passes at once. For tests of many reconnects and
 * for fuzzing. Linked with --wrap of the calls that wait (meson.build).
 *
 * Between frontsim_begin() and frontsim_end() the library starts no thread;
 * frontsim_round() does one round of what its control thread would.
 */
#ifndef TANDEM_TESTS_LIB_FRONTSIM_H
#define TANDEM_TESTS_LIB_FRONTSIM_H

#include "frontends/blkfront.h"

/* move: called wherever the library would wait. */
void frontsim_begin(void (*move)(void *arg), void *arg);
void frontsim_end(void);
/* One round of the disk's control thread. */
void frontsim_round(struct tandem_disk *d);
/* Lets time pass. */
void frontsim_pass(uint64_t ns);

#endif
