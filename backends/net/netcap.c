/* SPDX-License-Identifier: MIT */
/* Copies of packets for a reader in another domain. */
#include "backends/net/netcap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/base/num.h"

struct netcap {
	struct capring_writer w;
	struct netcap_config cfg;
	struct gnttab_mapper *mapper;
	void *pages;
	struct evtchn *ch;
	pthread_mutex_t notify; /* a channel has one user at a time */
};

int netcap_parse_refs(struct netcap_config *cfg, const char *s)
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

int netcap_open(const struct netcap_config *cfg, struct netcap **out)
{
	struct netcap *cap = calloc(1, sizeof(*cap));
	int err;

	if (!cap)
		return -ENOMEM;
	cap->cfg = *cfg;
	pthread_mutex_init(&cap->notify, NULL);
	err = gnttab_mapper_new(cfg->plat, cfg->reader, &cap->mapper);
	if (!err)
		err = gnttab_map_ring(cap->mapper, cfg->refs, cfg->nr_refs, &cap->pages);
	if (!err)
		err = capring_writer_init(&cap->w, cap->pages, cfg->nr_refs,
					  cfg->snaplen);
	if (!err)
		err = evtchn_bind_interdomain(cfg->plat, cfg->reader, cfg->port,
					      &cap->ch);
	if (err) {
		netcap_close(cap);
		return err;
	}
	*out = cap;
	return 0;
}

void netcap_close(struct netcap *cap)
{
	if (!cap)
		return;
	if (cap->ch)
		evtchn_close(cap->ch);
	if (cap->pages)
		gnttab_unmap_ring(cap->mapper, cap->cfg.refs, cap->cfg.nr_refs,
				  cap->pages);
	if (cap->mapper)
		gnttab_mapper_free(cap->mapper);
	pthread_mutex_destroy(&cap->notify);
	free(cap);
}

int netcap_fd(const struct netcap *cap)
{
	return cap->ch->fd;
}

bool netcap_gone(struct netcap *cap)
{
	return evtchn_ack(cap->ch) == -EPIPE;
}

void netcap_packet(struct netcap *cap, const struct netbuf *b, uint8_t direction)
{
	size_t left = b->len;
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (!capring_begin(&cap->w, b->len, direction,
			   (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec))
		return;
	for (uint16_t i = 0; left && i < b->iovcnt; i++) {
		size_t n = b->iov[i].iov_len < left ? b->iov[i].iov_len : left;

		capring_add(&cap->w, b->iov[i].iov_base, n);
		left -= n;
	}
	if (!capring_end(&cap->w))
		return;
	pthread_mutex_lock(&cap->notify);
	evtchn_notify(cap->ch);
	pthread_mutex_unlock(&cap->notify);
}
