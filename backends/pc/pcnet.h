/* SPDX-License-Identifier: MIT */
/*
 * AMD PCnet-PCI II, Am79C970A (1022:2000, revision 0x16), an Ethernet card (data sheet
 * 19436): word and dword I/O, software styles 0, 2 and 3, initialization block or
 * registers.
 *
 * BAR0: 32 ports; BAR1: the same in memory. INTA#. The address PROM holds its address,
 * a 93C46 the same. The link is always up.
 */
#ifndef TANDEM_BACKENDS_PC_PCNET_H
#define TANDEM_BACKENDS_PC_PCNET_H

#include "backends/pc/nicport.h"
#include "backends/pc/pci.h"

struct pcnet;

/* The port is the card's until pcbus_fini(). NULL: out of memory, the slot is taken. */
struct pcnet *pcnet_new(struct pcbus *b, struct pcibus *p, unsigned slot,
			struct nicport *port, const uint8_t mac[6]);
/* Its place in the bus. */
struct pcidev *pcnet_pci(struct pcnet *c);

#endif
