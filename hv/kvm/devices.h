/* SPDX-License-Identifier: MIT */
/*
 * Devices of a machine that hv/kvm does not know (a PC's board): they stand when the
 * guest stands, and are saved with it.
 *
 * Called from the owner's thread or a saver's, never from a vcpu's nor with vm->lock
 * held; only while no vcpu runs. Twice is as once.
 */
#ifndef TANDEM_HV_KVM_DEVICES_H
#define TANDEM_HV_KVM_DEVICES_H

#include <stddef.h>
#include <stdint.h>

#define VM_DEVICES_MEMORY 4 /* memfds of one machine's devices at most */

/* Memory besides RAM that goes with the machine: all of fd, whole pages. It may be
 * mapped into the guest, and the devices may write to it. */
struct vm_devices_memory {
	int fd;
	uint64_t size;
};

struct vm_devices {
	void *arg;
	/*
	 * From now on nothing happens: their time stands, no interrupt is raised, nothing
	 * that comes from outside is written to the guest's memory. I/O that is in flight
	 * may still end.
	 */
	void (*stand)(void *arg);
	/* They go on, from the same time. At first they stand. */
	void (*go)(void *arg);
	/*
	 * They stand, and *len bytes of `max` are their state. -EAGAIN: I/O is in flight,
	 * and they go on until it has ended: ask again. -E2BIG
	 */
	int (*save)(void *arg, uint8_t *buf, size_t max, size_t *len);
	/*
	 * Back, from a stream that anybody may have written; their memory is there
	 * already, the interrupt controllers' state is not. They stand. -EBADMSG, and
	 * *why; half of them may be restored.
	 */
	int (*load)(void *arg, const uint8_t *buf, size_t len, const char **why);
	/*
	 * Optional, both or none; of the holder's: what of the host's one machine alone
	 * may have, its disks, is let go after save() for another machine in which this
	 * one goes on, and held before load(), and before a guest goes on all the same.
	 * Twice is as once. -errno: then nobody goes on with it here.
	 */
	void *holder;
	int (*let_go)(void *holder);
	int (*hold)(void *holder);
	struct vm_devices_memory memory[VM_DEVICES_MEMORY];
	unsigned nmemory;
};

#endif
