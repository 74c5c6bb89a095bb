/* SPDX-License-Identifier: MIT */
/*
 * Domains, and the clients (connections) that act for them.
 *
 * A domain has an id, a name and quotas. What it has, its arenas (gnttab.h)
 * and its ports (evtchn.h), belongs to the client that made it and goes when
 * that client ends. Nothing here knows sockets or xenstore; one thread.
 *
 * Ids do not outlive their meaning. A grant or an unbound port that names a
 * domain names this domain, not a later one with the same id (each has a serial
 * number); and the id of a destroyed domain is not given out again while
 * somebody has one of its arenas mapped.
 *
 * A domain is of processes, or a VM with a client that runs it. A VM's memory is
 * its arena 0 (gntvm.h), its event channels are eventfds.
 */
#ifndef TANDEM_HV_CORE_DOMAIN_H
#define TANDEM_HV_CORE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ringproto/evtchn.h"
#include "ringproto/grant.h"

#define DOMAIN_NAME_MAX 64 /* with its NUL */
#define DOMAIN0_NAME	"Domain-0"

struct arena;
struct evsignal;
struct port;

struct core_limits {
	uint32_t arena_pages;	  /* a domain, in all its arenas */
	uint32_t arenas_per_peer; /* a domain, to one peer, let go or not */
	uint32_t fds;		  /* descriptors that the hypervisor keeps for a domain */
};
extern const struct core_limits core_limits_default;

struct client {
	struct domain *dom;
	LIST_ENTRY(client) link;
	LIST_HEAD(arena_list, arena) arenas;
	LIST_HEAD(arena_map_list, arena_map) maps;
	LIST_HEAD(port_list, port) ports;
};

struct domain {
	struct registry *reg;
	domid_t id;
	bool dead; /* destroyed; stays until its arenas are let go */
	bool vm;   /* said by whoever made it, before anything else */
	char name[DOMAIN_NAME_MAX];
	uint64_t serial;
	uint32_t nr_clients, nr_arenas;
	uint32_t pages, fds; /* charged */
	LIST_ENTRY(domain) link;
	LIST_HEAD(client_list, client) clients;
	struct arena *arenas[GREF_ARENAS];
	struct port *ports[EVTCHN_2L_NR_CHANNELS];
};

struct registry {
	struct core_limits limits;
	uint64_t serial;
	domid_t next; /* where the search for a free id starts */
	LIST_HEAD(domain_list, domain) domains;
	struct domain *by_id[DOMID_FIRST_RESERVED];
	/* May the peer have a VM's memory? NULL: none may. */
	bool (*vm_serves)(void *arg, domid_t vm, domid_t peer);
	void *vm_serves_arg;
	struct evsignal *signal; /* since the first event channel of a VM */
};

/* With dom0 in it. NULL: out of memory. */
struct registry *registry_new(const struct core_limits *limits);
/* No client is left in any domain. */
void registry_free(struct registry *reg);

/* 1 to 63 of [A-Za-z0-9_.-], not all digits (that would be an id). */
bool domain_name_valid(const char *name);

/*
 * A new domain, with the next free id or with `id` if that is not 0.
 * -EINVAL name or id, -EEXIST name or id taken, -ENOSPC no id free.
 */
int domain_create(struct registry *reg, const char *name, domid_t id,
		  struct domain **dom);
/* No client is left in it. dom0: -EPERM. */
int domain_destroy(struct domain *dom);
/* NULL: there is none that lives. "dom0" is another word for dom0's name. */
struct domain *domain_by_id(struct registry *reg, uint32_t id);
struct domain *domain_by_name(struct registry *reg, const char *name);
/* The first living domain with an id >= id, or NULL. */
struct domain *domain_next(struct registry *reg, uint32_t id);

void client_init(struct client *c, struct domain *dom);
/* Frees all that the client has. */
void client_end(struct client *c);

/* Charges n descriptors to the domain. -ENOMEM: over its quota. */
int domain_charge_fds(struct domain *dom, uint32_t n);
void domain_uncharge_fds(struct domain *dom, uint32_t n);

/* For gnttab.c: a dead domain's last arena went. */
void domain_reap(struct domain *dom);

#endif
