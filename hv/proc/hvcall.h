/* SPDX-License-Identifier: MIT */
/*
 * The control protocol between process domains and tandem-hvd, on a
 * SOCK_SEQPACKET unix socket: one request packet, one reply packet, in order.
 *
 * A connection is a domain. `hv.sock` in the state directory gives the rights
 * of dom0: whoever may open it owns the instance. HVCALL_DOMAIN_CONNECT hands
 * out connections that are another domain for ever; a launcher passes such a
 * descriptor to the program, which needs no access to hv.sock at all.
 *
 * Every request is a struct hvcall, every reply a struct hvreply; both have a
 * fixed size, unused fields are zero (checked in requests). Descriptors
 * travel beside a reply, or a request of a VM (SCM_RIGHTS), in the order given
 * below, and exactly so many. Errors are
 * negative errno in hvreply.status; a malformed packet ends the connection, and
 * so does a reply that the caller leaves no room for: one call at a time.
 */
#ifndef TANDEM_HV_PROC_HVCALL_H
#define TANDEM_HV_PROC_HVCALL_H

#include <stdint.h>

#define HVCALL_VERSION	1u
#define HVCALL_NAME_MAX 64 /* with its NUL */
#define HVCALL_PATH_MAX 192
#define HVCALL_MAX_FDS	4
#define HVCALL_VM_FDS	2 /* with a request */

enum hvcall_op {
	/* -> domid, name, flags: who this connection is. First call. Another version
	 * is answered with -EPROTO and the server's version. */
	HVCALL_HELLO = 0,
	/* name [, domid != 0: with that id], flags: HVCALL_DOMAIN_VM -> domid. dom0
	 * only. What a domain is never changes. -EEXIST */
	HVCALL_DOMAIN_CREATE = 1,
	/* domid. Ends its connections, frees all it has. dom0 only. */
	HVCALL_DOMAIN_DESTROY = 2,
	/* domid: the first domain with an id >= that -> domid, name, flags, and in
	 * value the number of its connections. -ENOENT: no more. dom0 only. */
	HVCALL_DOMAIN_NEXT = 3,
	/* name, or domid if name is "" -> domid, name; fds: connection. dom0 only. */
	HVCALL_DOMAIN_CONNECT = 4,
	/* -> fds: a stream socket that speaks xs_wire as this domain. A VM's is
	 * -ENOENT before HVCALL_VM_MEMORY: xenstore does not know it yet. */
	HVCALL_XENSTORE_CONNECT = 5,
	/* domid: peer, value: pages (data, without the entries' own), flags:
	 * HVCALL_ARENA_RO -> id: arena, value: first data page; fds: memfd, rw.
	 * The hypervisor fills the grant entries. RO: a second memfd has the
	 * entries; it is mapped over the first's first pages. Map the first
	 * writable, then add F_SEAL_FUTURE_WRITE to it: until then ARENA_MAP is
	 * -EAGAIN. */
	HVCALL_ARENA_CREATE = 6,
	/* id: arena of this domain. */
	HVCALL_ARENA_DESTROY = 7,
	/* domid: granter, id: arena -> value: all pages, flags: HVCALL_ARENA_RO;
	 * fds: memfd; RO: data, which is read-only, and entries. -ENOENT, -EACCES
	 * unless the caller's domain is the arena's peer. Noted for this connection
	 * until ARENA_UNMAP: the id is not used again before.
	 * A VM's id 0 is its memory -> flags: HVCALL_ARENA_VM, value: pages of RAM,
	 * id: how many of them lie below the hole, domid: pages of grant frames;
	 * fds: RAM, grant frames. -EACCES unless the caller's domain serves a device
	 * of the VM: one of its device/TYPE/ID/backend-id in xenstore says so, and the
	 * caller's domain may read that key. */
	HVCALL_ARENA_MAP = 8,
	/* domid: remote [, value: that port of ours, or -EEXIST] -> id: port;
	 * fds: wait, notify, keep. If either end's domain is a VM, flags:
	 * HVCALL_EVTCHN_EVENTFD; fds: wait, notify, each an eventfd. */
	HVCALL_EVTCHN_ALLOC_UNBOUND = 9,
	/* domid: remote, id: its port [, value: that port of ours, or -EEXIST] ->
	 * id: own port; flags and fds as above. The wait end has an event pending. */
	HVCALL_EVTCHN_BIND_INTERDOMAIN = 10,
	/* id: port */
	HVCALL_EVTCHN_CLOSE = 11,
	/* id: port -> value: EVTCHNSTAT_*, domid: remote. A port whose other end has
	 * gone is unbound again, its descriptors the same: this is how to learn it. */
	HVCALL_EVTCHN_STATUS = 12,
	/* Closes all ports of this connection. */
	HVCALL_EVTCHN_RESET = 13,
	/* path: claims a device (plat.h, plat_claim): device/TYPE/ID or
	 * backend/TYPE/DOMID/ID. -EBUSY */
	HVCALL_CLAIM = 14,
	HVCALL_UNCLAIM = 15,
	/* domid: granter, id: arena. Nothing of it is mapped here any more. */
	HVCALL_ARENA_UNMAP = 16,
	/*
	 * This VM's memory: value: pages of RAM, id: how many of them lie below the
	 * hole, the others from HVCALL_VM_HIGH_FRAME on; fds: RAM, grant frames (the
	 * version-1 table from gref 0 on, whole pages: HVCALL_VM_FRAMES_MAX at
	 * most). From now on the peers that serve its devices may map both; and
	 * xenstore knows the domain. Until this connection ends.
	 * Both are memfds of just these sizes, not of huge pages (hugetlbfs could
	 * take them away under a backend; transparent ones are fine), with
	 * F_SEAL_SHRINK and without F_SEAL_WRITE or F_SEAL_FUTURE_WRITE; here they
	 * get F_SEAL_GROW and F_SEAL_SEAL besides.
	 * -EINVAL, -EPERM not a VM, -EBUSY has it, or a peer has that of an earlier
	 * connection.
	 */
	HVCALL_VM_MEMORY = 17,
	/* id: EVTCHNSTAT_virq or EVTCHNSTAT_ipi [, value: that port, or -EEXIST] ->
	 * id: port. For ports that a VM's own process serves: no descriptors, no
	 * other end, but EVTCHN_STATUS and EVTCHN_CLOSE know them. */
	HVCALL_EVTCHN_ALLOC_LOCAL = 18,
	/* domid, id: n -> value: the process that said hello on the domain's n-th
	 * connection, as the hypervisor's PID namespace has it; 0: nobody has, or
	 * another one. -ENOENT: it has no so many. dom0 only. */
	HVCALL_DOMAIN_PROCESS = 19,
	HVCALL_NR_OPS = 20,
};

#define HVCALL_ARENA_RO	      1u
#define HVCALL_ARENA_VM	      2u
#define HVCALL_DOMAIN_VM      1u
#define HVCALL_EVTCHN_EVENTFD 1u

#define HVCALL_VM_HIGH_FRAME 0x100000u /* 4 GiB: RAM above the hole starts here */
#define HVCALL_VM_FRAMES_MAX 2048u     /* pages of grant frames: 2^20 entries */

struct hvcall {
	uint32_t op;	  /* enum hvcall_op */
	uint32_t version; /* HVCALL_VERSION, in every packet */
	uint32_t domid;
	uint32_t id;
	uint32_t value;
	uint32_t flags;
	char str[HVCALL_PATH_MAX]; /* name or path, NUL-terminated, zero-filled */
};

struct hvreply {
	int32_t status; /* 0 or -errno */
	uint32_t version;
	uint32_t domid;
	uint32_t id;
	uint32_t value;
	uint32_t flags;
	char name[HVCALL_NAME_MAX];
};

#endif
