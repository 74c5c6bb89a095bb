/* SPDX-License-Identifier: MIT */
/*
 * A hostile frontend against a blkback queue: the input is a program that
 * fills ring slots, moves the producer, rewrites granted pages and revokes
 * grants. What must hold: no crash, and nothing mapped at the end.
 *
 * Input: one byte of configuration, then operations, a byte each with its
 * operands behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/block/blkq.h"
#include "tests/fuzz/fuzz_worker.h"
#include "tests/fuzz/input.h"
#include "tests/lib/memplat.h"

#define DATA_PAGES 16

static struct gnttab_arena *rings, *data;
static bool stopped;

static void on_broken(void *arg, int err)
{
	(void)arg;
	(void)err;
}

static void on_stopped(void *arg)
{
	(void)arg;
	stopped = true;
}

/* A slot of raw bytes whose grant references are, mostly, good ones. */
static void fill_slot(struct input *in, struct blkq *q, uint8_t index)
{
	uint8_t *slot = ring_slot(&q->ring.r, index);
	size_t head = blkif_id_offset(q->cfg.abi) + 16;
	uint8_t n = input_u8(in);

	input_bytes(in, slot, head);
	slot[0] %= 8;
	for (size_t at = head; at + 8 <= q->ring.r.slot_size && n--; at += 8) {
		grant_ref_t ref = data->refs[input_u8(in) % DATA_PAGES];

		memcpy(slot + at, &ref, 4);
		input_bytes(in, slot + at + 4, 2);
	}
}

static void step(struct input *in, struct blkq *q)
{
	struct ring_shared *s = q->ring.r.shared;
	uint8_t op = input_u8(in), a = input_u8(in);

	switch (op % 8) {
	case 0: /* a well-placed request, published */
	case 1:
		fill_slot(in, q, (uint8_t)atomic_load(&s->req_prod));
		atomic_fetch_add(&s->req_prod, 1);
		break;
	case 2:
		fill_slot(in, q, a);
		break;
	case 3:
		if (a & 1)
			atomic_fetch_add(&s->req_prod, (ring_idx_t)(int8_t)a);
		else
			input_bytes(in, s, 16);
		break;
	case 4:
		input_bytes(in, data->pages + (a % DATA_PAGES) * 4096u, input_u8(in));
		break;
	case 5:
		(void)gnttab_end_access(data, a % DATA_PAGES);
		break;
	case 6:
		(void)gnttab_grant(data, a % DATA_PAGES);
		break;
	case 7:
		fuzz_worker_round();
		break;
	}
}

static struct blkdrv *open_ram(bool readonly, bool big_sectors)
{
	struct blkdrv_params p = { .driver = "ram",
				   .target = "64K",
				   .readonly = readonly,
				   .sector_size = big_sectors ? 4096 : 512 };
	struct blkdrv *dev;
	char *why = NULL;

	if (blkdrv_find("ram")->open(&p, &dev, &why))
		abort();
	return dev;
}

static void run(struct input *in, struct plat *be, struct plat *fe)
{
	static const enum blkif_abi abis[] = { BLKIF_ABI_NATIVE, BLKIF_ABI_X86_32 };
	uint8_t c = input_u8(in);
	struct blkdrv *dev = open_ram(c & 8, c & 16);
	struct blkq_config cfg = {
		.plat = be,
		.frontend = 2,
		.abi = abis[c & 1],
		.nr_ring_refs = 1,
		.persistent = c & 2,
		.max_persistent = c & 4 ? 4 : 64,
		.max_indirect = c & 32 ? 600 : 0,
		.barrier = true,
		.discard = !(c & 8),
		.dev = dev,
		.worker = fuzz_worker(),
		.broken = on_broken,
		.stopped = on_stopped,
	};
	struct ring_front front;
	struct evtchn *ch;
	struct blkq *q;

	if (gnttab_arena_new(fe, 1, 1, false, &rings) ||
	    gnttab_arena_new(fe, 1, DATA_PAGES, c & 64, &data) ||
	    evtchn_alloc_unbound(fe, 1, &ch))
		abort();
	ring_front_init(&front, rings->pages, 4096, blkif_slot_size(cfg.abi));
	cfg.ring_refs[0] = rings->refs[0];
	cfg.port = ch->port;
	if (blkq_new(&cfg, &q) || blkq_start(q))
		abort();
	while (in->left)
		step(in, q);
	fuzz_worker_round();
	q->ch_polled = false; /* no io_uring tells of the cancelled poll */
	stopped = false;
	blkq_stop(q);
	fuzz_worker_round();
	if (!stopped)
		abort();
	blkq_free(q);
	evtchn_close(ch);
	gnttab_arena_free(data);
	gnttab_arena_free(rings);
	dev->ops->close(dev);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = { bytes, size };
	struct memhv *hv = memhv_new();
	struct plat *be, *fe;

	if (memplat_open(hv, 1, &be) || memplat_open(hv, 2, &fe))
		abort();
	run(&in, be, fe);
	if (memhv_mapped(hv))
		abort();
	plat_close(fe);
	plat_close(be);
	memhv_free(hv);
	return 0;
}
