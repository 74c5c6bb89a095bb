/* SPDX-License-Identifier: MIT */
/* The platform in memory: what its two files share. */
#ifndef TANDEM_TESTS_LIB_MEMPLAT_INT_H
#define TANDEM_TESTS_LIB_MEMPLAT_INT_H

#include <pthread.h>

#include "hv/plat/plat_ops.h"

#define MEM_ARENAS 256

struct mem_arena {
	struct gnttab_arena a; /* first */
	domid_t owner;
	grant_ref_t *refs;
	unsigned *mapped; /* per page */
	bool *revoked;
	unsigned nr_mapped;
	bool dead; /* freed by its owner, still mapped */
};

/* One mapping. */
struct mem_page {
	void *addr;
	struct mem_arena *arena;
	struct mem_page *next;
};

struct mem_evtchn {
	struct evtchn ch; /* first */
	domid_t owner, remote;
	struct mem_evtchn *peer, *next;
};

struct mem_node {
	char *path, *value;
	struct mem_node *next;
};

struct mem_event {
	char *path, *token;
	struct mem_event *next;
};

struct mem_watch {
	char *path;  /* absolute */
	char *given; /* as registered */
	char *token;
	struct mem_watch *next;
};

struct memplat {
	struct plat p; /* first */
	struct memhv *hv;
	int xs_fd;
	bool lost;
	struct mem_watch *watches;
	struct mem_event *events, **events_tail;
	struct memplat *next;
};

struct memhv {
	pthread_mutex_t lock;
	struct mem_arena *arena[MEM_ARENAS];
	unsigned mapped, fail_map, fail_every, calls;
	struct mem_page *pages;
	struct mem_evtchn *channels;
	evtchn_port_t last_port;
	struct mem_node *nodes;
	struct memplat *plats;
};

void mem_xs_open(struct memplat *mp);
void mem_xs_close(struct memplat *mp);
void mem_xs_free(struct memhv *hv);
int mem_xs_request(struct plat *p, uint32_t type, xenstore_tx_t tx, const void *payload,
		   size_t len, char **reply, size_t *reply_len);
int mem_xs_fd(struct plat *p);
int mem_xs_event(struct plat *p, char **path, char **token);

#endif
