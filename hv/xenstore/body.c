/* SPDX-License-Identifier: MIT */
/* A node's value and permissions, and what they allow. */
#include "hv/xenstore/body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xenstore/domain.h"
#include "hv/xenstore/path.h"

struct xs_body *body_new(const struct xs_perm *perms, uint32_t nperms, const void *value,
			 uint32_t len)
{
	struct xs_body *b =
		malloc(sizeof(*b) + nperms * sizeof(b->perms[0]) + (size_t)len + 1);

	if (!b)
		return NULL;
	b->refs = 1;
	b->nperms = nperms;
	b->len = len;
	memcpy(b->perms, perms, nperms * sizeof(b->perms[0]));
	if (len)
		memcpy(body_value(b), value, len);
	body_value(b)[len] = '\0';
	return b;
}

struct xs_body *body_ref(struct xs_body *b)
{
	if (b)
		b->refs++;
	return b;
}

void body_put(struct xs_body *b)
{
	if (b && --b->refs == 0)
		free(b);
}

/* What the list says of one incarnation; false: it does not name it. */
static bool perms_named(const struct xs_body *b, domid_t id, uint32_t epoch,
			unsigned *rights)
{
	for (uint32_t i = 0; i < b->nperms; i++) {
		const struct xs_perm *p = &b->perms[i];

		if (p->id != id || p->epoch != epoch)
			continue;
		*rights = i == 0 ? XS_PERM_ALL | XS_PERM_OWNER : p->rights;
		return true;
	}
	return false;
}

unsigned body_rights(const struct xs_body *b, const struct xs_domain *d)
{
	unsigned own = b->perms[0].rights, target = 0;

	if (domain_privileged(d))
		return XS_PERM_ALL | XS_PERM_OWNER;
	(void)perms_named(b, d->id, d->epoch, &own);
	if (d->has_target)
		(void)perms_named(b, d->target, d->target_epoch, &target);
	return own | target;
}

struct xs_domain *body_owner(const struct xs_server *srv, const struct xs_body *b)
{
	struct xs_domain *d = domain_find(srv, b->perms[0].id);

	return d && d->epoch == b->perms[0].epoch && !domain_privileged(d) ? d : NULL;
}

int perm_parse(const char *s, struct xs_perm *p)
{
	static const char letters[] = "nrwb"; /* by rights */
	const char *at = *s ? strchr(letters, *s) : NULL;

	if (!at)
		return -EINVAL;
	p->rights = (uint16_t)(at - letters);
	p->epoch = 0;
	return path_domid(s + 1, &p->id);
}

long perms_format(const struct xs_server *srv, const struct xs_body *b, char *buf,
		  size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0; i < b->nperms; i++) {
		const struct xs_perm *p = &b->perms[i];
		const struct xs_domain *d = domain_find(srv, p->id);
		bool alive = d && d->epoch == p->epoch;
		int n;

		if (!alive && i > 0)
			continue;
		n = snprintf(buf + at, size - at, "%c%u", "nrwb"[p->rights & 3],
			     alive ? p->id : 0u);
		at += (size_t)n + 1;
		if (at > size)
			return -E2BIG;
	}
	return (long)at;
}
