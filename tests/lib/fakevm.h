/* SPDX-License-Identifier: MIT */
/*
 * A VM without a guest: a test that does what a VM's process does. It registers
 * RAM (half of it above the hole) and a grant table with tandem-hvd, and is a
 * platform (plat.h) besides, whose arenas are pages scattered over that RAM with
 * entries in that table, as a guest's drivers would have them. So frontends and
 * contract tests run as that VM, unchanged.
 */
#ifndef TANDEM_TESTS_LIB_FAKEVM_H
#define TANDEM_TESTS_LIB_FAKEVM_H

#include "hv/plat/plat.h"

#define FAKEVM_PAGES	   4096u /* of RAM */
#define FAKEVM_LOW	   1500u /* below the hole */
#define FAKEVM_TABLE_PAGES 8u
#define FAKEVM_REFS	   (FAKEVM_TABLE_PAGES * PLAT_PAGE_SIZE / 8)

/* As domain `id`, which was created as a VM (hvd.h). 0 or -errno. */
int fakevm_open(domid_t id, struct plat **plat);

/* The guest's view, for tests that break it. NULL: no such frame. */
uint8_t *fakevm_frame(struct plat *vm, uint32_t frame);
struct grant_entry_v1 *fakevm_entry(struct plat *vm, grant_ref_t ref);

/* The memfds of a VM: sealed as `seals` says. -errno */
int fakevm_memfd(uint32_t pages, int seals);

#endif
