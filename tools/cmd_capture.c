/* SPDX-License-Identifier: MIT */
/*
 * tandem vif-capture: what goes through a vif, to files. The backend leaves
 * copies in a ring (capring.h) whose pages are this program's.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"
#include "tools/capture_file.h"
#include "tools/cmd_network.h"
#include "tools/cmds.h"

#define RING_PAGES CAPRING_PAGES_MAX

struct capture {
	struct cli *c;
	const char *name; /* "guest0/0" */
	struct dev_xs d;
	char claim[64];
	bool announced;
	struct gnttab_arena *arena;
	struct evtchn *ch;
	struct capring_reader ring;
	struct capture_file *file;
	int signals; /* descriptor */
	uint64_t written, filtered;
	uint64_t dropped; /* by backends that have ended */
	uint8_t packet[CAPRING_SNAPLEN_MAX];
};

/* Says *why, which it frees, or what -errno means. */
static int say(struct capture *cap, char *why, int err)
{
	int status = cli_fail(cap->c, "%s", why ? why : cli_strerror(err));

	free(why);
	return status;
}

/* --------------------------------------------------------------- agreeing on it */

static int announce(xenstore_tx_t tx, void *arg)
{
	struct capture *cap = arg;
	struct plat *p = cap->d.plat;
	cleanup_free char *online = NULL, *refs = NULL;
	char dir[128], path[128];
	size_t at = 0, size = RING_PAGES * 11 + 1;
	int err;

	snprintf(path, sizeof(path), "%s/online", cap->d.be_path);
	err = xenstore_read(p, tx, path, &online, NULL); /* not to make it anew */
	if (err)
		return err;
	refs = malloc(size);
	if (!refs)
		return -ENOMEM;
	for (unsigned i = 0; i < RING_PAGES; i++)
		at += (size_t)snprintf(refs + at, size - at, "%s%u", i ? " " : "",
				       cap->arena->refs[i]);
	snprintf(dir, sizeof(dir), "%s/capture", cap->d.be_path);
	err = xenstore_rm(p, tx, dir); /* of one that was killed */
	if (err == -ENOENT)
		err = 0;
	dev_xs_put(&err, p, tx, dir, "domid", "%u", plat_domid(p));
	dev_xs_put(&err, p, tx, dir, "ring-refs", "%s", refs);
	dev_xs_put(&err, p, tx, dir, "event-channel", "%u", cap->ch->port);
	dev_xs_put(&err, p, tx, dir, "snaplen", "%u", cap->ring.snaplen);
	dev_xs_put(&err, p, tx, dir, "state", "%d", XenbusStateInitialising);
	return err;
}

static bool answered(const struct dev_xs *d, void *arg)
{
	cleanup_free char *state = dev_xs_read(d, true, "capture/state");

	(void)arg;
	return !state || strcmp(state, "1");
}

/* The ring's pages and its channel; says what is wrong. */
static int make_ring(struct capture *cap)
{
	struct plat *p = cap->d.plat;
	uint32_t snaplen = cap->c->snaplen ? cap->c->snaplen : CAPRING_SNAPLEN_MAX;
	int err = gnttab_arena_new(p, cap->d.backend, RING_PAGES, false, &cap->arena);

	if (!err)
		err = evtchn_alloc_unbound(p, cap->d.backend, &cap->ch);
	if (!err)
		err = capring_reader_init(&cap->ring, cap->arena->pages, RING_PAGES,
					  snaplen);
	return err ? cli_fail(cap->c, "%s: a ring for it: %s", cap->name,
			      cli_strerror(err))
		   : 0;
}

static void free_ring(struct capture *cap)
{
	if (cap->ring.shared)
		cap->dropped += capring_drops(&cap->ring);
	cap->ring.shared = NULL;
	if (cap->ch)
		evtchn_close(cap->ch);
	cap->ch = NULL;
	if (cap->arena)
		gnttab_arena_free(cap->arena);
	cap->arena = NULL;
}

static int agree(struct capture *cap)
{
	cleanup_free char *state = NULL, *error = NULL;
	int err = dev_xs_transaction(cap->d.plat, announce, cap);

	if (!err) {
		cap->announced = true;
		err = dev_xs_wait(&cap->d, cap->c->wait_ms, answered, NULL);
	}
	if (err == -ETIMEDOUT)
		return cli_fail(cap->c,
				"%s: no backend answered within %g s: does "
				"tandem-netback run for domain %u?",
				cap->name, cap->c->wait_ms / 1000.0, cap->d.backend);
	if (err)
		return cli_fail(cap->c, "%s: xenstore: %s", cap->name, cli_strerror(err));
	state = dev_xs_read(&cap->d, true, "capture/state");
	error = dev_xs_read(&cap->d, true, "capture/error");
	if (state && !strcmp(state, "4"))
		return 0;
	return cli_fail(cap->c, "%s: the backend does not capture%s%s", cap->name,
			error ? ": " : "", error ? error : "");
}

/* ---------------------------------------------------------------------- packets */

/* All that is there. 0; 1: as many as were wanted; 2: said what is wrong. */
static int take_all(struct capture *cap)
{
	struct capring_record rec;
	char *why = NULL;
	int ret;

	while ((ret = capring_take(&cap->ring, &rec, cap->packet)) > 0) {
		ret = capture_file_add(cap->file, &rec, cap->packet, &why);
		if (ret < 0)
			return say(cap, why, ret);
		if (ret)
			cap->written++;
		else
			cap->filtered++;
		if (cap->c->count && cap->written == cap->c->count)
			return 1;
	}
	if (ret)
		return cli_fail(cap->c, "%s: the backend spoiled the ring", cap->name);
	ret = capture_file_flush(cap->file, &why);
	return ret ? say(cap, why, ret) : 0;
}

/* Closed, and not to come back. */
static bool backend_left(const struct capture *cap)
{
	cleanup_free char *online = dev_xs_read(&cap->d, true, "online");
	int state = dev_xs_state(&cap->d);

	return !online || (state == XenbusStateClosed && strcmp(online, "1"));
}

/*
 * The backend's directory changed: does it still serve the vif? Another one in its
 * place, which knows nothing of the ring, gets another. As take_all().
 */
static int look_at_backend(struct capture *cap)
{
	cleanup_free char *state = NULL;
	char *path, *token;
	int err, status;

	while (!(err = xenstore_next_event(cap->d.plat, &path, &token)))
		free(path);
	if (err != -EAGAIN)
		return cli_fail(cap->c, "xenstore: %s", cli_strerror(err));
	state = dev_xs_read(&cap->d, true, "capture/state");
	if (state && !strcmp(state, "4") && !backend_left(cap))
		return 0;
	status = take_all(cap);
	if (status)
		return status;
	if (backend_left(cap))
		return cli_fail(cap->c, "%s: the backend let go of it", cap->name);
	free_ring(cap);
	status = make_ring(cap);
	return status ? status : agree(cap);
}

/* Until a signal, a count or the backend's end. 0 or 2. */
static int run_loop(struct capture *cap)
{
	for (;;) {
		struct pollfd pfd[] = { { .fd = cap->ch->fd, .events = POLLIN },
					{ .fd = xenstore_fd(cap->d.plat),
					  .events = POLLIN },
					{ .fd = cap->signals, .events = POLLIN } };
		int status = take_all(cap);

		if (!status && capring_sleep(&cap->ring))
			continue;
		if (!status && poll(pfd, 3, 1000) < 0 && errno != EINTR)
			return cli_fail(cap->c, "poll: %s", strerror(errno));
		if (!status && pfd[2].revents)
			return take_all(cap) == CLI_EXIT_FAILURE ? CLI_EXIT_FAILURE : 0;
		if (!status && pfd[0].revents && evtchn_ack(cap->ch))
			return cli_fail(cap->c, "%s: the event channel is dead",
					cap->name);
		if (!status)
			status = look_at_backend(cap);
		if (status)
			return status == 1 ? 0 : status;
	}
}

static int print_summary(struct capture *cap)
{
	uint64_t drops = cap->dropped + capring_drops(&cap->ring);

	if (!strcmp(cap->c->argv[1], "-"))
		return 0;
	if (cap->c->json)
		return cli_print_json(cap->c,
				      json_pack("{s:I, s:I, s:I}", "packets",
						(json_int_t)cap->written, "filtered",
						(json_int_t)cap->filtered, "dropped",
						(json_int_t)drops));
	printf("%llu packets, %llu not wanted by the filter, %llu dropped\n",
	       (unsigned long long)cap->written, (unsigned long long)cap->filtered,
	       (unsigned long long)drops);
	return 0;
}

/* -------------------------------------------------------------- from end to end */

/* "guest0/0" of the command line: its vif, which a backend serves. */
static int find(struct capture *cap)
{
	const char *slash = strrchr(cap->name, '/');
	char domain[HVCALL_NAME_MAX + 1];
	struct cli_domain dom;
	bool served = false;

	if (!slash || slash == cap->name || slash - cap->name > HVCALL_NAME_MAX)
		return cli_fail(cap->c, "'%.100s' names no vif: guest0/0 would be right",
				cap->name);
	snprintf(domain, sizeof(domain), "%.*s", (int)(slash - cap->name), cap->name);
	if (cli_need_plat(cap->c) || cli_find_domain(cap->c, domain, &dom) ||
	    cli_find_vif(cap->c, &dom, slash + 1, &cap->d, &served))
		return CLI_EXIT_FAILURE;
	return served ? 0 : cli_fail(cap->c, "%s: no backend has it", cap->name);
}

/* One capture a vif: the claim ends with this program, however it ends. */
static int claim(struct capture *cap)
{
	int err;

	snprintf(cap->claim, sizeof(cap->claim), "backend/vif-capture/%u/%u",
		 cap->d.frontend, cap->d.devid);
	err = plat_claim(cap->d.plat, cap->claim);
	if (!err)
		return 0;
	cap->claim[0] = '\0';
	return err == -EBUSY
		       ? cli_fail(cap->c, "%s: it is being captured already", cap->name)
		       : cli_fail(cap->c, "%s: %s", cap->name, cli_strerror(err));
}

static int open_signals(struct capture *cap)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* cannot fail: the signals exist */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	cap->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return cap->signals < 0 ? cli_fail(cap->c, "signalfd: %s", strerror(errno)) : 0;
}

static void end(struct capture *cap)
{
	char path[128];

	/* cannot fail in a way that matters: the next capture replaces what is left */
	if (cap->announced) {
		snprintf(path, sizeof(path), "%s/capture", cap->d.be_path);
		(void)xenstore_rm(cap->d.plat, XENSTORE_NO_TX, path);
	}
	if (cap->claim[0])
		(void)plat_unclaim(cap->d.plat, cap->claim);
	free_ring(cap);
	if (cap->signals >= 0)
		close(cap->signals);
	capture_file_free(cap->file);
}

static int capture(struct capture *cap)
{
	char *why = NULL;
	int err, status = find(cap);

	if (!status)
		status = open_signals(cap);
	if (!status)
		status = claim(cap);
	if (!status)
		status = make_ring(cap);
	if (status)
		return status;
	err = capture_file_start(cap->file, &why);
	if (err)
		return say(cap, why, err);
	status = agree(cap);
	if (status)
		return status;
	err = xenstore_watch(cap->d.plat, cap->d.be_path, "capture");
	if (err)
		return cli_fail(cap->c, "xenstore: %s", cli_strerror(err));
	status = run_loop(cap);
	return print_summary(cap) ? CLI_EXIT_FAILURE : status;
}

static int run_capture(struct cli *c)
{
	struct capture_options o = { .path = c->argv[1],
				     .filter = c->filter,
				     .snaplen = c->snaplen ? c->snaplen
							   : CAPRING_SNAPLEN_MAX,
				     .rotate_size = c->rotate_size,
				     .rotate_seconds = c->rotate_seconds };
	struct capture *cap = calloc(1, sizeof(*cap));
	char *why = NULL;
	int err, status;

	if (!cap)
		return cli_fail(c, "out of memory");
	cap->c = c;
	cap->name = c->argv[0];
	cap->signals = -1;
	err = capture_file_new(&o, &cap->file, &why);
	status = err ? say(cap, why, err) : capture(cap);
	end(cap);
	free(cap);
	return status;
}

static const struct argp_option options[] = {
	{ "filter", CLI_FILTER, "EXPR", 0, "keep what the expression takes", 0 },
	{ "snaplen", CLI_SNAPLEN, "N", 0, "keep so many bytes of a packet (65535)", 0 },
	{ "rotate-size", CLI_ROTATE_SIZE, "SIZE", 0,
	  "begin another file after so many bytes", 0 },
	{ "rotate-seconds", CLI_ROTATE_SECONDS, "N", 0, "or seconds", 0 },
	{ "count", CLI_COUNT, "N", 0, "end after N packets", 0 },
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for the backend (10)", 0 },
	{ "json", CLI_JSON, NULL, 0, "print the counts as JSON", 0 },
	{ 0 },
};

const struct verb verbs_capture[] = {
	{ .name = "vif-capture",
	  .args = "DOM/DEVID FILE",
	  .summary = "write what goes through a virtual network interface to a file",
	  .doc = "FILE is a capture for tcpdump, tshark and others, or - for standard "
		 "output. EXPR is as for tcpdump, pcap-filter(7). Until it is ended.",
	  .options = options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_capture },
	{ 0 },
};
