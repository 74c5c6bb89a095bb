/* SPDX-License-Identifier: MIT */
/* A PC's board for tests of its devices: RAM, lines, and a clock that a test turns. */
#ifndef TANDEM_TESTS_LIB_FAKEPC_H
#define TANDEM_TESTS_LIB_FAKEPC_H

#include "backends/pc/pci.h"

#define FAKEPC_RAM (4u << 20)

struct fakepc {
	struct pcbus bus;
	struct pcibus *pci; /* as fakepc_open() was asked for one */
	uint8_t *ram;
	uint64_t now, alarm; /* ns; the alarm is when pcbus_run() is due */
	bool line[PC_NR_LINES];
	unsigned raised[PC_NR_LINES]; /* how often each has gone up */
	unsigned resets, poweroffs;
};

struct fakepc *fakepc_open(bool with_pci);
/* Ends the devices, too. */
void fakepc_close(struct fakepc *f);

/* As a vcpu does. */
uint32_t fakepc_in(struct fakepc *f, uint16_t port, unsigned size);
void fakepc_out(struct fakepc *f, uint16_t port, unsigned size, uint32_t value);
uint64_t fakepc_load(struct fakepc *f, uint64_t gpa, unsigned size);
void fakepc_store(struct fakepc *f, uint64_t gpa, unsigned size, uint64_t value);
uint32_t fakepc_pci_in(struct fakepc *f, unsigned slot, unsigned fn, unsigned at,
		       unsigned size);
void fakepc_pci_out(struct fakepc *f, unsigned slot, unsigned fn, unsigned at,
		    unsigned size, uint32_t value);

/* Time passes, and every timer in it fires when it should. */
void fakepc_pass(struct fakepc *f, uint64_t ns);

/* Saves a device, resets it, loads it again; then that its state is the same. Returns
 * its length. */
size_t fakepc_cycle(struct fakepc *f, struct pcdev *d);

#endif
