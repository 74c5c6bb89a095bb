/* SPDX-License-Identifier: MIT */
/* Agrees with a vif's backend on a ring of packets, as often as the backend changes. */
#include "tools/vif_ring.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"

/* ------------------------------------------------------------- the vif and we */

/* "guest0/0" of the command line: its vif, which a backend serves. */
static int find(struct vif_ring *r)
{
	const char *slash = strrchr(r->name, '/');
	char domain[HVCALL_NAME_MAX + 1];
	struct cli_domain dom;
	bool served = false;

	if (!slash || slash == r->name || slash - r->name > HVCALL_NAME_MAX)
		return cli_fail(r->c, "'%.100s' names no vif: guest0/0 would be right",
				r->name);
	snprintf(domain, sizeof(domain), "%.*s", (int)(slash - r->name), r->name);
	if (cli_need_plat(r->c) || cli_find_domain(r->c, domain, &dom) ||
	    cli_find_vif(r->c, &dom, slash + 1, &r->d, &served))
		return CLI_EXIT_FAILURE;
	return served ? 0 : cli_fail(r->c, "%s: no backend has it", r->name);
}

static int open_signals(struct vif_ring *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* cannot fail: the signals exist */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return r->signals < 0 ? cli_fail(r->c, "signalfd: %s", strerror(errno)) : 0;
}

/* The claim ends with this program, however it ends. */
static int claim(struct vif_ring *r)
{
	int err;

	snprintf(r->claim, sizeof(r->claim), "backend/vif-%s/%u/%u", r->kind->dir,
		 r->d.frontend, r->d.devid);
	err = plat_claim(r->d.plat, r->claim);
	if (!err)
		return 0;
	r->claim[0] = '\0';
	return cli_fail(r->c, "%s: %s", r->name,
			err == -EBUSY ? r->kind->busy : cli_strerror(err));
}

int vif_ring_open(struct vif_ring *r, struct cli *c, const struct vif_ring_kind *kind,
		  const char *name, uint32_t snaplen)
{
	int status;

	*r = (struct vif_ring){
		.c = c, .name = name, .kind = kind, .snaplen = snaplen, .signals = -1
	};
	status = find(r);
	if (!status)
		status = open_signals(r);
	return status ? status : claim(r);
}

void vif_ring_close(struct vif_ring *r)
{
	char path[128];

	/* cannot fail in a way that matters: the next one replaces what is left */
	if (r->announced) {
		snprintf(path, sizeof(path), "%s/%s", r->d.be_path, r->kind->dir);
		(void)xenstore_rm(r->d.plat, XENSTORE_NO_TX, path);
	}
	if (r->claim[0])
		(void)plat_unclaim(r->d.plat, r->claim);
	vif_ring_free(r);
	if (r->signals >= 0)
		close(r->signals);
}

/* ------------------------------------------------------------------- the ring */

int vif_ring_make(struct vif_ring *r)
{
	struct plat *p = r->d.plat;
	int err = 0;

	if (!r->arena)
		err = gnttab_arena_new(p, r->d.backend, VIF_RING_PAGES, false, &r->arena);
	if (r->ch)
		evtchn_close(r->ch);
	r->ch = NULL;
	if (!err)
		err = evtchn_alloc_unbound(p, r->d.backend, &r->ch);
	return err ? cli_fail(r->c, "%s: a ring for it: %s", r->name, cli_strerror(err))
		   : 0;
}

void vif_ring_free(struct vif_ring *r)
{
	if (r->ch)
		evtchn_close(r->ch);
	r->ch = NULL;
	if (r->arena)
		gnttab_arena_free(r->arena);
	r->arena = NULL;
}

static int announce(xenstore_tx_t tx, void *arg)
{
	struct vif_ring *r = arg;
	struct plat *p = r->d.plat;
	cleanup_free char *online = NULL, *refs = NULL;
	char dir[128], path[128];
	size_t at = 0, size = VIF_RING_PAGES * 11 + 1;
	int err;

	snprintf(path, sizeof(path), "%s/online", r->d.be_path);
	err = xenstore_read(p, tx, path, &online, NULL); /* not to make it anew */
	if (err)
		return err;
	refs = malloc(size);
	if (!refs)
		return -ENOMEM;
	for (unsigned i = 0; i < VIF_RING_PAGES; i++)
		at += (size_t)snprintf(refs + at, size - at, "%s%u", i ? " " : "",
				       r->arena->refs[i]);
	snprintf(dir, sizeof(dir), "%s/%s", r->d.be_path, r->kind->dir);
	err = xenstore_rm(p, tx, dir); /* of one that was killed */
	if (err == -ENOENT)
		err = 0;
	dev_xs_put(&err, p, tx, dir, "domid", "%u", plat_domid(p));
	dev_xs_put(&err, p, tx, dir, "ring-refs", "%s", refs);
	dev_xs_put(&err, p, tx, dir, "event-channel", "%u", r->ch->port);
	dev_xs_put(&err, p, tx, dir, "snaplen", "%u", r->snaplen);
	dev_xs_put(&err, p, tx, dir, "state", "%d", XenbusStateInitialising);
	return err;
}

char *vif_ring_key(const struct vif_ring *r, const char *key)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", r->kind->dir, key);
	return dev_xs_read(&r->d, true, path);
}

static bool answered(const struct dev_xs *d, void *arg)
{
	cleanup_free char *state = vif_ring_key(arg, "state");

	(void)d;
	return !state || strcmp(state, "1");
}

static int refused(struct vif_ring *r, const char *error)
{
	return cli_fail(r->c, "%s: the backend %s%s%s", r->name, r->kind->refuses,
			error ? ": " : "", error ? error : "");
}

static int watch(struct vif_ring *r)
{
	int err = r->watched ? 0 : xenstore_watch(r->d.plat, r->d.be_path, r->kind->dir);

	r->watched = !err;
	return err ? cli_fail(r->c, "xenstore: %s", cli_strerror(err)) : 0;
}

int vif_ring_agree(struct vif_ring *r)
{
	cleanup_free char *state = NULL, *error = NULL;
	int err = dev_xs_transaction(r->d.plat, announce, r);

	if (!err) {
		r->announced = true;
		err = dev_xs_wait(&r->d, r->c->wait_ms, answered, r);
	}
	if (err == -ETIMEDOUT)
		return cli_fail(r->c,
				"%s: no backend answered within %g s: does "
				"tandem-netback run for domain %u?",
				r->name, r->c->wait_ms / 1000.0, r->d.backend);
	if (err)
		return cli_fail(r->c, "%s: xenstore: %s", r->name, cli_strerror(err));
	state = vif_ring_key(r, "state");
	error = vif_ring_key(r, "error");
	return state && !strcmp(state, "4") ? watch(r) : refused(r, error);
}

/* --------------------------------------------------------------- what changes */

/* Closed, and not to come back. */
static bool is_gone(const struct vif_ring *r)
{
	cleanup_free char *online = dev_xs_read(&r->d, true, "online");
	int state = dev_xs_state(&r->d);

	return !online || (state == XenbusStateClosed && strcmp(online, "1"));
}

int vif_ring_news(struct vif_ring *r)
{
	cleanup_free char *state = NULL;
	char *path, *token;
	int err;

	while (!(err = xenstore_next_event(r->d.plat, &path, &token)))
		free(path);
	if (err != -EAGAIN)
		return cli_fail(r->c, "xenstore: %s", cli_strerror(err));
	state = vif_ring_key(r, "state");
	return !state || !strcmp(state, "6") || is_gone(r);
}

int vif_ring_left(struct vif_ring *r)
{
	cleanup_free char *error = vif_ring_key(r, "error");

	if (error)
		return refused(r, error);
	return is_gone(r) ? cli_fail(r->c, "%s: the backend let go of it", r->name) : 0;
}
