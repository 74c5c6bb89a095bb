/* SPDX-License-Identifier: MIT */
/* Claims: who has a device, and what its peer is told when that one dies. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/proc/server_int.h"
#include "ringproto/xenbus.h"

#define CLAIMS_MAX 1024u /* a connection */

/*
 * device/TYPE/ID or backend/TYPE/DOMID/ID. Nothing else: the state is written
 * with dom0's rights.
 */
static bool claim_path_valid(const char *path)
{
	unsigned parts = 1, want;

	if (!strncmp(path, "device/", 7))
		want = 3;
	else if (!strncmp(path, "backend/", 8))
		want = 4;
	else
		return false;
	for (const char *p = path; *p; p++) {
		unsigned char ch = (unsigned char)*p;

		if (ch == '/') {
			parts++;
			if (!p[1] || p[1] == '/')
				return false;
		} else if (ch >= 0x80 || (!isalnum(ch) && ch != '-' && ch != '_')) {
			return false;
		}
	}
	return parts == want;
}

static struct claim *claim_of(const struct conn *c, const char *path)
{
	struct claim *k;

	LIST_FOREACH (k, &c->claims, link) {
		if (!strcmp(k->path, path))
			return k;
	}
	return NULL;
}

static struct claim *claim_find(struct domain *dom, const char *path)
{
	struct claim *k = NULL;
	struct client *cl;

	LIST_FOREACH (cl, &dom->clients, link) {
		k = claim_of(conn_of(cl), path);
		if (k)
			break;
	}
	return k;
}

int claim_take(struct conn *c, const char *path)
{
	struct claim *k;

	if (!claim_path_valid(path))
		return -EINVAL;
	if (claim_find(c->client.dom, path))
		return -EBUSY;
	if (c->nr_claims >= CLAIMS_MAX)
		return -ENOMEM;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->owner = c;
	/* cannot overflow: the packet's string, of the same size */
	strncpy(k->path, path, sizeof(k->path) - 1);
	LIST_INSERT_HEAD(&c->claims, k, link);
	c->nr_claims++;
	return 0;
}

static void claim_free(struct claim *k)
{
	k->owner->nr_claims--;
	LIST_REMOVE(k, link);
	free(k);
}

int claim_drop(struct conn *c, const char *path)
{
	struct claim *k = claim_of(c, path);

	if (!k)
		return -ENOENT;
	claim_free(k);
	return 0;
}

static void claim_write_closed(const struct claim *k)
{
	struct xs_server *xs = k->owner->srv->xs;
	char path[HVCALL_PATH_MAX + 64], closed[8];

	snprintf(path, sizeof(path), "/local/domain/%u/%s/state",
		 k->owner->client.dom->id, k->path);
	snprintf(closed, sizeof(closed), "%d", XenbusStateClosed);
	/* a device that is gone stays gone */
	if (xs_server_read(xs, path))
		/* cannot fail but for memory; the peer then waits for its timeout */
		(void)xs_server_write(xs, path, closed);
}

void claims_end(struct conn *c)
{
	while (!LIST_EMPTY(&c->claims)) {
		struct claim *k = LIST_FIRST(&c->claims);

		claim_write_closed(k);
		claim_free(k);
	}
}
