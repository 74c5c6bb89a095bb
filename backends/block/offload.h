/* SPDX-License-Identifier: MIT */
/*
 * A thread for calls that block and that io_uring cannot make (ioctls on block
 * devices). One a queue; it starts with the first job, as few disks need it.
 */
#ifndef TANDEM_BACKENDS_BLOCK_OFFLOAD_H
#define TANDEM_BACKENDS_BLOCK_OFFLOAD_H

#include "backends/worker.h"

struct offload;

/* Embedded in its owner's struct; the offload's until done(). */
struct offload_job {
	struct offload_job *next;
	int (*call)(struct offload_job *job);  /* on the thread */
	void (*done)(struct offload_job *job); /* on the worker */
	int result;			       /* of call */
};

struct offload *offload_new(struct worker *w); /* NULL: out of memory or fds */
void offload_free(struct offload *o);	       /* no job is left */
/* 0 or -errno (then done is not called). On the worker. */
int offload_submit(struct offload *o, struct offload_job *job);

#endif
