/* SPDX-License-Identifier: MIT */
/*
 * The control protocol of one VM's process, on a SOCK_SEQPACKET unix socket: `vm/DOMID`
 * in the state directory, which only its owner may open. One request packet, one
 * reply packet, in order; a malformed packet ends the connection.
 *
 * Packets have a fixed size; unused fields are zero (checked in requests).
 * Descriptors travel beside a request, exactly as many as its operation says. A new
 * operation gets the next number and a handler in vm_control.c's table; another
 * meaning of an old one, another version.
 */
#ifndef TANDEM_TOOLS_VMCTL_H
#define TANDEM_TOOLS_VMCTL_H

#include <stdint.h>

#define VMCTL_VERSION	1u
#define VMCTL_MAX_FDS	2
#define VMCTL_DIR	"vm" /* in the state directory */
#define VMCTL_MAX_VCPUS 32u

enum vmctl_op {
	/* -> id: vcpus, flags: VMCTL_PAUSED, _STOPPED, _PC, _PV, value: bytes of RAM
	 * that the guest has, value2: SHUTDOWN_* if it has stopped */
	VMCTL_INFO = 0,
	/* Answered when no vcpu is in the guest any more. */
	VMCTL_PAUSE = 1,
	VMCTL_UNPAUSE = 2,
	/* id: a vcpu -> flags: VMCTL_ONLINE, value: its CPU time in ns, value2: its
	 * thread. -ENOENT */
	VMCTL_VCPU = 3,
	/* Answered when the guest stops or has stopped -> value: SHUTDOWN_* */
	VMCTL_WAIT = 4,
	/* Ends the process, whatever the guest does. */
	VMCTL_END = 5,
	/* -> id: the console's port, flags: the store's, value: the console's page
	 * frame, value2: the store's. What xenstore tells. */
	VMCTL_RINGS = 6,
	/* With a file's descriptor: the memory of a guest that is paused or has stopped
	 * becomes that file (hv/kvm/coredump.h). -EBUSY: it runs */
	VMCTL_DUMP = 7,
	/* id: a vcpu, value: enum vm_exit (hv/kvm/exits.h) -> value: how often it left
	 * the guest for that. -ENOENT */
	VMCTL_EXITS = 8,
	/* -> value: bytes of the host's memory that hold the guest's RAM */
	VMCTL_RESIDENT = 9,
	/*
	 * The rest is for PCs; -EOPNOTSUPP: it is none.
	 *
	 * With a regular file's descriptor: the screen as PNG, its text as UTF-8.
	 * -ENODEV: there is no screen; -ENODATA: it shows no text; -EBUSY: a picture is
	 * being made; -EINVAL: no regular file.
	 */
	VMCTL_PICTURE = 10,
	VMCTL_TEXT = 11,
	/* id: a key (linux/input-event-codes.h), flags: VMCTL_PRESSED. -ENOENT: none */
	VMCTL_KEY = 12,
	/* -ENODEV: no ACPI */
	VMCTL_POWER_BUTTON = 13,
	/* -> value: the port where viewers find the screen; 0: none */
	VMCTL_VNC = 14,
	/* id: a drive (vm_pc.h), with a file's descriptors, open for reading twice.
	 * -ENODEV: no drive for media that are changed; -EEXIST: there is one in it */
	VMCTL_INSERT = 15,
	/* id: a drive, flags: VMCTL_FORCE. -EBUSY: the guest holds what is in it */
	VMCTL_EJECT = 16,
	VMCTL_NR_OPS,
};

#define VMCTL_PAUSED  1u
#define VMCTL_STOPPED 2u
#define VMCTL_PC      4u /* a PC, not PVH */
#define VMCTL_PV      8u /* its guest has paravirtual drivers: it takes event channels */
#define VMCTL_ONLINE  1u
#define VMCTL_PRESSED 1u
#define VMCTL_FORCE   1u

struct vmctl_call {
	uint32_t op;	  /* enum vmctl_op */
	uint32_t version; /* VMCTL_VERSION, in every packet */
	uint32_t id;
	uint32_t flags;
	uint64_t value;
};

struct vmctl_reply {
	int32_t status;	  /* 0 or -errno; -ENOSYS: no such operation */
	uint32_t version; /* the server's */
	uint32_t id;
	uint32_t flags;
	uint64_t value, value2;
};

#endif
