/* SPDX-License-Identifier: MIT */
/*
 * tandem-vm as the PC of an unmodified guest (backends/pc): its drives, network cards,
 * screen, keyboard and serial port.
 *
 * All functions are called on the loop's thread, without the board's lock.
 */
#ifndef TANDEM_TOOLS_VM_PC_H
#define TANDEM_TOOLS_VM_PC_H

#include "backends/pc/machine.h"
#include "hv/base/evloop.h"

#define VM_PC_DRIVES	6u /* hda to hdd, fda and fdb */
#define VM_PC_FLOPPY	4u /* the first of those */
#define VM_PC_DISKS_MAX 16u
#define VM_PC_ROMS_MAX	8u

/* What the command line says. Strings are its. */
struct vm_pc_options {
	const char *firmware;		   /* NULL: no PC */
	const char *disk[VM_PC_DISKS_MAX]; /* tandem-disk(5) */
	const char *vif[PCMACHINE_NICS];   /* tandem-network(5) */
	const char *rom[VM_PC_ROMS_MAX]; /* "NAME=FILE": what firmware finds by fw_cfg */
	unsigned ndisks, nvifs, nroms;
	const char *boot; /* xl.cfg's */
	const char *vnc;  /* where it listens (vnc.h); NULL: nowhere */
	int32_t timezone; /* of what its clock shows, in seconds east */
	uint8_t uuid[16];
	bool no_vga, no_acpi, no_apic, xen_platform, serial;
};

struct vm_pc;

/*
 * Before the sandbox: opens all that has a name, makes interfaces. Errors are said; what
 * there is then is vm_pc_close()'s.
 */
int vm_pc_open(struct vm_pc **pc, const struct vm_pc_options *o, struct vm *vm,
	       struct evloop *loop);
/* Within it: threads, drives and cards. wakes: it was saved, and has its media when it
 * is loaded (hv/kvm/devices.h), which another machine may hold until then. */
int vm_pc_start(struct vm_pc *pc, bool wakes);
/* The firmware's bytes, of a machine that was not saved. `why`: what is wrong. */
int vm_pc_firmware(struct vm_pc *pc, const struct image *img, const char **why);
/* When no vcpu runs any more. NULL is allowed. */
void vm_pc_close(struct vm_pc *pc);

struct pcboard *vm_pc_board(struct vm_pc *pc);

/* ---------------------------------------------------------- what its owner asks for */

/* The screen as PNG, on any thread, for it takes long; or its text as UTF-8; into fd,
 * which stays the caller's. -ENODEV: it has no screen; -ENODATA: it shows no text. */
int vm_pc_picture(struct vm_pc *pc, int fd);
int vm_pc_text(struct vm_pc *pc, int fd);
/* A key (linux/input-event-codes.h). */
int vm_pc_key(struct vm_pc *pc, unsigned code, bool pressed);
/* -ENODEV: no ACPI. */
int vm_pc_power_button(struct vm_pc *pc);
/* The port where viewers find it, or 0: a unix socket, or none. */
unsigned vm_pc_vnc_port(const struct vm_pc *pc);
/*
 * A medium into drive 0 to VM_PC_DRIVES - 1: the two descriptors of a file that is open
 * for reading twice, which are taken in any case. -ENODEV: no such drive, or not for
 * media that are changed; -EEXIST: there is one; -EBUSY: the guest has stopped.
 */
int vm_pc_insert(struct vm_pc *pc, unsigned drive, const int fds[2]);
/* -EBUSY: the guest holds it, and it is not forced; or has stopped. */
int vm_pc_eject(struct vm_pc *pc, unsigned drive, bool force);

#endif
