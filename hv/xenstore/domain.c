/* SPDX-License-Identifier: MIT */
/* The register of domains, their charges and their quotas. */
#include "hv/xenstore/domain.h"

#include <errno.h>
#include <stdlib.h>

#include "hv/xenstore/body.h"
#include "hv/xenstore/server.h"
#include "hv/xenstore/tree.h"

/* Bytes that a node which dom0 made for a domain adds to that domain's bound. */
#define GIVEN_MEMORY 1024u

const struct xs_quota xs_quota_default = {
	.nodes = 1000,
	.node_size = 2048,
	.watches = 128,
	.transactions = 10,
	.perms = 16,
	.path_len = 1024,
	.memory = 2u << 20,
	.outstanding = 128u << 10,
};

struct xs_domain *domain_find(const struct xs_server *srv, domid_t id)
{
	struct xs_domain *d;

	HASH_FIND(hh, srv->domains, &id, sizeof(id), d);
	return d;
}

struct xs_domain *domain_get(struct xs_server *srv, domid_t id)
{
	struct xs_domain *d = domain_find(srv, id);

	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->id = id;
	d->epoch = srv->next_epoch;
	HASH_ADD(hh, srv->domains, id, sizeof(d->id), d);
	if (!d->hh.tbl) {
		free(d);
		return NULL;
	}
	srv->next_epoch++;
	return d;
}

void domain_free(struct xs_server *srv, struct xs_domain *d)
{
	HASH_DEL(srv->domains, d);
	free(d);
}

void domain_charge(struct xs_domain *d, size_t bytes)
{
	d->memory += bytes;
}

void domain_uncharge(struct xs_domain *d, size_t bytes)
{
	d->memory -= bytes;
}

void domain_charge_node(const struct xs_server *srv, const struct xs_node *n)
{
	struct xs_domain *d = body_owner(srv, n->body);

	if (!d)
		return;
	d->nodes++;
	d->given += n->given;
	d->memory += node_size(n);
}

void domain_uncharge_node(const struct xs_server *srv, const struct xs_node *n)
{
	struct xs_domain *d = body_owner(srv, n->body);

	if (!d)
		return;
	d->nodes--;
	d->given -= n->given;
	d->memory -= node_size(n);
}

int quota_nodes(const struct xs_server *srv, const struct xs_domain *d, uint64_t more)
{
	if (domain_privileged(d))
		return 0;
	return d->nodes + more > srv->quota.nodes + 2ull * d->given ? -ENOSPC : 0;
}

int quota_watch(const struct xs_server *srv, const struct xs_domain *d)
{
	if (domain_privileged(d))
		return 0;
	return d->watches >= srv->quota.watches + d->given / 4 ? -E2BIG : 0;
}

int quota_transaction(const struct xs_server *srv, const struct xs_domain *d)
{
	if (domain_privileged(d))
		return 0;
	return d->transactions >= srv->quota.transactions ? -ENOSPC : 0;
}

int quota_memory(const struct xs_server *srv, const struct xs_domain *d, uint64_t more)
{
	uint64_t bound = srv->quota.memory + (uint64_t)GIVEN_MEMORY * d->given;

	if (domain_privileged(d))
		return 0;
	return d->memory + more > bound ? -ENOMEM : 0;
}
