/* SPDX-License-Identifier: MIT */
/*
 * tandem vif-capture: what goes through a vif, to files. The backend leaves
 * copies in a ring (capring.h) whose pages are this program's.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/capture_file.h"
#include "tools/cmds.h"
#include "tools/vif_ring.h"

static const struct vif_ring_kind capture_kind = {
	.dir = "capture",
	.busy = "it is being captured already",
	.refuses = "does not capture",
};

struct capture {
	struct cli *c;
	struct vif_ring r;
	struct capring_reader ring;
	struct capture_file *file;
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

/* --------------------------------------------------------------------- the ring */

static int make_ring(struct capture *cap)
{
	int status = vif_ring_make(&cap->r);

	if (!status && capring_reader_init(&cap->ring, cap->r.arena->pages,
					   VIF_RING_PAGES, cap->r.snaplen))
		return cli_fail(cap->c, "%s: no ring of that size", cap->r.name);
	return status;
}

static void free_ring(struct capture *cap)
{
	if (cap->ring.shared)
		cap->dropped += capring_drops(&cap->ring);
	cap->ring.shared = NULL;
	vif_ring_free(&cap->r);
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
		return cli_fail(cap->c, "%s: the backend spoiled the ring", cap->r.name);
	ret = capture_file_flush(cap->file, &why);
	return ret ? say(cap, why, ret) : 0;
}

/* Another backend, which knows nothing of the ring, gets another. As take_all(). */
static int look_at_backend(struct capture *cap)
{
	int status = vif_ring_news(&cap->r);

	if (status != 1)
		return status;
	status = take_all(cap);
	if (!status)
		status = vif_ring_left(&cap->r);
	if (status)
		return status;
	free_ring(cap);
	status = make_ring(cap);
	return status ? status : vif_ring_agree(&cap->r);
}

/* Until a signal, a count or the backend's end. 0 or 2. */
static int run_loop(struct capture *cap)
{
	for (;;) {
		struct pollfd pfd[] = { { .fd = cap->r.ch->fd, .events = POLLIN },
					{ .fd = xenstore_fd(cap->r.d.plat),
					  .events = POLLIN },
					{ .fd = cap->r.signals, .events = POLLIN } };
		int status = take_all(cap);

		if (!status && capring_sleep(&cap->ring))
			continue;
		if (!status && poll(pfd, 3, 1000) < 0 && errno != EINTR)
			return cli_fail(cap->c, "poll: %s", strerror(errno));
		if (!status && pfd[2].revents)
			return take_all(cap) == CLI_EXIT_FAILURE ? CLI_EXIT_FAILURE : 0;
		if (!status && pfd[0].revents && evtchn_ack(cap->r.ch))
			return cli_fail(cap->c, "%s: the event channel is dead",
					cap->r.name);
		if (!status)
			status = look_at_backend(cap);
		if (status)
			return status == 1 ? 0 : status;
	}
}

static int print_summary(struct capture *cap)
{
	uint64_t drops;

	free_ring(cap);
	drops = cap->dropped;
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

static int capture(struct capture *cap)
{
	char *why = NULL;
	int err, status = vif_ring_open(&cap->r, cap->c, &capture_kind, cap->c->argv[0],
					cap->c->snaplen ? cap->c->snaplen
							: CAPRING_SNAPLEN_MAX);

	if (!status)
		status = make_ring(cap);
	if (status)
		return status;
	err = capture_file_start(cap->file, &why);
	if (err)
		return say(cap, why, err);
	status = vif_ring_agree(&cap->r);
	if (status)
		return status;
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
	cap->r.signals = -1;
	err = capture_file_new(&o, &cap->file, &why);
	status = err ? say(cap, why, err) : capture(cap);
	vif_ring_close(&cap->r);
	capture_file_free(cap->file);
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
