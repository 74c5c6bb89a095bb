/* SPDX-License-Identifier: MIT */
/* What the files of plat_proc share. */
#ifndef TANDEM_HV_PLAT_PROC_INT_H
#define TANDEM_HV_PLAT_PROC_INT_H

#include <pthread.h>
#include <sys/queue.h>

#include "hv/plat/plat_ops.h"
#include "hv/plat/proc_xs.h"
#include "hv/proc/hvcall.h"

struct evsignal;
struct proc_arena;
struct proc_evtchn;
struct proc_mapper;
struct proc_peer;

struct plat_proc {
	struct plat plat;
	pthread_mutex_t call_lock; /* the socket: one call at a time */
	int sock;
	bool gone; /* the hypervisor */

	pthread_mutex_t lock; /* what follows; taken before call_lock */
	LIST_HEAD(proc_arena_list, proc_arena) arenas;
	LIST_HEAD(proc_evtchn_list, proc_evtchn) evtchns;
	LIST_HEAD(proc_mapper_list, proc_mapper) mappers;
	LIST_HEAD(proc_peer_list, proc_peer) peers;
	struct evsignal *signal; /* when there was an eventfd; not changed again */

	struct proc_xs xs; /* xenstore_*'s one thread */
};

static inline struct plat_proc *proc_of(struct plat *p)
{
	return (struct plat_proc *)p;
}

/* One call to the hypervisor, from any thread (hvclient_call). */
int proc_call(struct plat_proc *pp, struct hvcall *call, struct hvreply *reply, int *fds,
	      int *nfds);
/* The same, where exactly `want` descriptors must come. */
int proc_call_fds(struct plat_proc *pp, struct hvcall *call, struct hvreply *reply,
		  int *fds, int want);

/* proc_gnttab.c */
int proc_arena_new(struct plat *p, domid_t peer, uint32_t nr_pages, bool readonly,
		   struct gnttab_arena **arena);
int proc_end_access(struct gnttab_arena *a, uint32_t page);
int proc_grant(struct gnttab_arena *a, uint32_t page);
void proc_arena_free(struct gnttab_arena *a);
void proc_arenas_end(struct plat_proc *pp);
/* Entries stand in an arena's first pages: how many, of `total`. */
uint32_t proc_entry_pages(uint32_t total);

/* proc_map.c */
int proc_mapper_new(struct plat *p, domid_t peer, struct gnttab_mapper **m);
void proc_mapper_free(struct gnttab_mapper *m);
int proc_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n, int prot,
		  void **addrs);
void proc_unmap_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		     int prot, void **addrs);
int proc_map_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		  void **addr);
void proc_unmap_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		     void *addr);
int proc_region(struct gnttab_mapper *m, const void *addr, void **base, size_t *len);
void proc_mappers_end(struct plat_proc *pp);

/* proc_evtchn.c */
int proc_evtchn_alloc(struct plat *p, domid_t remote, struct evtchn **ch);
int proc_evtchn_bind(struct plat *p, domid_t remote, evtchn_port_t port,
		     struct evtchn **ch);
void proc_evtchn_notify(struct evtchn *ch);
int proc_evtchn_ack(struct evtchn *ch);
void proc_evtchn_close(struct evtchn *ch);
void proc_evtchns_end(struct plat_proc *pp);

#endif
