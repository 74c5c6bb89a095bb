/* SPDX-License-Identifier: MIT */
/*
 * Realtek RTL8139C+ (10ec:8139, revision 0x20), a fast Ethernet card (RTL8139C(L) and
 * RTL8139C+ data sheets 1.5, 1.6): four transmit descriptors in registers and a receive
 * ring of bytes, or the C+ rings of descriptors with checksums, large sends and VLAN
 * tags.
 *
 * BAR0: 256 ports; BAR1: the same in memory. INTA#. A 93C46 holds its address. The
 * link is 100 Mbit/s, full duplex, and always up.
 */
#ifndef TANDEM_BACKENDS_PC_RTL8139_H
#define TANDEM_BACKENDS_PC_RTL8139_H

#include "backends/pc/nicport.h"
#include "backends/pc/pci.h"

struct rtl8139;

/* The port is the card's until pcbus_fini(). NULL: out of memory, the slot is taken. */
struct rtl8139 *rtl8139_new(struct pcbus *b, struct pcibus *p, unsigned slot,
			    struct nicport *port, const uint8_t mac[6]);
/* Its place in the bus. */
struct pcidev *rtl8139_pci(struct rtl8139 *c);

#endif
