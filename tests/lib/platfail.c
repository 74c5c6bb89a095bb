/* SPDX-License-Identifier: MIT */
/* The platform's calls, of which one fails. */
#include "tests/lib/platfail.h"

#include <errno.h>
#include <stdatomic.h>

#include "hv/plat/plat.h"

static atomic_int left;
static atomic_bool done;

void platfail_in(int n)
{
	atomic_store(&done, false);
	atomic_store(&left, n);
}

bool platfail_done(void)
{
	return atomic_load(&done);
}

static int injected(void)
{
	if (atomic_load(&left) <= 0 || atomic_fetch_sub(&left, 1) != 1)
		return 0;
	atomic_store(&done, true);
	return -ENOMEM;
}

#define FAILING(name, params, args)                    \
	int __real_##name params;                      \
	int __wrap_##name params;                      \
	int __wrap_##name params                       \
	{                                              \
		int err = injected();                  \
                                                       \
		return err ? err : __real_##name args; \
	}

FAILING(gnttab_arena_new,
	(struct plat * p, domid_t peer, uint32_t n, bool ro, struct gnttab_arena **a),
	(p, peer, n, ro, a))
FAILING(evtchn_alloc_unbound, (struct plat * p, domid_t remote, struct evtchn **ch),
	(p, remote, ch))
FAILING(plat_claim, (struct plat * p, const char *path), (p, path))
