/* SPDX-License-Identifier: MIT */
/*
 * ringbench: the ring alone. Two threads of one process, pinned to two CPUs, pass
 * requests through one shared ring and spin; no data, no events, no backend.
 *
 *   blkif  a real one-segment read request and its response are converted
 *   netif  a packet of one 12-byte TX slot and its response are
 *   bare   a 16-byte slot that carries an id: what the index discipline costs
 *
 * Prints one JSON object. What the block path reaches is read beside it.
 */
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "ringproto/blkif.h"
#include "ringproto/netif_pkt.h"
#include "ringproto/ring.h"

#define BARE_SLOT 16u

enum mode { MODE_BLKIF, MODE_BARE, MODE_NETIF };
static const char *const mode_name[] = { "blkif", "bare", "netif" };

struct shared {
	void *pages;
	size_t bytes, slot;
	enum mode mode;
	int cpu_front, cpu_back;
	_Atomic bool stop;
	uint64_t served; /* by the back thread, read after it ended */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fprintf(stderr, "ringbench: CPU %d cannot be had, not pinned\n", cpu);
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

static void serve_packet(struct ring_back *b)
{
	struct netif_tx_response rsp = { .status = NETIF_RSP_OKAY };
	struct netif_pkt p;
	int avail = 1;

	if (netif_tx_take(b, &avail, &p))
		rsp.status = NETIF_RSP_ERROR;
	rsp.id = p.slot[0].id;
	memcpy(ring_back_next(b, sizeof(rsp)), &rsp, sizeof(rsp));
}

static void serve_one(struct ring_back *b, enum mode mode)
{
	struct blkif_req req;
	uint64_t id;

	if (mode == MODE_NETIF) {
		serve_packet(b);
		return;
	}
	if (mode == MODE_BARE) {
		ring_copy_request(b, &id, 0, sizeof(id));
		ring_back_consume(b);
		memcpy(ring_back_next(b, sizeof(id)), &id, sizeof(id));
		return;
	}
	blkif_copy_request(b, BLKIF_ABI_NATIVE, &req);
	blkif_put_response(b, BLKIF_ABI_NATIVE, req.id, req.operation, BLKIF_RSP_OKAY);
}

static void *back_main(void *arg)
{
	struct shared *sh = arg;
	struct ring_back b;
	int n;

	pin(sh->cpu_back);
	if (ring_back_init(&b, sh->pages, sh->bytes, sh->slot))
		return NULL;
	while (!atomic_load_explicit(&sh->stop, memory_order_relaxed)) {
		n = ring_back_avail(&b);
		if (n <= 0) {
			relax();
			continue;
		}
		sh->served += (uint64_t)n;
		while (n--)
			serve_one(&b, sh->mode);
		ring_back_push(&b);
	}
	return NULL;
}

static void ask_one(struct ring_front *f, enum mode mode, uint64_t id)
{
	const struct netif_tx_request tx = { .gref = 1, .id = (uint16_t)id, .size = 64 };
	struct blkif_req req = {
		.operation = BLKIF_OP_READ,
		.nr_segments = 1,
		.id = id,
		.sector_number = id * 8,
		.seg[0] = { .gref = 1, .last_sect = 7 },
	};

	if (mode == MODE_BARE)
		memcpy(ring_front_next(f), &id, sizeof(id));
	else if (mode == MODE_NETIF)
		memcpy(ring_front_next(f), &tx, sizeof(tx));
	else
		blkif_put_request(f, BLKIF_ABI_NATIVE, &req);
}

/* Takes n responses; returns how many did not carry the id that was due. */
static uint64_t take(struct ring_front *f, enum mode mode, int n, uint64_t *due)
{
	struct netif_tx_response tx;
	struct blkif_response rsp;
	uint64_t bad = 0, id;

	while (n--) {
		if (mode == MODE_BARE) {
			ring_copy_response(f, &id, sizeof(id));
		} else if (mode == MODE_NETIF) {
			ring_copy_response(f, &tx, sizeof(tx));
			id = tx.status ? ~0ull : (*due & ~0xffffull) | tx.id;
		} else {
			blkif_copy_response(f, &rsp);
			id = rsp.id;
		}
		bad += id != (*due)++;
	}
	return bad;
}

/* Keeps qd requests in flight for ns; returns requests done, ~0 on a wrong answer. */
static uint64_t front_run(struct shared *sh, struct ring_front *f, unsigned qd,
			  uint64_t ns)
{
	uint64_t asked = 0, due = 0, bad = 0, rounds = 0, end = now_ns() + ns;
	int n;

	for (;;) {
		while (asked - due < qd)
			ask_one(f, sh->mode, asked++);
		ring_front_push(f);
		while (!(n = ring_front_avail(f)))
			if (!(++rounds & 1023) && now_ns() >= end)
				return bad ? ~0ull : due;
			else
				relax();
		if (n < 0)
			return ~0ull;
		bad += take(f, sh->mode, n, &due);
		if (!(++rounds & 1023) && now_ns() >= end)
			return bad ? ~0ull : due;
	}
}

static int run(struct shared *sh, unsigned qd, double seconds)
{
	struct ring_front f;
	pthread_t t;
	uint64_t t0, done, ns;

	ring_front_init(&f, sh->pages, sh->bytes, sh->slot);
	if (qd > f.r.mask + 1) {
		fprintf(stderr, "ringbench: depth %u does not fit %u slots\n", qd,
			f.r.mask + 1);
		return 2;
	}
	if (pthread_create(&t, NULL, back_main, sh))
		return 1;
	pin(sh->cpu_front);
	t0 = now_ns();
	done = front_run(sh, &f, qd, (uint64_t)(seconds * 1e9));
	ns = now_ns() - t0;
	atomic_store(&sh->stop, true);
	pthread_join(t, NULL);
	if (done == ~0ull || !done) {
		fprintf(stderr, "ringbench: %s\n",
			done ? "a response did not match" : "nothing was served");
		return 1;
	}
	printf("{\"mode\": \"%s\", \"qd\": %u, \"slots\": %u, \"seconds\": %.6f, "
	       "\"requests\": %llu, \"per_s\": %.0f, \"ns_each\": %.2f}\n",
	       mode_name[sh->mode], qd, f.r.mask + 1, (double)ns / 1e9,
	       (unsigned long long)done, (double)done * 1e9 / (double)ns,
	       (double)ns / (double)done);
	return 0;
}

static int usage(void)
{
	fputs("usage: ringbench [--qd N] [--time S] [--bare|--net] [--cpus F,B]\n"
	      "                 [--order N]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "qd", required_argument, NULL, 'q' },
		{ "time", required_argument, NULL, 't' },
		{ "bare", no_argument, NULL, 'b' },
		{ "net", no_argument, NULL, 'n' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "order", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	struct shared sh = { .cpu_front = 0, .cpu_back = 1 };
	unsigned qd = 32, order = 3;
	double seconds = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'q')
			qd = (unsigned)atoi(optarg);
		else if (c == 't')
			seconds = atof(optarg);
		else if (c == 'b')
			sh.mode = MODE_BARE;
		else if (c == 'n')
			sh.mode = MODE_NETIF;
		else if (c == 'o')
			order = (unsigned)atoi(optarg);
		else if (c != 'c' ||
			 sscanf(optarg, "%d,%d", &sh.cpu_front, &sh.cpu_back) != 2)
			return usage();
	}
	if (!qd || seconds <= 0 || order > BLKIF_MAX_RING_ORDER)
		return usage();
	sh.slot = sh.mode == MODE_BARE	  ? BARE_SLOT
		  : sh.mode == MODE_NETIF ? sizeof(struct netif_tx_request)
					  : blkif_slot_size(BLKIF_ABI_NATIVE);
	if (sh.mode == MODE_NETIF)
		order = 0; /* as the protocol has it */
	sh.bytes = (size_t)RING_PAGE_SIZE << order;
	sh.pages = mmap(NULL, sh.bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh.pages == MAP_FAILED)
		return 1;
	return run(&sh, qd, seconds);
}
