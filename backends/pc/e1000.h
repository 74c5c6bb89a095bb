/* SPDX-License-Identifier: MIT */
/*
 * Intel 82540EM (8086:100e), a gigabit Ethernet card (PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual, 317453): legacy, context and data
 * descriptors, checksums, large sends, VLAN tags, interrupts that wait.
 *
 * BAR0: 128 KiB of registers; BAR1: 64 ports, an address and its data. INTA#. A 93C46
 * holds its address. The link is 1000 Mbit/s, full duplex, and always up.
 */
#ifndef TANDEM_BACKENDS_PC_E1000_H
#define TANDEM_BACKENDS_PC_E1000_H

#include "backends/pc/nicport.h"
#include "backends/pc/pci.h"

struct e1000;

/* The port is the card's until pcbus_fini(). NULL: out of memory, the slot is taken. */
struct e1000 *e1000_new(struct pcbus *b, struct pcibus *p, unsigned slot,
			struct nicport *port, const uint8_t mac[6]);
/* Its place in the bus. */
struct pcidev *e1000_pci(struct e1000 *c);

#endif
