/* SPDX-License-Identifier: MIT */
/*
 * Domains as xenstore knows them, and what each of them is charged.
 *
 * A domain that was released and comes again has another epoch: rights, nodes
 * and charges of the former one are not its own.
 */
#ifndef TANDEM_HV_XENSTORE_DOMAIN_H
#define TANDEM_HV_XENSTORE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/xenstore/hash.h"
#include "hv/xenstore/xenstore.h"

struct xs_conn;
struct xs_node;

/* What xs_check() counts. */
struct xs_sums {
	uint64_t nodes, given, watches, transactions, memory, outstanding;
};

struct xs_domain {
	domid_t id;
	domid_t target; /* SET_TARGET: acts for this one too */
	bool has_target;
	bool introduced; /* else only named, by dom0, in advance */
	uint32_t epoch, target_epoch;
	uint32_t nodes; /* owned */
	uint32_t given; /* of these, made for it by dom0 */
	uint32_t watches, transactions;
	uint64_t memory;
	uint64_t outstanding; /* bytes of replies and events */
	struct xs_conn *conns;
	struct xs_sums sums;
	UT_hash_handle hh;
};

static inline bool domain_privileged(const struct xs_domain *d)
{
	return d->id == 0;
}

struct xs_domain *domain_find(const struct xs_server *srv, domid_t id);
/* Finds it, or makes one that is not introduced. NULL: out of memory. */
struct xs_domain *domain_get(struct xs_server *srv, domid_t id);
/* It has no connections any more. */
void domain_free(struct xs_server *srv, struct xs_domain *d);

/* Bytes a domain holds beside its nodes: watches, transactions, buffers. */
void domain_charge(struct xs_domain *d, size_t bytes);
void domain_uncharge(struct xs_domain *d, size_t bytes);
/* The node counts for its living owner, or not any more. */
void domain_charge_node(const struct xs_server *srv, const struct xs_node *n);
void domain_uncharge_node(const struct xs_server *srv, const struct xs_node *n);

/*
 * Quotas. dom0 has none. What dom0 makes for a domain carries quota along, so
 * that a driver domain of a thousand disks needs no settings: it may own as
 * many nodes again, and watch and remember in proportion.
 * 0, or -ENOSPC (nodes, transactions), -E2BIG (watches), -ENOMEM (bytes).
 */
int quota_nodes(const struct xs_server *srv, const struct xs_domain *d, uint64_t more);
int quota_watch(const struct xs_server *srv, const struct xs_domain *d);
int quota_transaction(const struct xs_server *srv, const struct xs_domain *d);
int quota_memory(const struct xs_server *srv, const struct xs_domain *d, uint64_t more);

#endif
