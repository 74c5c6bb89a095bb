/* SPDX-License-Identifier: MIT */
/*
 * A disk's history: random writes, reads, flushes and discards on several
 * queues; every sector read is held against what it may be (sectors.h), while
 * somebody kills the backend. SIGTERM ends it: everything is read once more and
 * a line of counts printed. Exit status 1: a wrong sector or a failed I/O.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tandem.h>
#include <unistd.h>

#include "backends/block/drv_fault.h"
#include "tests/lib/sectors.h"

#define MAX_QUEUES  16
#define MAX_DEPTH   64
#define MAX_SECTORS 128u
#define MAX_BYTES   (MAX_SECTORS * SECTOR)

struct slot {
	struct tandem_io io; /* first */
	uint64_t since, id, first, n;
	void *buf;
	bool busy;
};

struct worker {
	pthread_t thread;
	struct tandem_queue *q;
	uint64_t random;
	struct slot slot[MAX_DEPTH];
};

static struct {
	const char *disk, *out, *log;
	unsigned queues, depth;
	uint64_t seed;
} opt = { .queues = 4, .depth = 16 };

static struct tandem_disk *disk;
static struct tandem_info info;
static struct worker worker[MAX_QUEUES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sectors sectors; /* lock */
static uint64_t ids, count[4], errors, wrong;
static int log_fd = -1;
static volatile sig_atomic_t stop;

/* ------------------------------------------------------------ what is wrong */

/* Locked, as all that follow up to issue(). */
static void complain(const char *how, const struct tandem_io *io, uint64_t sector,
		     uint64_t gen, uint64_t since)
{
	char legal[400];

	if (wrong++ >= 20)
		return;
	sectors_explain(&sectors, sector, since, legal, sizeof(legal));
	fprintf(stderr,
		"history: sector %" PRIu64 " %s: generation %" PRIu64
		" in a read of %zu at %" PRIu64 "; it had: %s\n",
		sector, how, gen, io->len, io->offset, legal);
}

static void check_read(struct slot *s)
{
	const uint8_t *p = s->io.buf;

	for (uint64_t i = 0; i < s->n; i++, p += SECTOR) {
		uint64_t sector = s->first + i, gen;
		const char *how = sector_parse(p, opt.seed, sector, &gen);

		if (how)
			complain(how, &s->io, sector, gen, s->since);
		else if (!sectors_legal(&sectors, sector, gen, s->since))
			complain("is stale", &s->io, sector, gen, s->since);
		else
			sectors_settle(&sectors, sector, gen, s->since);
	}
}

/* Our side of the log that the fault driver writes (drv_fault.h). */
static void note(const struct slot *s, uint8_t kind)
{
	const struct fault_record r = { .magic = FAULT_LOG_MAGIC,
					.op = (uint8_t)s->io.op,
					.kind = kind,
					.result = s->io.result,
					.id = s->id,
					.offset = s->io.offset,
					.len = s->io.len };

	if (log_fd >= 0 && s->io.op != TANDEM_READ &&
	    write(log_fd, &r, sizeof(r)) != sizeof(r)) {
		perror("history: log");
		exit(2);
	}
}

static void set_horizon(void)
{
	uint64_t oldest = sectors.now;

	for (unsigned w = 0; w < opt.queues; w++)
		for (unsigned i = 0; i < opt.depth; i++) {
			const struct slot *s = &worker[w].slot[i];

			if (s->busy && s->io.op == TANDEM_READ && s->since < oldest)
				oldest = s->since;
		}
	sectors.horizon = oldest;
}

static void finished(struct slot *s)
{
	pthread_mutex_lock(&lock);
	sectors_tick(&sectors);
	count[s->io.op]++;
	note(s, FAULT_LOG_USER_END);
	if (s->io.result) {
		fprintf(stderr, "history: operation %d, %zu at %" PRIu64 ": %s\n",
			s->io.op, s->io.len, s->io.offset, strerror(-s->io.result));
		errors++;
	} else if (s->io.op == TANDEM_READ) {
		check_read(s);
	} else if (s->io.op != TANDEM_FLUSH) {
		set_horizon();
		sectors_end(&sectors, s->first, s->n, s->id);
	}
	s->busy = false;
	pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------- the load */

static enum tandem_op choose_op(uint64_t r)
{
	r %= 100;
	if (r < 48)
		return TANDEM_WRITE;
	if (r < 92)
		return TANDEM_READ;
	if (r < 95)
		return info.discard ? TANDEM_DISCARD : TANDEM_WRITE;
	return info.flush ? TANDEM_FLUSH : TANDEM_READ;
}

static void choose(struct worker *w, struct slot *s)
{
	uint64_t unit = info.sector_size / SECTOR, max = MAX_SECTORS / unit;
	uint64_t a = sectors_random(&w->random) % max,
		 b = sectors_random(&w->random) % max;

	s->io = (struct tandem_io){ .op = choose_op(sectors_random(&w->random)),
				    .user = s };
	if (s->io.op == TANDEM_FLUSH)
		return;
	s->n = ((a < b ? a : b) + 1) * unit;
	s->first = sectors_random(&w->random) % ((sectors.nr - s->n) / unit + 1) * unit;
	s->io.offset = s->first * SECTOR;
	s->io.len = s->n * SECTOR;
	s->io.buf = s->buf;
}

static void issue(struct worker *w, struct slot *s)
{
	int err;

	choose(w, s);
	pthread_mutex_lock(&lock);
	s->busy = true;
	s->since = sectors_tick(&sectors);
	s->id = ++ids;
	if (s->io.op == TANDEM_WRITE || s->io.op == TANDEM_DISCARD)
		sectors_begin(&sectors, s->first, s->n,
			      s->io.op == TANDEM_WRITE ? s->id : 0, s->id);
	note(s, FAULT_LOG_USER_BEGIN);
	pthread_mutex_unlock(&lock);
	if (s->io.op == TANDEM_READ)
		memset(s->buf, 0xee, s->io.len);
	for (uint64_t i = 0; s->io.op == TANDEM_WRITE && i < s->n; i++)
		sector_fill((uint8_t *)s->buf + i * SECTOR, opt.seed, s->first + i,
			    s->id);
	err = tandem_submit(w->q, &s->io);
	if (err) {
		s->io.result = err;
		finished(s);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct tandem_io *done[MAX_DEPTH];

	while (!stop || tandem_inflight(w->q)) {
		int n;

		for (unsigned i = 0; i < opt.depth && !stop; i++)
			if (!w->slot[i].busy)
				issue(w, &w->slot[i]);
		n = tandem_wait(w->q, done, 1, MAX_DEPTH, 100000);
		for (int i = 0; i < n; i++)
			finished(done[i]->user);
	}
	return NULL;
}

/* ------------------------------------------------------------ start and end */

/* Half of the buffers are granted memory, half is copied. */
static int prepare(void)
{
	for (unsigned w = 0; w < opt.queues; w++) {
		worker[w].q = tandem_queue(disk, w);
		worker[w].random = opt.seed * 1000 + w;
		for (unsigned i = 0; i < opt.depth; i++) {
			struct slot *s = &worker[w].slot[i];

			s->buf =
				i % 2 ? malloc(MAX_BYTES) : tandem_alloc(disk, MAX_BYTES);
			if (!s->buf)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Everything once more, and into the file --out. */
static int read_all(void)
{
	struct slot *s = &worker[0].slot[0];
	FILE *out = opt.out ? fopen(opt.out, "w") : NULL;
	int err = opt.out && !out ? -errno : 0;

	for (uint64_t at = 0; at < sectors.nr && !err; at += s->n) {
		s->first = at;
		s->n = sectors.nr - at < MAX_SECTORS ? sectors.nr - at : MAX_SECTORS;
		s->io = (struct tandem_io){ .op = TANDEM_READ,
					    .offset = at * SECTOR,
					    .len = s->n * SECTOR,
					    .buf = s->buf };
		s->since = sectors_tick(&sectors);
		err = tandem_pread(disk, s->buf, s->io.len, s->io.offset);
		if (!err)
			check_read(s);
		if (!err && out && fwrite(s->buf, s->io.len, 1, out) != 1)
			err = -EIO;
	}
	if (out && fclose(out) && !err)
		err = -EIO;
	if (err)
		fprintf(stderr, "history: reading it all: %s\n", strerror(-err));
	return err;
}

static int run(void)
{
	int err = prepare();

	for (unsigned w = 0; w < opt.queues && !err; w++)
		err = -pthread_create(&worker[w].thread, NULL, work, &worker[w]);
	if (err) {
		fprintf(stderr, "history: %s\n", strerror(-err));
		exit(2);
	}
	for (unsigned w = 0; w < opt.queues; w++)
		pthread_join(worker[w].thread, NULL);
	if (info.flush)
		err = tandem_flush(disk);
	return err ? err : read_all();
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'q':
		opt.queues = (unsigned)atoi(arg);
		break;
	case 'd':
		opt.depth = (unsigned)atoi(arg);
		break;
	case 's':
		opt.seed = strtoull(arg, NULL, 10);
		break;
	case 'o':
		opt.out = arg;
		break;
	case 'l':
		opt.log = arg;
		break;
	case ARGP_KEY_ARG:
		if (opt.disk)
			argp_usage(state);
		opt.disk = arg;
		break;
	case ARGP_KEY_END:
		if (!opt.disk || opt.queues - 1 >= MAX_QUEUES ||
		    opt.depth - 1 >= MAX_DEPTH)
			argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option option_table[] = {
	{ "queues", 'q', "N", 0, "queues (4)", 0 },
	{ "depth", 'd', "N", 0, "I/Os in flight on each (16)", 0 },
	{ "seed", 's', "N", 0, "of the load; told apart in the contents", 0 },
	{ "out", 'o', "FILE", 0, "write there what the disk holds in the end", 0 },
	{ "log", 'l', "FILE", 0, "add to the fault driver's log", 0 },
	{ 0 },
};
static const struct argp argp = { option_table, parse_option, "DOMAIN/VDEV", NULL,
				  NULL,		NULL,	      NULL };

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

int main(int argc, char **argv)
{
	struct tandem_opts to = { 0 };
	char *why = NULL;
	int err;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	to.queues = opt.queues;
	to.depth = opt.depth;
	signal(SIGTERM, on_term);
	err = tandem_open(opt.disk, &to, &disk, &why);
	if (!err) {
		tandem_get_info(disk, &info);
		err = sectors_init(&sectors, info.size / SECTOR);
	}
	if (!err && opt.log) {
		log_fd = open(opt.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		err = log_fd < 0 ? -errno : 0;
	}
	if (err) {
		fprintf(stderr, "history: %s\n", why ? why : strerror(-err));
		return 2;
	}
	err = run();
	tandem_get_info(disk, &info);
	printf("%" PRIu64 " writes, %" PRIu64 " reads, %" PRIu64 " discards, %" PRIu64
	       " flushes, %u reconnects, pause %.1f ms median, %.1f ms max; errors "
	       "%" PRIu64 ", wrong sectors %" PRIu64 "\n",
	       count[TANDEM_WRITE], count[TANDEM_READ], count[TANDEM_DISCARD],
	       count[TANDEM_FLUSH], info.reconnects, (double)info.median_pause_us / 1e3,
	       (double)info.max_pause_us / 1e3, errors, wrong);
	tandem_close(disk);
	sectors_free(&sectors);
	return err || errors || wrong;
}
