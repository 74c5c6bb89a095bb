/* SPDX-License-Identifier: MIT */
/*
 * The platform that fails on purpose, over another one.
 *
 * spec: "fault:RULE[,RULE...][:SPEC]", or "fault:[:SPEC]" without rules. A rule is
 * OP=WHEN, OP an entry of struct plat_ops:
 *   OP=N        the N-th call (from 1) fails
 *   OP=N+       that and all later ones
 *   OP=every:N  each N-th
 *   OP=delay:US each call waits first; beside another rule for the same OP
 * A call that fails does not reach the platform below, and returns an error that
 * the contract allows. Of what returns nothing, evtchn_notify can fail (the event
 * is lost); the others can only be delayed.
 */
#ifndef TANDEM_HV_PLAT_PLAT_FAULT_H
#define TANDEM_HV_PLAT_PLAT_FAULT_H

#include <stdint.h>

#include "hv/plat/plat.h"

/* All at run time, from any thread; p was opened with a fault spec (else -EINVAL). */

/* Adds or replaces a rule ("map_refs=3"); N counts from now on. -EINVAL: no rule. */
int plat_fault_set(struct plat *p, const char *rule);
/* No rules, counts from 0. */
int plat_fault_clear(struct plat *p);
/* Calls of OP, and how many of them failed on purpose, since the last rule for it. */
int plat_fault_count(struct plat *p, const char *op, uint64_t *calls, uint64_t *failed);

#endif
