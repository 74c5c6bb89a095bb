/* SPDX-License-Identifier: MIT */
/*
 * Arenas: memory that a domain dedicates to one peer, with its grant entries.
 *
 * Layout, in pages: entries (8 bytes for each page of the arena, entry i
 * grants page i), then data. A sealed memfd that cannot shrink or grow. Both
 * ends have it mapped writable, so an entry is a word between two parties and
 * never a source of truth for this hypervisor: who gets which memfd is decided
 * here, and the MMU does the rest.
 *
 * A read-only arena has two memfds: the data's, and a small writable one
 * for the entries, which both ends map over the first pages. So the mapper
 * marks entries in use there too. The granter maps the data, then adds
 * F_SEAL_FUTURE_WRITE; until it has done so the peer gets nothing, and
 * afterwards nobody can write to the memfd by any new way.
 *
 * A VM's memory is an arena, too, of its own making and for many peers: gntvm.h.
 *
 * An arena's id is free for reuse when its owner has destroyed it and no
 * client of the peer has it mapped. When the last client of a domain that mapped
 * it goes, in-use marks that it left are cleared, so that a killed backend pins
 * nothing.
 *
 * What the marks are worth: they tell an honest granter when an honest mapper is
 * done. A mapper that lies keeps the page in view as long as it holds the memfd,
 * so what revokes for good is to free the arena and take another. And they have
 * no count: two processes of one domain must not map the same entry (a device has
 * one backend), or the first unmap takes the other's mark away.
 */
#ifndef TANDEM_HV_CORE_GNTTAB_H
#define TANDEM_HV_CORE_GNTTAB_H

#include "hv/core/domain.h"

#define ARENA_PAGE	4096u
#define ARENA_MAX_PAGES (1u << 19) /* of data */

struct arena {
	struct domain *dom;
	struct client *owner; /* NULL: destroyed */
	uint32_t id;
	uint32_t first, total; /* first data page; pages in all. Also of entries */
	domid_t peer;
	uint64_t peer_serial;
	bool readonly;
	bool vm;		       /* then first is 0, total only of entries: */
	uint32_t ram_pages, low_pages; /* data's, and those below the hole */
	int data, entries;	       /* memfds; the same descriptor in most */
	LIST_HEAD(arena_map_holders, arena_map) maps;
	LIST_ENTRY(arena) link; /* in owner->arenas */
};

/* A client of the peer has the arena. */
struct arena_map {
	struct arena *arena;
	struct client *client;
	LIST_ENTRY(arena_map) by_arena, by_client;
};

/* -ENOENT no such peer, -EINVAL pages, -ENOMEM over a quota or no memory. */
int arena_create(struct client *c, domid_t peer, uint32_t pages, bool readonly,
		 struct arena **arena);
/* -ENOENT: this client has no such arena. */
int arena_destroy(struct client *c, uint32_t id);
/*
 * Notes that the client has the arena; idempotent. -ENOENT no such arena,
 * -EACCES it is for another domain, or a VM that the client's domain does not
 * serve, -EAGAIN its granter has not sealed it yet.
 */
int arena_map(struct client *c, domid_t granter, uint32_t id, struct arena **arena);
/* -ENOENT: it does not have it. */
int arena_unmap(struct client *c, domid_t granter, uint32_t id);
/*
 * The descriptors for the owner, or for the peer (data read-only where the arena
 * is): new ones, the caller's to close. Their number, or -errno.
 */
int arena_fds(const struct arena *a, bool owner, int fds[2]);

void gnttab_client_end(struct client *c);

/* For gntvm.c: the arena is complete; it is the domain's with that id, and
 * charged. */
void arena_insert(struct arena *a);
/* Pages that hold the entries. */
uint32_t arena_entry_pages(const struct arena *a);
/* What an arena is charged with. */
uint32_t arena_nr_fds(const struct arena *a);

#endif
