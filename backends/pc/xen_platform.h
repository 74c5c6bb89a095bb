/* SPDX-License-Identifier: MIT */
/*
 * The platform device of guests with Xen's drivers, 5853:0001 (Xen's
 * docs/misc/hvm-emulated-unplug.pandoc).
 *
 *   BAR 0        256 ports, BAR 1 16 MiB of memory: nothing is there. Guests place grant
 *                table frames in the latter (XENMEM_add_to_physmap)
 *   0x10         2 bytes: reads 0x49d2; written: what to take away; 4 bytes: the build
 *   0x12         1 byte: reads the protocol's version, 1; written: text for the log;
 *                2 bytes, written: which product's drivers these are
 *   INTA#        event channels, where the guest asked for it (HVM_PARAM_CALLBACK_IRQ):
 *                hv/kvm/xen_line.h asserts the line where this pin goes
 */
#ifndef TANDEM_BACKENDS_PC_XEN_PLATFORM_H
#define TANDEM_BACKENDS_PC_XEN_PLATFORM_H

#include "backends/pc/pci.h"

/* Emulated devices that go, never to come back before a reset */
#define XEN_UNPLUG_DISKS     0x1u /* IDE's, not CD-ROM drives */
#define XEN_UNPLUG_NICS	     0x2u
#define XEN_UNPLUG_AUX_DISKS 0x4u /* IDE's but the first */
#define XEN_UNPLUG_ALL	     0x7u

struct xen_platform_ops {
	/* Of XEN_UNPLUG_ALL, those that have not gone yet; also while a state is loaded
	 * in which they had. */
	void (*unplug)(void *arg, unsigned what);
	/* A line for the log, printable. */
	void (*line)(void *arg, const char *text);
	/* Its INTA# goes to that interrupt line now; 0: nowhere. */
	void (*routed)(void *arg, unsigned line);
};

struct xen_platform;

/* NULL: out of memory, slot or ports are taken. Freed by pcbus_fini(). */
struct xen_platform *xen_platform_new(struct pcbus *b, struct pcibus *p, unsigned slot,
				      const struct xen_platform_ops *ops, void *arg);

#endif
