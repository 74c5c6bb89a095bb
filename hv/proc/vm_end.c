/* SPDX-License-Identifier: MIT */
/*
 * What the peers of a VM are told when its process ends. Processes say which devices
 * they serve and use (claims); a VM's are those in its directory of xenstore.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/proc/server_int.h"
#include "ringproto/xenbus.h"
#include "ringproto/xs_wire.h"

/* The paths of states below one directory, collected: a walk changes nothing. */
struct states {
	struct xs_server *xs;
	char path[XENSTORE_ABS_PATH_MAX + 1]; /* of the directory looked at */
	unsigned depth;			      /* directories still above a device */
	char **found;
	size_t n;
};

static void state_note(struct states *s)
{
	char **found = realloc(s->found, (s->n + 1) * sizeof(*found));

	if (!found)
		return; /* that peer waits for its own timeout */
	s->found = found;
	found[s->n] = strdup(s->path);
	if (found[s->n])
		s->n++;
}

static bool state_visit(void *arg, const char *name)
{
	struct states *s = arg;
	size_t len = strlen(s->path), room = sizeof(s->path) - len;
	int n = snprintf(s->path + len, room, "/%s", name);

	if (n > 0 && (size_t)n < room) {
		if (s->depth) {
			s->depth--;
			(void)xs_server_any_child(s->xs, s->path, state_visit, s);
			s->depth++;
		} else if (!strcmp(name, "state")) {
			state_note(s);
		}
	}
	s->path[len] = '\0';
	return false;
}

static void states_close(struct xs_server *xs, domid_t vm, const char *what,
			 unsigned depth)
{
	struct states s = { .xs = xs, .depth = depth };
	char closed[8];

	snprintf(closed, sizeof(closed), "%d", XenbusStateClosed);
	snprintf(s.path, sizeof(s.path), "/local/domain/%u/%s", vm, what);
	(void)xs_server_any_child(xs, s.path, state_visit, &s);
	for (size_t i = 0; i < s.n; i++) {
		const char *state = xs_server_read(xs, s.found[i]);

		/* not one that nobody has begun with: its next backend will */
		if (state && strcmp(state, closed) &&
		    strtol(state, NULL, 10) != XenbusStateInitialising)
			/* cannot fail but for memory; the peer then waits */
			(void)xs_server_write(xs, s.found[i], closed);
		free(s.found[i]);
	}
	free(s.found);
}

void vm_devices_closed(struct xs_server *xs, domid_t vm)
{
	states_close(xs, vm, "device", 2);
	states_close(xs, vm, "backend", 3);
}
