/* SPDX-License-Identifier: MIT */
/* The fault driver's options, and its decisions. */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "backends/block/drv_fault.h"
#include "backends/drvopt.h"

static const struct {
	const char *key;
	size_t at;
} fault_numbers[] = {
	{ "read-error", offsetof(struct fault_plan, read_error) },
	{ "write-error", offsetof(struct fault_plan, write_error) },
	{ "flush-error", offsetof(struct fault_plan, flush_error) },
	{ "discard-error", offsetof(struct fault_plan, discard_error) },
	{ "torn-write", offsetof(struct fault_plan, torn_write) },
	{ "delay-every", offsetof(struct fault_plan, delay_every) },
	{ "delay-us", offsetof(struct fault_plan, delay_us) },
	{ "stuck-every", offsetof(struct fault_plan, stuck_every) },
	{ "stuck-ms", offsetof(struct fault_plan, stuck_ms) },
	{ "seed", offsetof(struct fault_plan, seed) },
};

static int fault_option(struct fault_plan *plan, const struct drvopt *o)
{
	if (!strcmp(o->key, "inner") && strlen(o->value) < sizeof(plan->inner)) {
		strcpy(plan->inner, o->value);
		return 0;
	}
	if (!strcmp(o->key, "target")) {
		strcpy(plan->target, o->value);
		return 0;
	}
	if (!strcmp(o->key, "log")) {
		strcpy(plan->log, o->value);
		return 0;
	}
	if (!strcmp(o->key, "enospc-after"))
		return blkdrv_parse_size(o->value, &plan->enospc_after);
	for (size_t i = 0; i < sizeof(fault_numbers) / sizeof(fault_numbers[0]); i++)
		if (!strcmp(o->key, fault_numbers[i].key))
			return drvopt_u64(o, (uint64_t *)((char *)plan +
							  fault_numbers[i].at));
	return -EINVAL;
}

int fault_plan_parse(struct fault_plan *plan, const char *options, char **why)
{
	struct drvopt o;
	int ret;

	*plan = (struct fault_plan){ .enospc_after = UINT64_MAX, .stuck_ms = 30000 };
	while ((ret = drvopt_next(&options, &o)) > 0) {
		ret = fault_option(plan, &o);
		if (ret)
			break;
	}
	if (ret) {
		*why = blkdrv_why("options: '%s=%s' is not understood; want inner=DRIVER "
				  "and any of target=, read-error=N, write-error=N, "
				  "flush-error=N, discard-error=N, torn-write=N, "
				  "delay-us=N, delay-every=N, stuck-every=N, stuck-ms=N, "
				  "enospc-after=SIZE, seed=N, log=FILE",
				  o.key, o.value);
		return ret;
	}
	if (!plan->inner[0] || !strcmp(plan->inner, "fault")) {
		*why = blkdrv_why("options: want inner=DRIVER, the driver to disturb, "
				  "such as inner=ram");
		return -EINVAL;
	}
	if (plan->delay_us && !plan->delay_every)
		plan->delay_every = 1;
	return 0;
}

/* splitmix64's finaliser: a number from two. */
static uint64_t fault_hash(uint64_t seed, uint64_t n)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + n;

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Does it hit number n (from 1) of its kind? */
static bool fault_hits(const struct fault_plan *plan, uint64_t every, uint64_t n,
		       uint64_t kind)
{
	if (!every)
		return false;
	if (!plan->seed)
		return n % every == 0;
	return fault_hash(plan->seed + kind, n) % every == 0;
}

static void fault_write(const struct fault_plan *plan, struct fault_counts *c,
			const struct blkdrv_io *io, uint32_t sector,
			struct fault_fate *fate)
{
	uint64_t n = atomic_fetch_add(&c->writes, 1) + 1;
	uint64_t before;

	if (fault_hits(plan, plan->write_error, n, 1)) {
		fate->error = -EIO;
		return;
	}
	before = atomic_load(&c->written);
	do {
		if (before > plan->enospc_after ||
		    io->len > plan->enospc_after - before) {
			fate->error = -ENOSPC;
			return;
		}
	} while (!atomic_compare_exchange_weak(&c->written, &before, before + io->len));
	if (fault_hits(plan, plan->torn_write, n, 2)) {
		fate->error = -EIO;
		fate->torn_len = fault_hash(plan->seed, n) % (io->len / sector) * sector;
	}
}

struct fault_fate fault_plan_next(const struct fault_plan *plan, struct fault_counts *c,
				  const struct blkdrv_io *io, uint32_t sector)
{
	uint64_t all = atomic_fetch_add(&c->all, 1) + 1;
	struct fault_fate fate = { 0 };

	switch (io->op) {
	case BLKDRV_READ:
		if (fault_hits(plan, plan->read_error, atomic_fetch_add(&c->reads, 1) + 1,
			       3))
			fate.error = -EIO;
		break;
	case BLKDRV_WRITE:
		fault_write(plan, c, io, sector, &fate);
		break;
	case BLKDRV_FLUSH:
		if (fault_hits(plan, plan->flush_error,
			       atomic_fetch_add(&c->flushes, 1) + 1, 4))
			fate.error = -EIO;
		break;
	case BLKDRV_DISCARD:
		if (fault_hits(plan, plan->discard_error,
			       atomic_fetch_add(&c->discards, 1) + 1, 5))
			fate.error = -EIO;
		break;
	}
	if (fault_hits(plan, plan->delay_every, all, 6))
		fate.delay_ns = plan->delay_us * 1000;
	if (fault_hits(plan, plan->stuck_every, all, 7))
		fate.delay_ns += plan->stuck_ms * 1000000;
	return fate;
}
