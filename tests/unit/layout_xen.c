/* SPDX-License-Identifier: MIT */
/*
 * Xen's side of the layout comparison: numbers out of Debian's libxen-dev
 * headers. Compiled twice: linked into test_layout for x86_64, and as a bare
 * -m32 object (freestanding, so that no 32-bit libc is needed) whose section
 * `layout` the test reads for x86_32.
 */
#include <stddef.h>
#include <stdint.h>
#if !__STDC_HOSTED__
#define XEN_ERRORS 0
#else
#define XEN_ERRORS 1
#include <errno.h>
#endif

#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/netif.h>
#include <xen/io/protocols.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/xen.h>

#include "tests/unit/layout.h"

/* Xen's ring header ends where the slots start. */
struct sring_head {
	uint8_t b[offsetof(struct blkif_sring, ring)];
};
#define LAYOUT_SRING_HEAD struct sring_head

/* What our netif.h gives names that Xen's has not. */
#define NETIF_RING_SLOTS      __CONST_RING_SIZE(netif_tx, 4096)
#define NETIF_CTRL_RING_SLOTS __CONST_RING_SIZE(xen_netif_ctrl, 4096)
#define NETIF_TX_SLOT_SIZE    sizeof(union netif_tx_sring_entry)
#define NETIF_RX_SLOT_SIZE    sizeof(union netif_rx_sring_entry)
#define NETIF_CTRL_SLOT_SIZE  sizeof(union xen_netif_ctrl_sring_entry)
_Static_assert(NETIF_RING_SLOTS == __CONST_RING_SIZE(netif_rx, 4096), "both rings");

#define SIZE(ours, ours32, xens) sizeof(xens),
#define FIELD(ours, ours32, xens, f, xen_f) \
	offsetof(xens, xen_f), sizeof(((xens *)0)->xen_f),
#define CONST(name) (uint64_t)(int64_t)(name),

__attribute__((section("layout"))) const uint64_t layout_xen[] = {
#include "tests/unit/layout_list.inc"
	/* ring sizes of 1 to 16 pages, as the slot union gives them */
	__CONST_RING_SIZE(blkif, 4096),	 __CONST_RING_SIZE(blkif, 8192),
	__CONST_RING_SIZE(blkif, 16384), __CONST_RING_SIZE(blkif, 32768),
	__CONST_RING_SIZE(blkif, 65536),
};

#if XEN_ERRORS
const unsigned layout_xen_len = sizeof(layout_xen) / sizeof(layout_xen[0]);

int layout_xen_error(unsigned i, const char **name)
{
	if (i >= sizeof(xsd_errors) / sizeof(xsd_errors[0]))
		return -1;
	*name = xsd_errors[i].errstring;
	return xsd_errors[i].errnum;
}

const char *const layout_xen_abi[2] = { XEN_IO_PROTO_ABI_X86_64,
					XEN_IO_PROTO_ABI_X86_32 };
#endif
