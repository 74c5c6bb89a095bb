/* SPDX-License-Identifier: MIT */
/*
 * A VM without a guest (fakevm.h) and a backend program, sandboxed as always,
 * under a tandem-hvd: for the frontends by hand of rawfront.h and rawvif.h.
 */
#ifndef TANDEM_TESTS_LIB_VMRIG_H
#define TANDEM_TESTS_LIB_VMRIG_H

#include "tests/lib/fakevm.h"
#include "tests/lib/hvd.h"
#include "tests/lib/rawback.h"

struct vmrig {
	struct hvd hvd;
	struct rawback rb; /* fe: the VM; dom0; no backend of its own */
	const char *program;
	pid_t backend;
};

/* type: "vbd", "vif". program: the backend's path. `arg` is one more option of it,
 * or NULL. Asserts. */
void vmrig_start(struct vmrig *r, const char *type, const char *program, const char *arg);
/* Everything ends, and well. */
void vmrig_stop(struct vmrig *r);

/* Both directories of a device, with the toolstack's permissions; the keys are then
 * rawback_attach's or rawvif_attach's to write. */
void vmrig_device(struct vmrig *r, unsigned devid);

void vmrig_backend_start(struct vmrig *r, const char *arg);
/* kill -9, or asked to end, which must succeed. */
void vmrig_backend_end(struct vmrig *r, bool kill9);

/* Entries of the guest's table that have one of these flags. */
unsigned vmrig_entries(struct vmrig *r, unsigned flags);
/* Waits until nobody has one marked as in use (5 s). */
bool vmrig_unused(struct vmrig *r);

#endif
