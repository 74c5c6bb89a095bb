/* SPDX-License-Identifier: MIT */
/*
 * The platform: everything a backend or a frontend asks of a hypervisor.
 *
 * One program runs on several platforms; plat_open() chooses the
 * implementation. The contract below is tested by tests/contract/test_plat.c,
 * which any implementation must pass.
 *
 * Errors: every int is 0 (or what is said) or -errno. Common to all:
 *   -ENOTCONN  the hypervisor is gone; nothing but the *_close/_free calls
 *              and access to already mapped pages works from then on
 *   -ENOMEM    out of memory or over the domain's quota
 *
 * Threads: xenstore_* and claims: one thread at a time for a plat. A
 * gnttab_mapper and an evtchn: one thread at a time each, different ones at
 * the same time. The rest: any thread.
 */
#ifndef TANDEM_HV_PLAT_PLAT_H
#define TANDEM_HV_PLAT_PLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringproto/evtchn.h"
#include "ringproto/grant.h"

#define PLAT_PAGE_SIZE 4096u

struct plat;

/*
 * Connects as domain `domain`.
 * spec: NULL or "proc": a process domain of the tandem-hvd whose directory is
 *       $TANDEM_DIR (hv/base/statedir.h). `domain` is a name or a decimal
 *       domid; where the launcher passed a connection in ($TANDEM_HV_FD, a
 *       descriptor), that one is used and `domain` must match it or be NULL.
 *       "fault:OP=N[:SPEC]": plat_fault.c over SPEC.
 * *err_what, if not NULL, gets a static or leaked-never string that names what
 * failed (a path), for the one line that the person sees.
 * Errors: -ENOENT no such hypervisor or domain, -EACCES, -EPROTO other version.
 */
int plat_open(const char *spec, const char *domain, struct plat **plat,
	      const char **err_what);
/* Frees everything that is left: arenas, mappings, channels. NULL is allowed. */
void plat_close(struct plat *p);

/* The caller's own id and name. */
domid_t plat_domid(const struct plat *p);
const char *plat_domain_name(const struct plat *p);

/*
 * Claims the device at xenstore path `path` (relative to the domain: such as
 * "device/vbd/51712") for this connection. When the connection ends, however
 * it ends, the hypervisor writes XenbusStateClosed to <path>/state, so that
 * the peer lets go. -EBUSY: another connection has it.
 */
int plat_claim(struct plat *p, const char *path);
int plat_unclaim(struct plat *p, const char *path);

/* ------------------------------------------------- grants, granting side */

/*
 * Pages that one peer domain may map, contiguous here, zeroed, each with its
 * grant reference. Granted from the start. Owned by the plat until
 * gnttab_arena_free().
 */
struct gnttab_arena {
	struct plat *plat;
	uint8_t *pages; /* nr_pages * PLAT_PAGE_SIZE bytes */
	uint32_t nr_pages;
	domid_t peer;
	bool readonly;		 /* the peer may only read */
	const grant_ref_t *refs; /* refs[i] grants page i */
};

#define GNTTAB_ARENA_MAX_PAGES ((1u << 19)) /* 2 GiB */

int gnttab_arena_new(struct plat *p, domid_t peer, uint32_t nr_pages, bool readonly,
		     struct gnttab_arena **arena);
/*
 * Revokes page i. -EBUSY while the peer has it mapped (the page must not be
 * used for anything else); 0 also if it was revoked before. A later
 * gnttab_grant() gives the same reference again.
 */
int gnttab_end_access(struct gnttab_arena *a, uint32_t page);
int gnttab_grant(struct gnttab_arena *a, uint32_t page);
/*
 * Ends access to all pages and frees the arena. Never fails: pages that the
 * peer still has mapped stay the peer's copy of memory that nobody reuses.
 */
void gnttab_arena_free(struct gnttab_arena *a);

/* -------------------------------------------------- grants, mapping side */

enum { GNTTAB_READ = 0, GNTTAB_WRITE = 1 };

/* Mappings of one peer's pages; everything mapped through it ends with it. */
struct gnttab_mapper;

int gnttab_mapper_new(struct plat *p, domid_t peer, struct gnttab_mapper **m);
void gnttab_mapper_free(struct gnttab_mapper *m);

/*
 * Maps n pages, each where the platform likes: addrs[i] gets page i's address.
 * All or nothing. A page may be mapped any number of times; each needs its
 * unmap. `prot` GNTTAB_WRITE needs a grant that is not read-only.
 * Errors: -ENOENT no such reference, -EACCES not granted to us, or read-only;
 * -EINVAL the entry names no page of the granter.
 * The contents may change at any time: copy what you interpret.
 */
int gnttab_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		    int prot, void **addrs);
/* The same refs, n, prot and addrs as one earlier map, or a part of it. */
void gnttab_unmap_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		       int prot, void **addrs);

/* Maps n pages in a row (a ring). Errors as above. Slow. */
int gnttab_map_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		    void **addr);
void gnttab_unmap_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		       void *addr);

/*
 * The stretch of memory around a mapped page that stays valid until the mapper
 * is freed: what is worth registering with io_uring. -ENOENT if the platform
 * promises nothing beyond the page itself.
 */
int gnttab_region(struct gnttab_mapper *m, const void *addr, void **base, size_t *len);

/* --------------------------------------------------------- event channels */

struct evtchn {
	struct plat *plat;
	evtchn_port_t port; /* ours; what xenstore tells the peer */
	int fd;		    /* readable while an event is pending */
};

/* A port that `remote` may bind to. */
int evtchn_alloc_unbound(struct plat *p, domid_t remote, struct evtchn **ch);
/*
 * Binds to the remote's port. -EINVAL no such port, or not meant for us. The
 * binder finds one event pending, as in Xen: some may have been sent before.
 * When the remote end goes away, the port is unbound again with the same fd, and
 * the remote domain may bind to it once more.
 */
int evtchn_bind_interdomain(struct plat *p, domid_t remote, evtchn_port_t remote_port,
			    struct evtchn **ch);
/*
 * Signals the other end. Events merge. Never blocks, whatever the peer does,
 * and cannot fail in a way that the caller could mend.
 */
void evtchn_notify(struct evtchn *ch);
/* Takes what is pending, so that `fd` is readable again only after a new event.
 * Never blocks. -EPIPE: the channel is dead; stop waiting on fd. */
int evtchn_ack(struct evtchn *ch);
void evtchn_close(struct evtchn *ch);

/* --------------------------------------------------------------- xenstore */

/* Paths: absolute, or relative to the domain's own directory. */
typedef uint32_t xenstore_tx_t;
#define XENSTORE_NO_TX 0u

/* *value: NUL-terminated, freed by the caller; *len (may be NULL) without it. */
int xenstore_read(struct plat *p, xenstore_tx_t tx, const char *path, char **value,
		  size_t *len);
int xenstore_write(struct plat *p, xenstore_tx_t tx, const char *path, const char *value);
int xenstore_mkdir(struct plat *p, xenstore_tx_t tx, const char *path);
int xenstore_rm(struct plat *p, xenstore_tx_t tx, const char *path);
/* *names: n pointers in one allocation that the caller frees. */
int xenstore_directory(struct plat *p, xenstore_tx_t tx, const char *path, char ***names,
		       uint32_t *n);
/* perms as in xs_wire: "n0 r5": owner 0, nobody else, domain 5 reads. */
int xenstore_set_perms(struct plat *p, xenstore_tx_t tx, const char *path,
		       const char *perms);
int xenstore_tx_start(struct plat *p, xenstore_tx_t *tx);
/* commit: -EAGAIN, somebody else changed what was read: start again. */
int xenstore_tx_end(struct plat *p, xenstore_tx_t tx, bool commit);
int xenstore_watch(struct plat *p, const char *path, const char *token);
int xenstore_unwatch(struct plat *p, const char *path, const char *token);
/* Readable when xenstore_next_event() may have something, or the end came. */
int xenstore_fd(struct plat *p);
/*
 * The next watch event: *path and *token are in one allocation, *path, that
 * the caller frees. -EAGAIN: none now. Does not block. -ENOTCONN: as above.
 */
int xenstore_next_event(struct plat *p, char **path, char **token);

#endif
