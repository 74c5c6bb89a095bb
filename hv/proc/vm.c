/* SPDX-License-Identifier: MIT */
/* Virtual machines: their memory, who may have it, and what xenstore is told. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/core/gntvm.h"
#include "hv/proc/server_int.h"
#include "ringproto/xs_wire.h"

_Static_assert(GNTVM_HIGH_FRAME == HVCALL_VM_HIGH_FRAME &&
		       GNTVM_TABLE_MAX == HVCALL_VM_FRAMES_MAX,
	       "what the protocol says");

int call_vm_memory(struct conn *c, const struct hvcall *call, struct answer *ans)
{
	const struct domain *dom = c->client.dom;
	int err;

	if (!dom->vm)
		return -EPERM;
	conns_sweep(c);
	err = gntvm_register(&c->client, ans->came[0], call->value, call->id,
			     ans->came[1]);
	if (err)
		return err;
	ans->came[0] = ans->came[1] = -1;
	err = xs_server_start(c->srv->xs, dom->id);
	/* known already: the toolstack introduced it, or an earlier client did */
	if (err && err != -EEXIST) {
		/* cannot fail: registered above */
		(void)arena_destroy(&c->client, 0);
		return err;
	}
	return 0;
}

void vm_client_end(struct conn *c)
{
	const struct domain *dom = c->client.dom;
	const struct arena *a = dom->vm ? dom->arenas[0] : NULL;

	if (a && a->owner == &c->client) {
		vm_devices_closed(c->srv->xs, dom->id);
		xs_server_stopped(c->srv->xs, dom->id);
	}
}

/* ------------------------------------------------------- who serves a device */

struct serves {
	struct xs_server *xs;
	domid_t peer;
	char path[XENSTORE_ABS_PATH_MAX + 1]; /* of the directory looked at */
	char id[8];			      /* the peer's, as it is written */
};

/* path becomes path/name: its length before, or 0 if it does not fit. */
static size_t path_push(struct serves *s, const char *name)
{
	size_t len = strlen(s->path), room = sizeof(s->path) - len;
	int n = snprintf(s->path + len, room, "/%s", name);

	if (n > 0 && (size_t)n < room)
		return len;
	s->path[len] = '\0';
	return 0;
}

/* device/TYPE/ID: is its backend-id the peer's, and for the peer to read? */
static bool device_served(void *arg, const char *id)
{
	struct serves *s = arg;
	size_t len = path_push(s, id);
	const char *value = NULL;

	if (!len)
		return false;
	if (path_push(s, "backend-id"))
		value = xs_server_read_as(s->xs, s->peer, s->path);
	s->path[len] = '\0';
	return value && !strcmp(value, s->id);
}

static bool type_served(void *arg, const char *type)
{
	struct serves *s = arg;
	size_t len = path_push(s, type);
	bool found;

	if (!len)
		return false;
	found = xs_server_any_child(s->xs, s->path, device_served, s);
	s->path[len] = '\0';
	return found;
}

/*
 * The key stands in the VM's directory, which the VM and the toolstack write: so
 * no domain can make itself a backend. That the peer may read it is a right of
 * this incarnation of the peer: a later domain with its id has none.
 */
bool vm_serves(void *arg, domid_t vm, domid_t peer)
{
	const struct hvserver *srv = arg;
	struct serves s = { .xs = srv->xs, .peer = peer };

	snprintf(s.id, sizeof(s.id), "%u", peer);
	snprintf(s.path, sizeof(s.path), "/local/domain/%u/device", vm);
	return xs_server_any_child(s.xs, s.path, type_served, &s);
}
