/* SPDX-License-Identifier: MIT */
/*
 * tdblk: a benchmark client of libtandem, the counterpart of vublk: the same load,
 * clock and histogram, one thread, one queue, granted buffers. Prints one JSON
 * object. With --hold it opens the disk, reads once, says "ready" and asks nothing
 * more until it is ended: what both ends use of a CPU meanwhile is the cost of an
 * idle device.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "frontends/include/tandem.h"
#include "tools/bench/client.h"

struct bench {
	struct load load;
	struct tandem_disk *disk;
	struct tandem_queue *q;
	struct tandem_io io[CLIENT_MAX_QD];
	uint64_t started[CLIENT_MAX_QD];
};

static int submit(struct bench *b, struct tandem_io *io, uint64_t now)
{
	io->offset = load_pick(&b->load) * b->load.bs;
	b->started[io - b->io] = now;
	return tandem_submit(b->q, io);
}

static void account(struct bench *b, struct tandem_io *io, uint64_t now)
{
	hist_add(&b->load.lat, now - b->started[io - b->io]);
	b->load.ios++;
	b->load.errors += io->result != 0;
}

static bool more(const struct load *l, uint64_t now, uint64_t end)
{
	return l->once ? l->next < l->blocks : now < end;
}

/* Runs the load. Returns ns, 0 when a submit failed (*err). */
static uint64_t run(struct bench *b, int *err)
{
	struct tandem_io *done[CLIENT_MAX_QD];
	const uint64_t t0 = now_ns(), end = t0 + (uint64_t)(b->load.seconds * 1e9);
	uint64_t now = t0;
	int n;

	for (unsigned i = 0; i < b->load.qd; i++)
		if ((*err = submit(b, &b->io[i], now)))
			return 0;
	while (tandem_inflight(b->q)) {
		n = tandem_wait(b->q, done, 1, b->load.qd, -1);
		if (n < 0) {
			*err = n;
			return 0;
		}
		now = now_ns();
		for (int i = 0; i < n; i++) {
			account(b, done[i], now);
			if (more(&b->load, now, end) && (*err = submit(b, done[i], now)))
				return 0;
		}
	}
	return now - t0;
}

static void ended(int sig)
{
	(void)sig; /* pause() returns */
}

static int hold(struct bench *b)
{
	struct sigaction sa = { .sa_handler = ended };
	int err = tandem_pread(b->disk, b->io[0].buf, b->load.bs, 0);

	if (err)
		return err;
	sigaction(SIGTERM, &sa, NULL);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}

static int usage(void)
{
	fputs("usage: tdblk DOMAIN/VDEV [--rw randread|randwrite|read|write] [--bs N] "
	      "[--qd N]\n             [--time S] [--size BYTES] [--poll-us "
	      "N|never|always] "
	      "[--once]\n             [--hold]\n",
	      stderr);
	return 2;
}

static unsigned parse_poll(const char *s)
{
	if (!strcmp(s, "never"))
		return TANDEM_POLL_NEVER;
	if (!strcmp(s, "always"))
		return TANDEM_POLL_ALWAYS;
	return (unsigned)atoi(s);
}

static int parse(struct load *l, struct tandem_opts *o, uint64_t *size, bool *holding,
		 int argc, char **argv)
{
	static const struct option opts[] = {
		{ "rw", required_argument, NULL, 'r' },
		{ "bs", required_argument, NULL, 'b' },
		{ "qd", required_argument, NULL, 'q' },
		{ "time", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 'z' },
		{ "poll-us", required_argument, NULL, 'p' },
		{ "once", no_argument, NULL, 'o' },
		{ "hold", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'r')
			load_set_rw(l, optarg);
		else if (c == 'b')
			l->bs = strtoul(optarg, NULL, 0);
		else if (c == 'q')
			l->qd = (unsigned)atoi(optarg);
		else if (c == 't')
			l->seconds = atof(optarg);
		else if (c == 'z')
			*size = strtoull(optarg, NULL, 0);
		else if (c == 'p')
			o->poll_us = parse_poll(optarg);
		else if (c == 'o')
			l->once = true;
		else if (c == 'h')
			*holding = true;
		else
			return -EINVAL;
	}
	return optind == argc - 1 && load_ok(l) ? 0 : -EINVAL;
}

static int prepare(struct bench *b, uint64_t size)
{
	struct tandem_info info;

	tandem_get_info(b->disk, &info);
	if (!size || size > info.size)
		size = info.size;
	b->load.blocks = size / b->load.bs;
	b->q = tandem_queue(b->disk, 0);
	for (unsigned i = 0; i < b->load.qd; i++) {
		b->io[i] = (struct tandem_io){
			.op = b->load.write ? TANDEM_WRITE : TANDEM_READ,
			.len = b->load.bs,
			.buf = tandem_alloc(b->disk, b->load.bs),
		};
		if (!b->io[i].buf)
			return -ENOMEM;
		memset(b->io[i].buf, 0x5a, b->load.bs);
	}
	return b->load.blocks ? 0 : -ENOSPC;
}

int main(int argc, char **argv)
{
	static struct bench b = { .load = LOAD_DEFAULT };
	struct tandem_opts opts = { 0 };
	uint64_t size = 0, ns;
	bool holding = false;
	char *why = NULL;
	double cpu;
	int err;

	if (parse(&b.load, &opts, &size, &holding, argc, argv))
		return usage();
	opts.readonly = !b.load.write;
	opts.depth = b.load.qd;
	opts.pool_bytes = b.load.qd * ((b.load.bs + 4095) & ~(size_t)4095) + (1u << 20);
	err = tandem_open(argv[optind], &opts, &b.disk, &why);
	if (err) {
		fprintf(stderr, "tdblk: %s\n", why ? why : strerror(-err));
		return 2;
	}
	err = prepare(&b, size);
	if (!err && holding) {
		err = hold(&b);
	} else if (!err) {
		cpu = cpu_seconds();
		ns = run(&b, &err);
		if (!err)
			load_print(&b.load, ns, cpu_seconds() - cpu, 0);
	}
	if (err)
		fprintf(stderr, "tdblk: %s: %s\n", argv[optind], strerror(-err));
	tandem_close(b.disk);
	return err || b.load.errors ? 1 : 0;
}
