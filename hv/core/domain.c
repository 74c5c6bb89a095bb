/* SPDX-License-Identifier: MIT */
/* The registry of domains. */
#include "hv/core/domain.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/evsignal.h"
#include "hv/core/evtchn.h"
#include "hv/core/gnttab.h"

const struct core_limits core_limits_default = {
	.arena_pages = 1u << 20,
	.arenas_per_peer = 1024,
	.fds = 4096,
};

static void domain_insert(struct registry *reg, struct domain *dom, domid_t id,
			  const char *name)
{
	dom->reg = reg;
	dom->id = id;
	dom->serial = ++reg->serial;
	/* cannot overflow: domain_name_valid() */
	strncpy(dom->name, name, sizeof(dom->name) - 1);
	LIST_INIT(&dom->clients);
	reg->by_id[id] = dom;
	LIST_INSERT_HEAD(&reg->domains, dom, link);
}

struct registry *registry_new(const struct core_limits *limits)
{
	struct registry *reg = calloc(1, sizeof(*reg));
	struct domain *dom0 = calloc(1, sizeof(*dom0));

	if (!reg || !dom0) {
		free(reg);
		free(dom0);
		return NULL;
	}
	reg->limits = *limits;
	reg->next = 1;
	LIST_INIT(&reg->domains);
	domain_insert(reg, dom0, 0, DOMAIN0_NAME);
	return reg;
}

static void domain_free(struct domain *dom)
{
	dom->reg->by_id[dom->id] = NULL;
	LIST_REMOVE(dom, link);
	free(dom);
}

void registry_free(struct registry *reg)
{
	if (!reg)
		return;
	while (!LIST_EMPTY(&reg->domains))
		domain_free(LIST_FIRST(&reg->domains));
	evsignal_free(reg->signal);
	free(reg);
}

bool domain_name_valid(const char *name)
{
	size_t len = strnlen(name, DOMAIN_NAME_MAX);
	bool digits = true;

	if (!len || len == DOMAIN_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)name[i];

		if (!(ch < 0x80 && isalnum(ch)) && !strchr("_.-", ch))
			return false;
		digits = digits && isdigit(ch);
	}
	return !digits;
}

/* Ids go round, so that one is not reused soon. 0: none is free. */
static domid_t domain_free_id(struct registry *reg)
{
	for (uint32_t i = 0; i < DOMID_FIRST_RESERVED - 1; i++) {
		domid_t id = reg->next;

		reg->next = (domid_t)(id + 1 == DOMID_FIRST_RESERVED ? 1 : id + 1);
		if (!reg->by_id[id])
			return id;
	}
	return 0;
}

int domain_create(struct registry *reg, const char *name, domid_t id, struct domain **dom)
{
	struct domain *d;

	if (!domain_name_valid(name) || id >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	if (domain_by_name(reg, name) || (id && reg->by_id[id]))
		return -EEXIST;
	if (!id)
		id = domain_free_id(reg);
	if (!id)
		return -ENOSPC;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	domain_insert(reg, d, id, name);
	*dom = d;
	return 0;
}

int domain_destroy(struct domain *dom)
{
	if (!dom->id)
		return -EPERM;
	dom->dead = true;
	domain_reap(dom);
	return 0;
}

void domain_reap(struct domain *dom)
{
	if (dom->dead && !dom->nr_arenas)
		domain_free(dom);
}

struct domain *domain_by_id(struct registry *reg, uint32_t id)
{
	struct domain *dom = id < DOMID_FIRST_RESERVED ? reg->by_id[id] : NULL;

	return dom && !dom->dead ? dom : NULL;
}

struct domain *domain_by_name(struct registry *reg, const char *name)
{
	struct domain *dom;

	if (!strcmp(name, "dom0"))
		return reg->by_id[0];
	LIST_FOREACH (dom, &reg->domains, link)
		if (!dom->dead && !strcmp(dom->name, name))
			return dom;
	return NULL;
}

struct domain *domain_next(struct registry *reg, uint32_t id)
{
	for (; id < DOMID_FIRST_RESERVED; id++)
		if (domain_by_id(reg, id))
			return reg->by_id[id];
	return NULL;
}

void client_init(struct client *c, struct domain *dom)
{
	c->dom = dom;
	LIST_INIT(&c->arenas);
	LIST_INIT(&c->maps);
	LIST_INIT(&c->ports);
	LIST_INSERT_HEAD(&dom->clients, c, link);
	dom->nr_clients++;
}

void client_end(struct client *c)
{
	evtchn_client_end(c);
	gnttab_client_end(c);
	LIST_REMOVE(c, link);
	c->dom->nr_clients--;
}

int domain_charge_fds(struct domain *dom, uint32_t n)
{
	if (dom->fds + n > dom->reg->limits.fds)
		return -ENOMEM;
	dom->fds += n;
	return 0;
}

void domain_uncharge_fds(struct domain *dom, uint32_t n)
{
	dom->fds -= n;
}
