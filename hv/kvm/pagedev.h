/* SPDX-License-Identifier: MIT */
/*
 * Devices of one shared page and one event channel: the console and xenstore. Each
 * shovels bytes between the guest's two rings and descriptors, on the owner's event
 * loop, and never waits for either.
 */
#ifndef TANDEM_HV_KVM_PAGEDEV_H
#define TANDEM_HV_KVM_PAGEDEV_H

#include "hv/base/evloop.h"
#include "hv/kvm/vm.h"

struct pagedev;

/*
 * The guest's console on `in` and `out` (may be the same, or `in` -1: nobody types). At
 * the end of `in` output goes on.
 */
int console_open(struct pagedev **dev, struct vm *vm, struct evloop *loop, int in,
		 int out);
/* The guest's xenstore ring over a stream socket that speaks xs_wire as this domain. */
int store_open(struct pagedev **dev, struct vm *vm, struct evloop *loop, int sock);

/*
 * Another connection, when the guest wakes up as in a new domain: what the old one had in
 * the ring or behind it was for the guest that it was. The machine stands. -errno
 */
int store_renew(struct pagedev *dev, int sock);

/* What the guest still has in its ring, if it can be written now. */
void pagedev_drain(struct pagedev *dev);
/* The descriptors stay the caller's. Before vm_destroy(), after vm_join(). */
void pagedev_close(struct pagedev *dev);

#endif
