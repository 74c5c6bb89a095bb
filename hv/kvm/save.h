/* SPDX-License-Identifier: MIT */
/* A whole machine into a stream, also while it runs, and out of one. */
#ifndef TANDEM_HV_KVM_SAVE_H
#define TANDEM_HV_KVM_SAVE_H

#include "hv/kvm/save_stream.h"
#include "hv/kvm/vm.h"

#define SAVE_ROUNDS_MAX 16  /* of a live one */
#define SAVE_FEW_PAGES	512 /* so many are left to the time when the guest stands */

struct save_job {
	int fd;		    /* of the stream; the caller's */
	const char *config; /* the toolstack's, of config_len bytes */
	size_t config_len;
	bool live; /* RAM goes while the guest runs */
	/* Has the guest suspend itself, or a PC's suspended. It stands when this returns
	 * 0, and its vcpus are joined (vm_join()); else -errno, and it runs. */
	int (*suspend)(void *arg);
	/* While that takes a while: is there still somebody who wants it? */
	bool (*wanted)(void *arg);
	void *arg;
	/* Results. */
	bool suspended; /* by suspend(), which is not undone here */
	unsigned rounds;
	uint64_t pages, bytes; /* sent; the stream's */
	uint64_t standing_ms;  /* since the guest stood */
};

/*
 * -errno; what the stream then has is worth nothing. -ECANCELED: not wanted any more.
 * -EBUSY: the guest has mapped others' grants. -ETIME: I/O of its devices does not end.
 */
int vm_save(struct vm *vm, struct save_job *job);

/*
 * A machine that was made (vm_create()) and has its devices gets what was saved, behind
 * the configuration. Then vm_start(). *why: what is wrong with the stream; a buffer of
 * static storage. -EBADMSG, -EOPNOTSUPP, -errno.
 */
int vm_load(struct vm *vm, int fd, const struct save_place *place, const char **why);

#endif
