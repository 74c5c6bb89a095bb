/* SPDX-License-Identifier: MIT */
/*
 * PCI bus 0 of the PC: configuration by mechanism #1 (ports 0xcf8 and 0xcfc, PCI Local
 * Bus Specification 3.0, 3.2.2.3.2), base address registers, and interrupt pins that the
 * PIIX3's router puts on interrupt lines.
 */
#ifndef TANDEM_BACKENDS_PC_PCI_H
#define TANDEM_BACKENDS_PC_PCI_H

#include "backends/pc/bus.h"

#define PCI_NR_DEVFNS	256u
#define PCI_CONFIG_SIZE 256u
#define PCI_NR_BARS	6u
#define PCI_NR_PIRQS	4u

/* Configuration registers (type 0). */
#define PCI_VENDOR    0x00
#define PCI_DEVICE    0x02
#define PCI_COMMAND   0x04
#define PCI_STATUS    0x06
#define PCI_REVISION  0x08
#define PCI_CLASS     0x09 /* 24 bits */
#define PCI_HEADER    0x0e
#define PCI_BAR0      0x10
#define PCI_SUBVENDOR 0x2c
#define PCI_SUBSYSTEM 0x2e
#define PCI_ROM	      0x30
#define PCI_LINE      0x3c
#define PCI_PIN	      0x3d

#define PCI_CMD_IO	   0x1
#define PCI_CMD_MEMORY	   0x2
#define PCI_CMD_MASTER	   0x4
#define PCI_CMD_INVALIDATE 0x10
#define PCI_CMD_INTX	   0x400 /* off */

struct pcibus;

struct pcibar {
	uint32_t size; /* a power of two; 0: none */
	bool io;
	const struct io_ops *ops;
	void *arg;
	bool mapped;
	uint64_t at; /* where, if it is */
};

/* A function, first member of its own struct. */
struct pcidev {
	struct pcdev dev;
	struct pcibus *pci;
	uint8_t devfn;
	bool intx; /* asserted */
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* its bits that the guest may change */
	uint8_t clear[PCI_CONFIG_SIZE];	   /* bits that it clears by writing ones */
	struct pcibar bar[PCI_NR_BARS];
	/* Optional: after the guest wrote [at, at + size) of its configuration. */
	void (*written)(struct pcidev *d, unsigned at, unsigned size);
	/* Optional: its pin goes to that line now; 0: nowhere. */
	void (*routed)(struct pcidev *d, unsigned line);
};

struct pci_id {
	uint16_t vendor, device;
	uint32_t class; /* 24 bits: base, sub, interface */
	uint8_t revision;
	uint16_t subvendor, subsystem;
	uint8_t pin; /* 1 to 4: INTA# to INTD#; 0: none */
};

struct pcibus *pcibus_new(struct pcbus *b); /* NULL: out of memory, ports taken */
/* After pcbus_fini(), which ends the functions. */
void pcibus_free(struct pcibus *p);

/* Adds a function, and it to the board; d->dev.ops is set. -EEXIST. */
int pci_add(struct pcibus *p, struct pcidev *d, unsigned slot, unsigned function,
	    const struct pci_id *id);
/* The function there, or NULL. */
struct pcidev *pci_find(const struct pcibus *p, unsigned slot, unsigned function);
/* Takes one away (unplug): it answers no more, its bars are gone; not destroyed. */
void pci_remove(struct pcidev *d);
/* Base address register n. */
void pci_bar_set(struct pcidev *d, unsigned n, bool io, uint32_t size,
		 const struct io_ops *ops, void *arg);

/* Its interrupt pin. Each function drives its own; shared lines are or-ed. */
void pci_irq(struct pcidev *d, bool level);
/* May it read and write memory? */
static inline bool pci_is_master(const struct pcidev *d)
{
	return d->config[PCI_COMMAND] & PCI_CMD_MASTER;
}

/* PIRQA# to D# go to this line (of the PICs and the IOAPIC); 0: nowhere. */
void pcibus_route(struct pcibus *p, unsigned pirq, unsigned line);

/* For a function's reset(): the command register, bars and line as after power on. */
void pci_reset(struct pcidev *d);
/* For save() and load(): the configuration; load maps the bars and checks what may
 * not differ. Returns bytes used; 0: too few, or they are not such a function's. */
size_t pci_save(const struct pcidev *d, uint8_t *buf, size_t max);
size_t pci_load(struct pcidev *d, const uint8_t *buf, size_t len);

static inline uint16_t pci_word(const struct pcidev *d, unsigned at)
{
	return (uint16_t)(d->config[at] | d->config[at + 1] << 8);
}
static inline uint32_t pci_dword(const struct pcidev *d, unsigned at)
{
	return (uint32_t)pci_word(d, at) | (uint32_t)pci_word(d, at + 2) << 16;
}
static inline void pci_word_set(struct pcidev *d, unsigned at, uint16_t v)
{
	d->config[at] = (uint8_t)v;
	d->config[at + 1] = (uint8_t)(v >> 8);
}
static inline void pci_dword_set(struct pcidev *d, unsigned at, uint32_t v)
{
	pci_word_set(d, at, (uint16_t)v);
	pci_word_set(d, at + 2, (uint16_t)(v >> 16));
}

#endif
