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
#include <stdlib.h>

#include "tools/bench/client.h"

#define SLOT_HEAD 64u

struct slot { /* in shared memory */
	struct virtio_blk_outhdr hdr;
	uint8_t status;
};

struct bench {
	struct vu vu;
	const char *path;
	struct load load;
	bool event, verify;
	uint64_t started[CLIENT_MAX_QD], block[CLIENT_MAX_QD];
	uint16_t idle[CLIENT_MAX_QD];
	unsigned nidle;
	uint64_t wrong;
};

static struct slot *slot_head(struct bench *b, unsigned i)
{
	return (struct slot *)(b->vu.data + (size_t)i * SLOT_HEAD);
}

static uint8_t *slot_data(struct bench *b, unsigned i)
{
	return b->vu.data + CLIENT_MAX_QD * SLOT_HEAD + i * b->load.bs;
}

/* Three descriptors a slot, written once: header, data, status. */
static void slots_init(struct bench *b)
{
	struct vring_desc *d = b->vu.ring.desc;

	for (unsigned i = 0; i < b->load.qd; i++, d += 3) {
		const uint64_t head = (uint64_t)((uint8_t *)slot_head(b, i) - b->vu.mem);
		const uint16_t n = (uint16_t)(i * 3);

		d[0] = (struct vring_desc){ head, sizeof(struct virtio_blk_outhdr),
					    VRING_DESC_F_NEXT, (uint16_t)(n + 1) };
		d[1] = (struct vring_desc){ (uint64_t)(slot_data(b, i) - b->vu.mem),
					    (uint32_t)b->load.bs, VRING_DESC_F_NEXT,
					    (uint16_t)(n + 2) };
		d[2] = (struct vring_desc){ head + offsetof(struct slot, status), 1,
					    VRING_DESC_F_WRITE, 0 };
		b->idle[i] = (uint16_t)i;
	}
	b->nidle = b->load.qd;
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

	for (size_t w = 0; w < b->load.bs / 8; w++)
		p[w] = pattern(b->block[i], w);
}

static bool pattern_ok(struct bench *b, unsigned i)
{
	const uint64_t *p = (const uint64_t *)slot_data(b, i);

	for (size_t w = 0; w < b->load.bs / 8; w++)
		if (p[w] != pattern(b->block[i], w))
			return false;
	return true;
}

static void submit(struct bench *b, uint64_t now)
{
	const unsigned i = b->idle[--b->nidle];
	struct slot *s = slot_head(b, i);

	b->block[i] = load_pick(&b->load);
	b->started[i] = now;
	s->hdr.type = b->load.write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	s->hdr.ioprio = 0;
	s->hdr.sector = b->block[i] * (b->load.bs / 512);
	s->status = 0xff;
	if (b->load.write && b->verify)
		pattern_fill(b, i);
	else if (b->verify)
		memset(slot_data(b, i), 0, b->load.bs);
	b->vu.ring.desc[i * 3 + 1].flags =
		(uint16_t)(VRING_DESC_F_NEXT | (b->load.write ? 0 : VRING_DESC_F_WRITE));
	vu_put(&b->vu, (uint16_t)(i * 3));
}

static void reap(struct bench *b)
{
	uint16_t n = vu_avail(&b->vu);
	const uint64_t now = now_ns();

	while (n--) {
		const unsigned i = vu_take(&b->vu) / 3u;

		if (slot_head(b, i)->status != VIRTIO_BLK_S_OK)
			b->load.errors++;
		else if (b->verify && !b->load.write && !pattern_ok(b, i))
			b->wrong++;
		hist_add(&b->load.lat, now - b->started[i]);
		b->load.ios++;
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
	uint64_t now = t0, left = end ? ~0ull : b->load.blocks;

	b->load.ios = b->load.next = 0;
	memset(&b->load.lat, 0, sizeof(b->load.lat));
	for (;;) {
		for (; b->nidle && left && (!end || now < end); left--)
			submit(b, now);
		if (b->nidle == b->load.qd)
			return now_ns() - t0;
		vu_push(&b->vu);
		wait_some(b);
		reap(b);
		now = now_ns();
	}
}

static int verify(struct bench *b)
{
	const bool random = b->load.random;

	b->load.random = false;
	b->load.write = true;
	run(b, 0);
	b->load.write = false;
	run(b, 0);
	b->load.random = random;
	printf("{\"verified_blocks\": %llu, \"errors\": %llu, \"wrong\": %llu}\n",
	       (unsigned long long)b->load.blocks, (unsigned long long)b->load.errors,
	       (unsigned long long)b->wrong);
	return b->load.errors || b->wrong ? 1 : 0;
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
		else if (c == 'r')
			load_set_rw(&b->load, optarg);
		else if (c == 'b')
			b->load.bs = strtoul(optarg, NULL, 0);
		else if (c == 'q')
			b->load.qd = (unsigned)atoi(optarg);
		else if (c == 't')
			b->load.seconds = atof(optarg);
		else if (c == 'z')
			*size = strtoull(optarg, NULL, 0);
		else if (c == 'e')
			b->event = true;
		else if (c == 'v')
			b->verify = true;
		else
			return -EINVAL;
	}
	return b->path && load_ok(&b->load) ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct bench b = { .load = LOAD_DEFAULT };
	struct virtio_blk_config cfg;
	uint64_t size = 0, ns;
	double cpu;
	int err, rc;

	if (parse(&b, &size, argc, argv))
		return usage();
	err = vu_open(&b.vu, b.path, 1ull << VIRTIO_RING_F_EVENT_IDX,
		      CLIENT_MAX_QD * SLOT_HEAD + b.load.qd * b.load.bs);
	if (err) {
		fprintf(stderr, "vublk: %s: %s\n", b.path, strerror(-err));
		return 2;
	}
	memcpy(&cfg.capacity, b.vu.config, sizeof(cfg.capacity));
	if (!size || size > cfg.capacity * 512)
		size = cfg.capacity * 512;
	b.load.blocks = size / b.load.bs;
	slots_init(&b);
	if (!b.event)
		vu_quiet(&b.vu);
	if (!b.load.blocks) {
		fprintf(stderr, "vublk: %s: the device has no block of %zu bytes\n",
			b.path, b.load.bs);
		rc = 2;
	} else if (b.verify) {
		rc = verify(&b);
	} else {
		cpu = cpu_seconds();
		ns = run(&b, now_ns() + (uint64_t)(b.load.seconds * 1e9));
		load_print(&b.load, ns, cpu_seconds() - cpu, b.vu.kicks);
		rc = b.load.errors ? 1 : 0;
	}
	vu_close(&b.vu);
	return rc;
}
