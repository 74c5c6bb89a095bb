/* SPDX-License-Identifier: MIT */
/*
 * What an implementation of the platform provides. All entries are required.
 * plat.c is the dispatcher: it checks the arguments, so that an
 * implementation sees only calls that the contract in plat.h allows.
 *
 * Implementations can be stacked (plat_fault.c). So the `plat` member of an arena,
 * a mapper or a channel is the dispatcher's: it is set by plat.c to the platform
 * that the caller opened. An implementation keeps a pointer of its own beside it.
 */
#ifndef TANDEM_HV_PLAT_PLAT_OPS_H
#define TANDEM_HV_PLAT_PLAT_OPS_H

#include "hv/plat/plat.h"

struct plat_ops {
	const char *name;
	void (*close)(struct plat *);
	int (*claim)(struct plat *, const char *path, bool take);

	int (*arena_new)(struct plat *, domid_t peer, uint32_t nr_pages, bool readonly,
			 struct gnttab_arena **);
	int (*end_access)(struct gnttab_arena *, uint32_t page);
	int (*grant)(struct gnttab_arena *, uint32_t page);
	void (*arena_free)(struct gnttab_arena *);

	int (*mapper_new)(struct plat *, domid_t peer, struct gnttab_mapper **);
	void (*mapper_free)(struct gnttab_mapper *);
	int (*map_refs)(struct gnttab_mapper *, const grant_ref_t *, uint32_t n, int prot,
			void **addrs);
	void (*unmap_refs)(struct gnttab_mapper *, const grant_ref_t *, uint32_t n,
			   int prot, void **addrs);
	int (*map_ring)(struct gnttab_mapper *, const grant_ref_t *, uint32_t n,
			void **addr);
	void (*unmap_ring)(struct gnttab_mapper *, const grant_ref_t *, uint32_t n,
			   void *addr);
	int (*region)(struct gnttab_mapper *, const void *addr, void **base, size_t *len);

	int (*evtchn_alloc)(struct plat *, domid_t remote, struct evtchn **);
	int (*evtchn_bind)(struct plat *, domid_t remote, evtchn_port_t port,
			   struct evtchn **);
	void (*evtchn_notify)(struct evtchn *);
	int (*evtchn_ack)(struct evtchn *);
	void (*evtchn_close)(struct evtchn *);

	/*
	 * One xenstore request: `type` and payload as in xs_wire.h; the reply's
	 * payload (NUL added behind it) in *reply, owned by the caller.
	 */
	int (*xs_request)(struct plat *, uint32_t type, xenstore_tx_t tx,
			  const void *payload, size_t len, char **reply,
			  size_t *reply_len);
	int (*xs_fd)(struct plat *);
	int (*xs_event)(struct plat *, char **path, char **token);
};

/* The first member of each implementation's own struct. */
struct plat {
	const struct plat_ops *ops;
	domid_t domid;
	char name[64];
};

/* The first member of each implementation's own struct. */
struct gnttab_mapper {
	struct plat *plat;
	domid_t peer;
};

/* Implementations. */
int plat_proc_open(const char *domain, struct plat **plat, const char **err_what);
int plat_fault_open(const char *spec, const char *domain, struct plat **plat,
		    const char **err_what);

#endif
