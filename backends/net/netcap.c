/* SPDX-License-Identifier: MIT */
/* Copies of packets for a reader in another domain. */
#include "backends/net/netcap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct netcap {
	struct capring_writer w;
	struct capend end;
	pthread_mutex_t notify; /* a channel has one user at a time */
};

int netcap_open(const struct capend_config *cfg, struct netcap **out)
{
	struct netcap *cap = calloc(1, sizeof(*cap));
	int err;

	if (!cap)
		return -ENOMEM;
	pthread_mutex_init(&cap->notify, NULL);
	err = capend_open(&cap->end, cfg);
	if (!err)
		err = capring_writer_init(&cap->w, cap->end.pages, cfg->nr_refs,
					  cfg->snaplen);
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
	capend_close(&cap->end);
	pthread_mutex_destroy(&cap->notify);
	free(cap);
}

int netcap_fd(const struct netcap *cap)
{
	return cap->end.ch->fd;
}

bool netcap_gone(struct netcap *cap)
{
	return evtchn_ack(cap->end.ch) == -EPIPE;
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
	evtchn_notify(cap->end.ch);
	pthread_mutex_unlock(&cap->notify);
}
