/* SPDX-License-Identifier: MIT */
/*
 * Power cuts after the fact: reads a log of the fault driver to which
 * "history --log" added its own view, and at each flush rebuilds the disk as a
 * power cut there could have left it: what the inner driver finished before a
 * flush that it finished too, and of all else any subset of the sectors.
 * Every sector must hold what it held when the user's last acknowledged flush
 * began, or something later.
 *
 * --no-flushes pretends that no flush reached the inner driver: a log for which
 * that changes nothing has tested nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/block/drv_fault.h"
#include "tests/lib/sectors.h"

#define MAX_CACHED 65536u
#define MAX_DATA   (4u << 20)
#define LOST	   UINT64_MAX

/* A write or discard that the inner driver got and no flush covers yet. */
struct cached {
	uint64_t id, first, n;
	uint64_t *gen;
	uint64_t end; /* order of completion; 0: in flight */
};

/* A flush in the inner driver. */
struct flush {
	uint64_t id, order;
};

static struct {
	FILE *log;
	uint64_t run, nr;
	bool no_flushes;
	uint64_t *durable, *image;
	struct cached *cached;
	unsigned nr_cached;
	struct flush flush[1024];
	unsigned nr_flush;
	uint64_t order;
	struct sectors legal; /* as the user knows it */
	uint64_t since;	      /* begin of the user's last acknowledged flush */
	struct flush user_flush[4096];
	unsigned nr_user_flush;
	uint64_t random, crashes, flushes, lives, records, torn, wrong;
	uint8_t data[MAX_DATA];
	uint64_t gen[MAX_DATA / SECTOR]; /* what data is */
} c;

static void bad_log(const char *what)
{
	fprintf(stderr, "crashcheck: record %" PRIu64 ": %s\n", c.records, what);
	exit(2);
}

/* ------------------------------------------------------------------- crashes */

static void apply(uint64_t *image, const struct cached *w, unsigned percent)
{
	for (uint64_t i = 0; i < w->n; i++)
		if (w->gen[i] != LOST &&
		    (percent >= 100 || sectors_random(&c.random) % 100 < percent))
			image[w->first + i] = w->gen[i];
}

static void crash(unsigned percent)
{
	char had[400];

	memcpy(c.image, c.durable, c.nr * sizeof(*c.image));
	for (unsigned i = 0; i < c.nr_cached && percent; i++)
		apply(c.image, &c.cached[i], percent);
	c.crashes++;
	for (uint64_t i = 0; i < c.nr; i++) {
		if (sectors_legal(&c.legal, i, c.image[i], c.since) || c.wrong++ >= 10)
			continue;
		sectors_explain(&c.legal, i, c.since, had, sizeof(had));
		fprintf(stderr,
			"crashcheck: power cut at record %" PRIu64 ": sector %" PRIu64
			" has generation %" PRIu64 "; flushed: %s\n",
			c.records, i, c.image[i], had);
	}
}

/* Nothing, all or some of what was not flushed is there. */
static void crash_each_way(void)
{
	crash(0);
	crash(100);
	crash(50);
	crash((unsigned)(sectors_random(&c.random) % 100));
}

/* -------------------------------------------------------- the inner driver's */

static void inner_begin(const struct fault_record *r)
{
	struct cached *w = &c.cached[c.nr_cached];

	if (r->op == BLKDRV_FLUSH) {
		if (c.nr_flush == sizeof(c.flush) / sizeof(c.flush[0]))
			bad_log("too many flushes in flight");
		c.flush[c.nr_flush++] = (struct flush){ r->id, c.order };
		return;
	}
	if (c.nr_cached++ == MAX_CACHED)
		bad_log("too much between two flushes");
	*w = (struct cached){ .id = r->id,
			      .first = r->offset / SECTOR,
			      .n = r->len / SECTOR };
	w->gen = calloc(w->n, sizeof(*w->gen));
	if (!w->gen)
		bad_log("no memory");
	if (r->op == BLKDRV_WRITE)
		memcpy(w->gen, c.gen, w->n * sizeof(*w->gen));
}

static int by_end(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	/* in flight last, in the order of their beginnings */
	return x->end - 1 < y->end - 1 ? -1 : x->end - 1 > y->end - 1;
}

/* What had ended when the flush began is durable. */
static void inner_flushed(uint64_t order)
{
	unsigned n = 0;

	qsort(c.cached, c.nr_cached, sizeof(*c.cached), by_end);
	while (n < c.nr_cached && c.cached[n].end && c.cached[n].end <= order) {
		apply(c.durable, &c.cached[n], 100);
		free(c.cached[n++].gen);
	}
	c.nr_cached -= n;
	memmove(c.cached, c.cached + n, c.nr_cached * sizeof(*c.cached));
}

static void inner_end(const struct fault_record *r)
{
	unsigned i = 0;

	if (r->result)
		return;
	if (r->op == BLKDRV_FLUSH) {
		while (i < c.nr_flush && c.flush[i].id != r->id)
			i++;
		if (i == c.nr_flush)
			bad_log("a flush ends that did not begin");
		if (!c.no_flushes)
			inner_flushed(c.flush[i].order);
		c.flush[i] = c.flush[--c.nr_flush];
		c.flushes++;
		return;
	}
	while (i < c.nr_cached && (c.cached[i].id != r->id || c.cached[i].end))
		i++;
	if (i == c.nr_cached)
		bad_log("a write ends that did not begin");
	c.cached[i].end = ++c.order;
}

/* What was in flight when a life ended arrived or not, before the next began. */
static void inner_open(const struct fault_record *r)
{
	(void)r;
	for (unsigned k = 0; k < c.nr_cached; k++) {
		struct cached *w = &c.cached[k];

		for (uint64_t i = 0; i < w->n && !w->end; i++)
			if (sectors_random(&c.random) % 2)
				w->gen[i] = LOST;
		if (!w->end)
			w->end = ++c.order;
	}
	c.nr_flush = 0;
	c.lives++;
}

/* --------------------------------------------------------------- the user's */

static void user_begin(const struct fault_record *r)
{
	sectors_tick(&c.legal);
	if (r->op != BLKDRV_FLUSH) {
		sectors_begin(&c.legal, r->offset / SECTOR, r->len / SECTOR,
			      r->op == BLKDRV_WRITE ? r->id : 0, r->id);
		return;
	}
	if (c.nr_user_flush == sizeof(c.user_flush) / sizeof(c.user_flush[0]))
		bad_log("too many flushes in flight");
	c.user_flush[c.nr_user_flush++] = (struct flush){ r->id, c.legal.now };
}

static void user_end(const struct fault_record *r)
{
	unsigned i = 0;

	sectors_tick(&c.legal);
	if (r->result)
		bad_log("a failed I/O");
	if (r->op != BLKDRV_FLUSH) {
		sectors_end(&c.legal, r->offset / SECTOR, r->len / SECTOR, r->id);
		return;
	}
	while (i < c.nr_user_flush && c.user_flush[i].id != r->id)
		i++;
	if (i == c.nr_user_flush)
		bad_log("a flush is acknowledged that was not asked for");
	crash_each_way();
	if (c.user_flush[i].order > c.since)
		c.since = c.legal.horizon = c.user_flush[i].order;
	c.user_flush[i] = c.user_flush[--c.nr_user_flush];
	crash_each_way();
}

/* ------------------------------------------------------------------ the log */

/* The rest of a record; false: it is none, or was cut short. */
static bool record_read(const struct fault_record *r)
{
	const uint64_t first = r->offset / SECTOR, n = r->len / SECTOR;

	if (r->magic != FAULT_LOG_MAGIC || r->pad || r->pad2 || r->op > BLKDRV_DISCARD ||
	    r->kind > FAULT_LOG_USER_END || r->len > MAX_DATA)
		return false;
	if (r->op == BLKDRV_FLUSH)
		return true;
	if (first > c.nr || n > c.nr - first)
		return false;
	if (r->op != BLKDRV_WRITE || r->kind != FAULT_LOG_BEGIN)
		return true;
	if (fread(c.data, r->len, 1, c.log) != 1)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (sector_parse(c.data + i * SECTOR, c.run, first + i, &c.gen[i]))
			return false;
	return true;
}

/* Goes to the next thing that begins like a record, behind `at`. */
static void resync(long at)
{
	uint32_t window = 0;
	int byte;

	if (++c.torn > c.lives)
		bad_log("more records cut short than backends killed");
	fseek(c.log, at + 1, SEEK_SET);
	while ((byte = getc(c.log)) != EOF) {
		window = window >> 8 | (uint32_t)byte << 24;
		if (window == FAULT_LOG_MAGIC) {
			fseek(c.log, -4, SEEK_CUR);
			return;
		}
	}
}

static void record_do(const struct fault_record *r)
{
	static void (*const by_kind[])(const struct fault_record *) = {
		[FAULT_LOG_OPEN] = inner_open,	 [FAULT_LOG_BEGIN] = inner_begin,
		[FAULT_LOG_END] = inner_end,	 [FAULT_LOG_USER_BEGIN] = user_begin,
		[FAULT_LOG_USER_END] = user_end,
	};

	c.records++;
	by_kind[r->kind](r);
}

static void replay(void)
{
	struct fault_record r;
	long at = 0;

	for (; fread(&r, sizeof(r), 1, c.log) == 1; at = ftell(c.log))
		if (record_read(&r))
			record_do(&r);
		else
			resync(at);
}

int main(int argc, char **argv)
{
	bool no_flushes = argc > 1 && !strcmp(argv[1], "--no-flushes");

	argv += no_flushes;
	if (argc - no_flushes != 4) {
		fprintf(stderr, "usage: crashcheck [--no-flushes] LOG BYTES SEED\n");
		return 2;
	}
	c.log = fopen(argv[1], "r");
	if (!c.log) {
		fprintf(stderr, "crashcheck: %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	c.no_flushes = no_flushes;
	c.nr = strtoull(argv[2], NULL, 10) / SECTOR;
	c.run = c.random = strtoull(argv[3], NULL, 10);
	c.durable = calloc(c.nr, sizeof(*c.durable));
	c.image = calloc(c.nr, sizeof(*c.image));
	c.cached = calloc(MAX_CACHED + 1, sizeof(*c.cached));
	if (!c.durable || !c.image || !c.cached || sectors_init(&c.legal, c.nr))
		return 2;
	replay();
	printf("%" PRIu64 " records, %" PRIu64 " cut short, %" PRIu64 " lives, %" PRIu64
	       " flushes, %" PRIu64 " power cuts, wrong sectors %" PRIu64 "\n",
	       c.records, c.torn, c.lives, c.flushes, c.crashes, c.wrong);
	return c.wrong || !c.flushes || !c.crashes;
}
