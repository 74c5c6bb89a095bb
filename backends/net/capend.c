/* SPDX-License-Identifier: MIT */
/* Maps what a program of the operator's granted for packets, and binds to it. */
#include "backends/net/capend.h"

#include <errno.h>
#include <string.h>

#include "hv/base/num.h"

int capend_parse_refs(struct capend_config *cfg, const char *s)
{
	char word[16];
	uint64_t ref;

	for (cfg->nr_refs = 0; *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		if (!n || n >= sizeof(word) || cfg->nr_refs == CAPRING_PAGES_MAX)
			return -EINVAL;
		memcpy(word, s, n);
		word[n] = '\0';
		if (num_parse_u64(word, UINT32_MAX, &ref))
			return -EINVAL;
		cfg->refs[cfg->nr_refs++] = (grant_ref_t)ref;
		s += n;
	}
	return cfg->nr_refs < CAPRING_PAGES_MIN ? -EINVAL : 0;
}

int capend_open(struct capend *e, const struct capend_config *cfg)
{
	int err;

	*e = (struct capend){ .cfg = *cfg };
	err = gnttab_mapper_new(cfg->plat, cfg->peer, &e->mapper);
	if (!err)
		err = gnttab_map_ring(e->mapper, cfg->refs, cfg->nr_refs, &e->pages);
	if (err)
		e->pages = NULL;
	if (!err)
		err = evtchn_bind_interdomain(cfg->plat, cfg->peer, cfg->port, &e->ch);
	if (err)
		capend_close(e);
	return err;
}

void capend_close(struct capend *e)
{
	if (e->ch)
		evtchn_close(e->ch);
	if (e->pages)
		gnttab_unmap_ring(e->mapper, e->cfg.refs, e->cfg.nr_refs, e->pages);
	if (e->mapper)
		gnttab_mapper_free(e->mapper);
	*e = (struct capend){ 0 };
}
