/* SPDX-License-Identifier: MIT */
/*
 * tandem vif-replay: a capture's packets to the guest of a vif, beside what comes
 * from its port. They go through a ring (capring.h) whose pages are this program's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/net/pcap_in.h"
#include "hv/base/cleanup.h"
#include "hv/base/clock.h"
#include "tools/cmds.h"
#include "tools/vif_ring.h"

#define NS	   UINT64_C(1000000000)
#define LATE	   (NS / 10) /* what is made up for */
#define WAIT_MAX   NS
#define BATCH	   256	  /* packets between two looks at what else there is */
#define LEN_MIN	   14u	  /* an Ethernet header */
#define WAKE_BYTES 65536u /* of room that are worth a wakeup */

static const struct vif_ring_kind replay_kind = {
	.dir = "replay",
	.busy = "another replay runs",
	.refuses = "does not replay",
};

struct replay {
	struct cli *c;
	struct vif_ring r;
	struct capring_writer w;
	struct pcap_in in;
	uint32_t passes; /* through the file, that have ended */
	bool any;	 /* this pass had a packet */
	bool ending;	 /* everything is in the ring */
	/* Pace: a packet is due at `start` and what follows from its number with a
	 * rate, or from its time and that of the pass's first packet. */
	bool timed;
	uint64_t start, first, n;
	uint64_t sent, cut, skipped;
	uint8_t packet[CAPRING_SNAPLEN_MAX];
};

/* ------------------------------------------------------------------- the file */

static int bad_file(struct replay *rp, const char *why)
{
	return cli_fail(rp->c,
			"%s: %s; want a whole pcap or pcapng file of Ethernet packets",
			rp->c->argv[1], why);
}

/* All of it is read first: nothing goes out of a file that is broken. */
static int open_file(struct replay *rp)
{
	const char *path = rp->c->argv[1];
	char err[PCAP_ERRBUF_SIZE];
	struct stat st;
	int ret;

	rp->in.fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (rp->in.fd < 0 || fstat(rp->in.fd, &st))
		return cli_fail(rp->c, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return bad_file(rp, "is no file");
	if (pcap_in_check(&rp->in, UINT64_MAX, err))
		return bad_file(rp, err);
	ret = pcap_in_next(&rp->in, err);
	if (ret < 0)
		return bad_file(rp, err);
	return ret ? 0 : bad_file(rp, "holds no packet");
}

/* The next packet stands in rp->in: 1; 0: there is none; 2. */
static int next_packet(struct replay *rp)
{
	char err[PCAP_ERRBUF_SIZE];

	for (;;) {
		int ret = rp->in.p ? pcap_in_next(&rp->in, err) : 0;

		if (ret < 0) /* it has changed */
			return bad_file(rp, err);
		if (ret && rp->in.len >= LEN_MIN && rp->in.len <= CAPRING_SNAPLEN_MAX)
			return 1;
		if (ret) {
			rp->in.have = false;
			rp->skipped++;
			continue;
		}
		if (!rp->in.p)
			return 0;
		pcap_in_close(&rp->in);
		rp->passes++;
		if (!rp->any || rp->passes == rp->c->loop)
			return 0;
		rp->any = false;
		if (!rp->c->has_rate)
			rp->timed = false;
		if (pcap_in_open(&rp->in, err))
			return bad_file(rp, err);
	}
}

/* --------------------------------------------------------------------- packets */

/* ns until the packet is due. What was late for long is not made up for. */
static uint64_t until_due(struct replay *rp)
{
	uint64_t now = clock_ns(), due;
	double after = 0; /* start, ns */

	if (rp->c->has_rate && !rp->c->rate)
		return 0;
	if (!rp->timed) {
		rp->timed = true;
		rp->start = now;
		rp->first = rp->in.time;
	}
	if (rp->c->has_rate)
		after = (double)rp->n * (double)NS / rp->c->rate;
	else if (rp->in.time > rp->first) /* else its clock was set back: at once */
		after = (double)(rp->in.time - rp->first) / rp->c->speed;
	due = rp->start + (after < (double)INT64_MAX ? (uint64_t)after : INT64_MAX);
	if (due > now)
		return due - now;
	if (now - due > LATE)
		rp->start += now - due;
	return 0;
}

/* Is there room? 1; 0: the backend will say so; 2. */
static int find_room(struct replay *rp, uint64_t bytes)
{
	int ret = capring_room_sleep(&rp->w, bytes);

	if (!ret && bytes < WAKE_BYTES)
		ret = capring_room_sleep(&rp->w, WAKE_BYTES);
	return ret < 0 ? cli_fail(rp->c, "%s: the backend spoiled the ring", rp->r.name)
		       : ret;
}

static void put(struct replay *rp)
{
	/* cannot fail: there is room, and no other writer */
	if (!capring_begin(&rp->w, rp->in.len, CAPRING_TO_GUEST, rp->in.time))
		return;
	capring_add(&rp->w, rp->in.data, rp->in.len);
	if (capring_end(&rp->w))
		evtchn_notify(rp->r.ch);
	rp->in.have = false;
	rp->any = true;
	rp->n++;
	rp->sent++;
	rp->cut += rp->in.cut;
}

/* The backend is told that this was all; it answers when the guest has it. */
static int write_ending(xenstore_tx_t tx, void *arg)
{
	struct vif_ring *r = arg;
	cleanup_free char *state = NULL;
	char dir[128], path[160];
	int err;

	snprintf(dir, sizeof(dir), "%s/%s", r->d.be_path, r->kind->dir);
	snprintf(path, sizeof(path), "%s/state", dir);
	err = xenstore_read(r->d.plat, tx, path, &state, NULL); /* not to make it anew */
	if (!err && !strcmp(state, "4"))
		dev_xs_put(&err, r->d.plat, tx, dir, "state", "5");
	return err == -ENOENT ? 0 : err;
}

static int tell_end(struct replay *rp)
{
	int err = dev_xs_transaction(rp->r.d.plat, write_ending, &rp->r);

	rp->ending = true;
	return err ? cli_fail(rp->c, "xenstore: %s", cli_strerror(err)) : 0;
}

/* What is due and finds room; *wait: ns until there may be more. 0 or 2. */
static int put_some(struct replay *rp, uint64_t *wait)
{
	for (int i = 0; i < BATCH; i++) {
		int ret = next_packet(rp);

		*wait = WAIT_MAX;
		if (!ret)
			return tell_end(rp);
		if (ret == CLI_EXIT_FAILURE)
			return ret;
		ret = find_room(rp, capring_room(rp->in.len));
		if (ret != 1)
			return ret;
		*wait = until_due(rp);
		if (*wait)
			return 0;
		put(rp);
	}
	return 0;
}

/* Packets in the ring that the backend has not read. */
static uint64_t unread(struct replay *rp)
{
	struct capring_reader r;
	struct capring_record rec;
	uint64_t n = 0;

	if (capring_reader_init(&r, rp->r.arena->pages, VIF_RING_PAGES, rp->r.snaplen))
		return 0;
	while (n < rp->sent && capring_take(&r, &rec, rp->packet) > 0)
		n++;
	return n;
}

/* ------------------------------------------------------------------ the backend */

static int agree(struct replay *rp)
{
	int status = vif_ring_make(&rp->r);

	if (!status && !rp->w.shared &&
	    capring_writer_init(&rp->w, rp->r.arena->pages, VIF_RING_PAGES,
				rp->r.snaplen))
		return cli_fail(rp->c, "%s: no ring of that size", rp->r.name);
	if (!status)
		status = vif_ring_agree(&rp->r);
	return status || !rp->ending ? status : tell_end(rp);
}

/* Another backend reads on where the one before it ended. 0; 1: it is all done; 2. */
static int look_at_backend(struct replay *rp)
{
	cleanup_free char *error = NULL;
	int status = vif_ring_news(&rp->r);

	if (status != 1)
		return status;
	error = vif_ring_key(&rp->r, "error");
	if (rp->ending && !error && capring_room_sleep(&rp->w, rp->w.size) == 1)
		return 1;
	status = vif_ring_left(&rp->r);
	return status ? status : agree(rp);
}

/* Until the file's end, a signal or the backend's end. 0 or 2. */
static int run_loop(struct replay *rp)
{
	for (;;) {
		struct pollfd pfd[] = { { .fd = rp->r.ch->fd, .events = POLLIN },
					{ .fd = xenstore_fd(rp->r.d.plat),
					  .events = POLLIN },
					{ .fd = rp->r.signals, .events = POLLIN } };
		uint64_t wait = WAIT_MAX;
		int status = rp->ending ? 0 : put_some(rp, &wait), n;
		struct timespec ts = { .tv_nsec = (long)(wait % NS) };

		if (status)
			return status;
		ts.tv_sec = wait < NS ? 0 : 1;
		n = ppoll(pfd, 3, &ts, NULL);
		if (n < 0 && errno != EINTR)
			return cli_fail(rp->c, "poll: %s", strerror(errno));
		if (n > 0 && pfd[2].revents)
			return 0;
		if (n > 0 && pfd[0].revents && evtchn_ack(rp->r.ch))
			return cli_fail(rp->c, "%s: the event channel is dead",
					rp->r.name);
		if ((n > 0 && pfd[1].revents) || (!n && wait >= WAIT_MAX))
			status = look_at_backend(rp);
		if (status)
			return status == 1 ? 0 : status;
	}
}

/* -------------------------------------------------------------- from end to end */

static int print_summary(struct replay *rp)
{
	uint64_t packets = rp->sent - unread(rp);
	uint64_t drops = rp->skipped + capring_refused(&rp->w);

	if (rp->c->json)
		return cli_print_json(rp->c, json_pack("{s:I, s:I, s:I}", "packets",
						       (json_int_t)packets, "cut",
						       (json_int_t)rp->cut, "dropped",
						       (json_int_t)drops));
	printf("%llu packets, %llu of them cut by whoever captured them, %llu dropped\n",
	       (unsigned long long)packets, (unsigned long long)rp->cut,
	       (unsigned long long)drops);
	return 0;
}

static int replay(struct replay *rp)
{
	int status = open_file(rp);

	if (!status)
		status = vif_ring_open(&rp->r, rp->c, &replay_kind, rp->c->argv[0],
				       CAPRING_SNAPLEN_MAX);
	if (!status)
		status = agree(rp);
	if (status)
		return status;
	status = run_loop(rp);
	return print_summary(rp) ? CLI_EXIT_FAILURE : status;
}

static int run_replay(struct cli *c)
{
	struct replay *rp;
	int status;

	if (c->has_rate && c->speed > 0)
		return cli_fail(c, "--rate or --speed: not both");
	rp = calloc(1, sizeof(*rp));
	if (!rp)
		return cli_fail(c, "out of memory");
	rp->c = c;
	rp->r.signals = -1;
	rp->in.fd = -1;
	if (!(c->speed > 0))
		c->speed = 1;
	status = replay(rp);
	vif_ring_close(&rp->r);
	pcap_in_close(&rp->in);
	if (rp->in.fd >= 0)
		close(rp->in.fd);
	free(rp);
	return status;
}

static const struct argp_option options[] = {
	{ "rate", CLI_RATE, "PPS", 0,
	  "packets a second; 0: as fast as the guest takes them", 0 },
	{ "speed", CLI_SPEED, "N", 0, "N times as fast as they were captured (1)", 0 },
	{ "loop", CLI_LOOP, "N", 0, "the file so many times (1); 0: for ever", 0 },
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for the backend (10)", 0 },
	{ "json", CLI_JSON, NULL, 0, "print the counts as JSON", 0 },
	{ 0 },
};

const struct verb verbs_replay[] = {
	{ .name = "vif-replay",
	  .args = "DOM/DEVID FILE",
	  .summary = "give the packets of a file to a virtual network interface's guest",
	  .doc = "FILE is a capture, pcap or pcapng, of Ethernet. Its packets come "
		 "beside "
		 "those of the interface's port.",
	  .options = options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_replay },
	{ 0 },
};
