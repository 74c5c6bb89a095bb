/* SPDX-License-Identifier: MIT */
/* Which devices the PC has, and what its firmware is told of them. */
#ifndef TANDEM_BACKENDS_PC_MACHINE_H
#define TANDEM_BACKENDS_PC_MACHINE_H

#include "backends/pc/board.h"
#include "backends/pc/nicport.h"
#include "backends/pc/uart.h"

#define PCMACHINE_NICS 4u
/* What there is to boot from at most: two floppies, four IDE units, the NICs. */
#define PCMACHINE_BOOTS (6u + PCMACHINE_NICS)

/* What machine it is to be. All of it is copied, but what is pointed at by arguments. */
struct pcmachine_spec {
	int64_t clock;	  /* UTC in seconds since 1970 */
	int32_t timezone; /* of what its clock shows, in seconds east */
	const char *boot; /* as xl.cfg's: a, c, d, n in their order */
	/* The same as places (fw_files.h), best first */
	const char *bootorder[PCMACHINE_BOOTS];
	unsigned nr_boots;
	bool acpi, apic, vga;
	bool xen_platform;		/* Xen's device; of a machine that sees Xen */
	bool floppy[2];			/* drives that there are, of 1.44 MB */
	const struct uart_peer *serial; /* COM1's; NULL: there is none */
	uint8_t uuid[16];
	/* Lines of the firmware's messages; NULL: nowhere. */
	void (*message)(void *arg, const char *line);
	void *message_arg;
};

/* Its devices, all the board's; NULL: not there. */
struct pcmachine {
	struct pcboard *board;
	struct ide *ide;
	struct floppy *floppy;
	struct vga *vga;
	struct i8042 *i8042;
	struct piix4pm *pm;
	struct uart *serial;
	struct fw_cfg *fw_cfg;
	struct xen_platform *xen;
	int log_budget; /* for lines that a guest causes */
};

/* Adds them to a board that is open. -ENOMEM, -EEXIST... */
int pcmachine_add(struct pcmachine *m, struct pcboard *b, const struct pcmachine_spec *s);

enum pcmachine_nic { PCMACHINE_RTL8139, PCMACHINE_PCNET, PCMACHINE_E1000 };
/* The n-th card; its port is the card's until the board closes. Under the board's lock.
 * -ENOMEM */
int pcmachine_nic(struct pcmachine *m, enum pcmachine_nic model, unsigned n,
		  struct nicport *port, const uint8_t mac[6]);
/* Where PCI has it. */
unsigned pcmachine_nic_slot(unsigned n);

#endif
