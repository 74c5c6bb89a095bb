/* SPDX-License-Identifier: MIT */
/*
 * tandem-vm's side of save, migrate and restore. Whoever wants the machine saved sends
 * two descriptors: a channel, a SEQPACKET socket, and the stream's. On the channel:
 *
 *   -> "save\0CONFIG" or "live\0CONFIG"   what to write, and whether the guest runs
 * meanwhile
 *   <- "suspend"                           now the guest is to be told
 * (control/shutdown); not said if it is not asked (vm.h)
 *   <- "saved JSON"                        all is written, the guest stands
 *   -> "resume", "pause", "again", "stay"  what becomes of it: it goes on, as if nothing
 * had been, at once or when it is unpaused; or as in a new domain; it stands, until its
 * domain is destroyed
 *   <- "error TEXT"                        instead of any of the above; the guest goes on
 *
 * Its end of the channel is closed when that is done; the other's end before means
 * "resume".
 */
#ifndef TANDEM_TOOLS_VM_SAVE_H
#define TANDEM_TOOLS_VM_SAVE_H

#include "hv/base/evloop.h"
#include "hv/kvm/save_stream.h"
#include "hv/kvm/vm.h"

#define VM_SAVE_DIR	  "save" /* in the state directory: a datagram socket, DOMID */
#define VM_SAVE_PACKET	  32768	 /* bytes of the longest */
#define VM_SAVE_SUSPEND_S 60	 /* for the guest to suspend itself */

struct vm_saver;
/*
 * Makes the socket of that domain. renew(arg): the guest is about to wake up as in a new
 * domain, and wants a new connection to xenstore; not called for one that is not asked
 * (vm.h). -errno
 */
int vm_saver_open(struct vm_saver **s, struct vm *vm, struct evloop *loop, domid_t domid,
		  int (*renew)(void *arg), void *arg);
/* The guest has stopped. True: that is the saver's affair, the machine stays. Its vcpus
 * may be joined here. */
bool vm_saver_stopped(struct vm_saver *s);
/* NULL is allowed. Waits for a saving that is under way, which fails. */
void vm_saver_close(struct vm_saver *s);

struct vm_restore {
	int stream; /* closed when all of it is read */
	struct save_place place;
};
/* "STREAM:CHUNKS:SUM", as the toolstack passes it. -EINVAL */
int vm_restore_parse(const char *text, struct vm_restore *r);
/* The machine gets its state. Errors are said. */
int vm_restore(struct vm *vm, const struct vm_restore *r);

#endif
