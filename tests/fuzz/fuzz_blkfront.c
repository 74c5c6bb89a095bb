/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend against libtandem. The input is a program of it: keys and
 * states it writes, what it does to the shared pages, and between that what the
 * caller and the control thread do. All on one thread, over the platform in
 * memory; front_round() stands for the control thread.
 *
 * Checked besides memory errors: every I/O that was taken comes back, once.
 */
#include <stdlib.h>
#include <string.h>

#include "frontends/blkfront.h"
#include "hv/base/log.h"
#include "tests/fuzz/back_keys.h"
#include "tests/lib/memplat.h"

#define BE_DIR	 "/local/domain/1/backend/vbd/2/51712"
#define FE_DIR	 "/local/domain/2/device/vbd/51712/"
#define MAX_IOS	 64
#define IO_BYTES (128u << 10)
#define MAX_OPS	 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct input in;
	struct memhv *hv;
	struct plat *be;
	struct tandem_disk *disk;
	struct tandem_io io[MAX_IOS];
	bool busy[MAX_IOS];
	unsigned nr_busy;
	uint8_t *heap, *pool;
};

/* --------------------------------------------------------------- the backend */

/* One of the keys that a frontend reads: a number, text, or gone. */
static void op_key(struct fuzz *f)
{
	static const char *const names[] = {
		"sectors",
		"sector-size",
		"physical-sector-size",
		"info",
		"max-ring-page-order",
		"max-ring-pages",
		"multi-queue-max-queues",
		"feature-max-indirect-segments",
		"feature-persistent",
		"feature-flush-cache",
		"feature-barrier",
		"feature-discard",
		"discard-secure",
		"discard-granularity",
		"discard-alignment",
		"online",
	};
	const char *name = names[input_u8(&f->in) % 16];
	uint8_t kind = input_u8(&f->in);

	if (kind < 64)
		back_number(f->be, BE_DIR, name, kind);
	else if (kind < 128)
		back_number(f->be, BE_DIR, name, UINT64_C(1) << (kind - 64));
	else
		back_odd_key(f->be, BE_DIR, name, kind, &f->in);
}

static struct channel *some_channel(struct fuzz *f)
{
	struct channel *ch = &f->disk->channels[input_u8(&f->in) % f->disk->max_channels];

	return ch->ring_pages ? ch : NULL;
}

/* Four bytes anywhere in the shared pages. */
static void op_poke(struct fuzz *f)
{
	struct channel *ch = some_channel(f);
	uint32_t at = input_u32(&f->in), value = input_u32(&f->in);

	if (!ch)
		return;
	at %= at & 0x80000000u ? 64 : ch->ring_pages->nr_pages * 4096 - 3;
	memcpy(ch->ring_pages->pages + at, &value, sizeof(value));
}

/* Moves the response producer by a little, or by anything. */
static void op_produce(struct fuzz *f)
{
	struct channel *ch = some_channel(f);
	uint8_t by = input_u8(&f->in);
	uint32_t n = by == 255 ? input_u32(&f->in) : by;

	if (ch)
		atomic_fetch_add(&ch->ring.r.shared->rsp_prod, n);
}

static void put_response(struct channel *ch, uint64_t id, uint8_t op, int16_t status)
{
	ring_idx_t prod = atomic_load(&ch->ring.r.shared->rsp_prod);
	uint8_t *slot = ring_slot(&ch->ring.r, prod);

	memcpy(slot, &id, 8);
	slot[8] = op;
	memcpy(slot + 10, &status, 2);
	atomic_store(&ch->ring.r.shared->rsp_prod, prod + 1);
}

/* A right answer to something in flight, or one with a field changed. */
static void op_answer(struct fuzz *f)
{
	struct channel *ch = some_channel(f);
	uint8_t how = input_u8(&f->in);
	uint32_t id = input_u8(&f->in);
	int16_t status = 0;

	if (!ch || !ch->nr_slots)
		return;
	id %= ch->nr_slots;
	for (uint32_t i = 0; i < ch->nr_slots && !ch->shadow[id].io; i++)
		id = (id + 1) % ch->nr_slots;
	if (how & 1)
		status = (int16_t) - (how >> 6);
	if (how & 16)
		id ^= input_u32(&f->in);
	put_response(ch, id,
		     how & 32 ? input_u8(&f->in)
			      : ch->shadow[id < ch->nr_slots ? id : 0].op,
		     status);
}

/* ----------------------------------------------------------------- the caller */

static void op_submit(struct fuzz *f)
{
	struct tandem_queue *q = &f->disk->queues[input_u8(&f->in) % f->disk->nr_all];
	uint8_t how = input_u8(&f->in);
	uint32_t where = input_u32(&f->in);
	unsigned i;

	for (i = 0; i < MAX_IOS && f->busy[i]; i++)
		;
	if (i == MAX_IOS)
		return;
	f->io[i] = (struct tandem_io){
		.op = (enum tandem_op)(how & 3),
		.secure = how & 4,
		.len = how & 8 ? (where >> 20) * 512 : (where >> 28) * 512,
		.offset = (uint64_t)(where & 0xfffff) * (how & 16 ? 1 : 512),
		.buf = (how & 32  ? f->heap
			: f->pool ? f->pool
				  : f->heap) +
		       (how & 64 ? where % 4096 : where % 8 * 512),
		.user = &f->busy[i],
	};
	if (f->io[i].len > IO_BYTES - 4096)
		f->io[i].len = IO_BYTES - 4096;
	if (tandem_submit(q, &f->io[i]))
		return;
	f->busy[i] = true;
	f->nr_busy++;
}

static void take(struct fuzz *f, struct tandem_io **done, int n)
{
	for (int i = 0; i < n; i++) {
		bool *busy = done[i]->user;

		if (!*busy)
			abort(); /* it came back twice */
		*busy = false;
		f->nr_busy--;
	}
}

static void op_poll(struct fuzz *f)
{
	struct tandem_queue *q = &f->disk->queues[input_u8(&f->in) % f->disk->nr_all];
	uint8_t how = input_u8(&f->in);
	struct tandem_io *done[MAX_IOS];
	unsigned max = 1 + how % MAX_IOS;

	if (how & 128)
		take(f, done, tandem_wait(q, done, 1, max, 0));
	else
		take(f, done, tandem_poll(q, done, max));
	if (how & 64)
		(void)tandem_queue_arm(q);
}

/* What the control thread would do. False: the disk is lost. */
static bool op_step(struct fuzz *f)
{
	struct tandem_disk *d = f->disk;
	int err = front_round(&d->front);

	if (err)
		front_die(&d->front, err);
	if (!err && !f->pool && d->front.opened)
		f->pool = tandem_alloc(d, IO_BYTES);
	return !err;
}

/* ----------------------------------------------------------------------- main */

static void start(struct fuzz *f)
{
	const struct tandem_opts opts = { .queues = 1 + input_u8(&f->in) % 4,
					  .depth = 32,
					  .max_segments = 20,
					  .pool_bytes = IO_BYTES,
					  .poll_us = TANDEM_POLL_NEVER,
					  .readonly = input_u8(&f->in) & 1 };
	struct plat *fe;

	f->hv = memhv_new();
	(void)memplat_open(f->hv, 1, &f->be);
	back_key(f->be, BE_DIR, "online", "1");
	back_key(f->be, BE_DIR, "sectors", "8192");
	back_key(f->be, BE_DIR, "multi-queue-max-queues", "2");
	back_key(f->be, BE_DIR, "feature-max-indirect-segments", "32");
	back_key(f->be, BE_DIR, "feature-flush-cache", "1");
	back_key(f->be, BE_DIR, "feature-discard", "1");
	back_key(f->be, BE_DIR, "state", "1");
	(void)xenstore_write(f->be, XENSTORE_NO_TX, FE_DIR "backend", BE_DIR);
	(void)xenstore_write(f->be, XENSTORE_NO_TX, FE_DIR "backend-id", "1");
	(void)xenstore_write(f->be, XENSTORE_NO_TX, FE_DIR "state", "1");
	(void)memplat_open(f->hv, 2, &fe);
	if (disk_prepare_plat(fe, "xvda", &opts, &f->disk))
		abort();
}

static void run(struct fuzz *f)
{
	bool alive = true;

	for (unsigned n = 0; alive && f->in.left && n < MAX_OPS; n++) {
		switch (input_u8(&f->in) % 10) {
		case 0:
			back_number(f->be, BE_DIR, "state", input_u8(&f->in) % 10);
			break;
		case 1:
			op_key(f);
			break;
		case 2:
			alive = op_step(f);
			break;
		case 3:
			op_submit(f);
			break;
		case 4:
			tandem_kick(&f->disk->queues[input_u8(&f->in) % f->disk->nr_all]);
			break;
		case 5:
			op_poll(f);
			break;
		case 6:
			op_poke(f);
			break;
		case 7:
			op_produce(f);
			break;
		case 8:
			op_answer(f);
			break;
		case 9: /* InitWait, publish, Connected: the way in */
			back_number(f->be, BE_DIR, "state", input_u8(&f->in) & 1 ? 4 : 2);
			alive = op_step(f);
			break;
		}
	}
	if (alive)
		front_die(&f->disk->front, -ENODEV);
}

static void finish(struct fuzz *f)
{
	struct tandem_io *done[MAX_IOS];

	for (unsigned i = 0; i < f->disk->nr_all; i++) {
		take(f, done, tandem_poll(&f->disk->queues[i], done, MAX_IOS));
		if (tandem_inflight(&f->disk->queues[i]))
			abort();
	}
	if (f->nr_busy)
		abort(); /* an I/O was lost */
	tandem_close(f->disk);
	plat_close(f->be);
	memhv_free(f->hv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;
	uint8_t *heap = f.heap ? f.heap : malloc(IO_BYTES);

	log_set_level(LOG_ERROR);
	memset(&f, 0, sizeof(f));
	f.heap = heap;
	f.in = (struct input){ data, size };
	start(&f);
	run(&f);
	finish(&f);
	return 0;
}
