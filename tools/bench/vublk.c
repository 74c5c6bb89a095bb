/* SPDX-License-Identifier: MIT */
/*
 * vublk: a benchmark client of vhost-user-blk, the strongest path that
 * qemu-storage-daemon offers: one thread, one virtqueue, shared memory, event
 * indexes. Drives random or sequential reads or writes and prints one JSON object;
 * with --verify writes a pattern over the device and reads it back.
 */
#include "tools/bench/vu.h"

#include <errno.h>
#include <getopt.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tools/bench/hist.h"

#define MAX_QD	  256u
#define SLOT_HEAD 64u

struct slot { /* in shared memory */
	struct virtio_blk_outhdr hdr;
	uint8_t status;
};

struct bench {
	struct vu vu;
	const char *path;
	unsigned qd;
	size_t bs;
	double seconds;
	bool write, random, event, verify;
	uint64_t blocks, next, rnd;
	uint64_t started[MAX_QD], block[MAX_QD];
	uint16_t idle[MAX_QD];
	unsigned nidle;
	uint64_t ios, errors, wrong;
	struct hist lat;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static struct slot *slot_head(struct bench *b, unsigned i)
{
	return (struct slot *)(b->vu.data + (size_t)i * SLOT_HEAD);
}

static uint8_t *slot_data(struct bench *b, unsigned i)
{
	return b->vu.data + MAX_QD * SLOT_HEAD + i * b->bs;
}

/* Three descriptors a slot, written once: header, data, status. */
static void slots_init(struct bench *b)
{
	struct vring_desc *d = b->vu.ring.desc;

	for (unsigned i = 0; i < b->qd; i++, d += 3) {
		const uint64_t head = (uint64_t)((uint8_t *)slot_head(b, i) - b->vu.mem);
		const uint16_t n = (uint16_t)(i * 3);

		d[0] = (struct vring_desc){ head, sizeof(struct virtio_blk_outhdr),
					    VRING_DESC_F_NEXT, (uint16_t)(n + 1) };
		d[1] = (struct vring_desc){ (uint64_t)(slot_data(b, i) - b->vu.mem),
					    (uint32_t)b->bs, VRING_DESC_F_NEXT,
					    (uint16_t)(n + 2) };
		d[2] = (struct vring_desc){ head + offsetof(struct slot, status), 1,
					    VRING_DESC_F_WRITE, 0 };
		b->idle[i] = (uint16_t)i;
	}
	b->nidle = b->qd;
}

static uint64_t pattern(uint64_t block, size_t word)
{
	uint64_t x = (block << 20 ^ word) + 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	return x ^ x >> 27;
}

static void pattern_fill(struct bench *b, unsigned i)
{
	uint64_t *p = (uint64_t *)slot_data(b, i);

	for (size_t w = 0; w < b->bs / 8; w++)
		p[w] = pattern(b->block[i], w);
}

static bool pattern_ok(struct bench *b, unsigned i)
{
	const uint64_t *p = (const uint64_t *)slot_data(b, i);

	for (size_t w = 0; w < b->bs / 8; w++)
		if (p[w] != pattern(b->block[i], w))
			return false;
	return true;
}

static uint64_t pick(struct bench *b)
{
	if (!b->random)
		return b->next++ % b->blocks;
	b->rnd ^= b->rnd << 13;
	b->rnd ^= b->rnd >> 7;
	b->rnd ^= b->rnd << 17;
	return (uint64_t)((unsigned __int128)b->rnd * b->blocks >> 64);
}

static void submit(struct bench *b, uint64_t now)
{
	const unsigned i = b->idle[--b->nidle];
	struct slot *s = slot_head(b, i);

	b->block[i] = pick(b);
	b->started[i] = now;
	s->hdr.type = b->write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	s->hdr.ioprio = 0;
	s->hdr.sector = b->block[i] * (b->bs / 512);
	s->status = 0xff;
	if (b->write && b->verify)
		pattern_fill(b, i);
	else if (b->verify)
		memset(slot_data(b, i), 0, b->bs);
	b->vu.ring.desc[i * 3 + 1].flags =
		(uint16_t)(VRING_DESC_F_NEXT | (b->write ? 0 : VRING_DESC_F_WRITE));
	vu_put(&b->vu, (uint16_t)(i * 3));
}

static void reap(struct bench *b)
{
	uint16_t n = vu_avail(&b->vu);
	const uint64_t now = now_ns();

	while (n--) {
		const unsigned i = vu_take(&b->vu) / 3u;

		if (slot_head(b, i)->status != VIRTIO_BLK_S_OK)
			b->errors++;
		else if (b->verify && !b->write && !pattern_ok(b, i))
			b->wrong++;
		hist_add(&b->lat, now - b->started[i]);
		b->ios++;
		b->idle[b->nidle++] = (uint16_t)i;
	}
	if (!b->event)
		vu_quiet(&b->vu);
}

static void wait_some(struct bench *b)
{
	if (b->event) {
		vu_sleep(&b->vu);
		return;
	}
	/* on a machine with other work the peer may need this CPU */
	for (unsigned spins = 0; !vu_avail(&b->vu); spins++)
		if (spins > 20000)
			sched_yield();
		else
			__builtin_ia32_pause();
}

/* Runs until `end`, or with end 0 once over the device. Returns ns. */
static uint64_t run(struct bench *b, uint64_t end)
{
	const uint64_t t0 = now_ns();
	uint64_t now = t0, left = end ? ~0ull : b->blocks;

	b->ios = b->next = 0;
	memset(&b->lat, 0, sizeof(b->lat));
	for (;;) {
		for (; b->nidle && left && (!end || now < end); left--)
			submit(b, now);
		if (b->nidle == b->qd)
			return now_ns() - t0;
		vu_push(&b->vu);
		wait_some(b);
		reap(b);
		now = now_ns();
	}
}

static double cpu_seconds(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static void print(struct bench *b, uint64_t ns, double cpu)
{
	const double s = (double)ns / 1e9;

	printf("{\"rw\": \"%s%s\", \"bs\": %zu, \"qd\": %u, \"mode\": \"%s\", "
	       "\"seconds\": %.6f, \"ios\": %llu, \"iops\": %.1f, \"bytes_per_s\": %.0f, "
	       "\"cpu_s\": %.6f, \"kicks\": %llu, \"errors\": %llu, \"lat_ns\": "
	       "{\"mean\": %.0f, \"p50\": %.0f, \"p99\": %.0f, \"p99.9\": %.0f, "
	       "\"max\": %llu}}\n",
	       b->random ? "rand" : "", b->write ? "write" : "read", b->bs, b->qd,
	       b->event ? "event" : "poll", s, (unsigned long long)b->ios,
	       (double)b->ios / s, (double)b->ios * (double)b->bs / s, cpu,
	       (unsigned long long)b->vu.kicks, (unsigned long long)b->errors,
	       hist_mean(&b->lat), hist_quantile(&b->lat, 0.5),
	       hist_quantile(&b->lat, 0.99), hist_quantile(&b->lat, 0.999),
	       (unsigned long long)b->lat.max);
}

static int verify(struct bench *b)
{
	const bool random = b->random;

	b->random = false;
	b->write = true;
	run(b, 0);
	b->write = false;
	run(b, 0);
	b->random = random;
	printf("{\"verified_blocks\": %llu, \"errors\": %llu, \"wrong\": %llu}\n",
	       (unsigned long long)b->blocks, (unsigned long long)b->errors,
	       (unsigned long long)b->wrong);
	return b->errors || b->wrong ? 1 : 0;
}

static int usage(void)
{
	fputs("usage: vublk --socket PATH [--rw randread|randwrite|read|write] [--bs N] "
	      "[--qd N]\n             [--time S] [--size BYTES] [--event] [--verify]\n",
	      stderr);
	return 2;
}

static int parse(struct bench *b, uint64_t *size, int argc, char **argv)
{
	static const struct option opts[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "rw", required_argument, NULL, 'r' },
		{ "bs", required_argument, NULL, 'b' },
		{ "qd", required_argument, NULL, 'q' },
		{ "time", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 'z' },
		{ "event", no_argument, NULL, 'e' },
		{ "verify", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 's')
			b->path = optarg;
		else if (c == 'r') {
			b->random = !strncmp(optarg, "rand", 4);
			b->write = strstr(optarg, "write") != NULL;
		} else if (c == 'b')
			b->bs = strtoul(optarg, NULL, 0);
		else if (c == 'q')
			b->qd = (unsigned)atoi(optarg);
		else if (c == 't')
			b->seconds = atof(optarg);
		else if (c == 'z')
			*size = strtoull(optarg, NULL, 0);
		else if (c == 'e')
			b->event = true;
		else if (c == 'v')
			b->verify = true;
		else
			return -EINVAL;
	}
	return b->path && b->qd && b->qd <= MAX_QD && b->bs >= 512 && b->bs % 512 == 0 &&
			       b->bs <= 4u << 20
		       ? 0
		       : -EINVAL;
}

int main(int argc, char **argv)
{
	struct bench b = { .qd = 32,
			   .bs = 4096,
			   .seconds = 1,
			   .random = true,
			   .rnd = 88172645463325252 };
	struct virtio_blk_config cfg;
	uint64_t size = 0, ns;
	double cpu;
	int err, rc;

	if (parse(&b, &size, argc, argv))
		return usage();
	err = vu_open(&b.vu, b.path, 1ull << VIRTIO_RING_F_EVENT_IDX,
		      MAX_QD * SLOT_HEAD + b.qd * b.bs);
	if (err) {
		fprintf(stderr, "vublk: %s: %s\n", b.path, strerror(-err));
		return 2;
	}
	memcpy(&cfg.capacity, b.vu.config, sizeof(cfg.capacity));
	if (!size || size > cfg.capacity * 512)
		size = cfg.capacity * 512;
	b.blocks = size / b.bs;
	slots_init(&b);
	if (!b.event)
		vu_quiet(&b.vu);
	if (!b.blocks) {
		fprintf(stderr, "vublk: %s: the device has no block of %zu bytes\n",
			b.path, b.bs);
		rc = 2;
	} else if (b.verify) {
		rc = verify(&b);
	} else {
		cpu = cpu_seconds();
		ns = run(&b, now_ns() + (uint64_t)(b.seconds * 1e9));
		print(&b, ns, cpu_seconds() - cpu);
		rc = b.errors ? 1 : 0;
	}
	vu_close(&b.vu);
	return rc;
}
