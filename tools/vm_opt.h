/* SPDX-License-Identifier: MIT */
/* tandem-vm's command line. */
#ifndef TANDEM_TOOLS_VM_OPT_H
#define TANDEM_TOOLS_VM_OPT_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/vm_pc.h"

struct vm_options {
	const char *name, *kernel, *ramdisk, *cmdline;
	uint64_t memory, maxmem; /* bytes; maxmem 0: as memory */
	unsigned vcpus;
	int control;	     /* a listening socket that was handed over; -1: none */
	const char *restore; /* vm_save.h; instead of a kernel */
	bool hugepages, sandbox, stats, call_port, paused;
	struct vm_pc_options pc;
};

/* vm_pc_opt.c: those of pc, for vm_options(). */
extern const struct argp vm_pc_argp;

/* Ends the program with status 2 and a line if they are wrong. */
void vm_options(int argc, char **argv, struct vm_options *o);

#endif
