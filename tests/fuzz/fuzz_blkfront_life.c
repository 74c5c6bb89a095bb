/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend against libtandem, whole, on one thread and a clock of its
 * own (frontsim.h): the input is a program of the application's calls and, where
 * the library waits or looks, of the backend's moves: ring contents and
 * indices, keys, states, closes, honest steps between them.
 *
 * What must hold: no crash, every I/O comes back once and only once, at the
 * latest when the device is taken away, and nothing stays allocated.
 *
 * Input: two bytes of configuration, then operations with their operands.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/base/log.h"
#include "tests/fuzz/input.h"
#include "tests/lib/frontsim.h"
#include "tests/lib/rawbackend.h"

#define DISK_BYTES (64u << 10)
#define IOS	   48u
#define MAX_LEN	   (48u << 10)
#define MS	   UINT64_C(1000000)

struct slot {
	struct tandem_io io;
	bool flies;
	uint8_t *mem;
};

struct fuzz {
	struct input in;
	struct rawbackend be;
	struct tandem_disk *disk;
	struct slot slot[IOS];
	unsigned flying;
	uint8_t *pool;
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* ---------------------------------------------------- the backend's moves */

static const struct rawbe_key limits[] = {
	{ "max-ring-page-order", "1" },
	{ "multi-queue-max-queues", "2" },
	{ "feature-max-indirect-segments", "32" },
	{ 0 },
};

static const struct rawbe_key props[] = {
	{ "sectors", "128" },
	{ "sector-size", "512" },
	{ "info", "0" },
	{ "feature-flush-cache", "1" },
	{ "feature-discard", "1" },
	{ "discard-secure", "1" },
	{ "feature-persistent", "1" },
	{ 0 },
};

static void write_key(struct fuzz *f)
{
	static const char *const keys[] = {
		"max-ring-page-order",
		"max-ring-pages",
		"multi-queue-max-queues",
		"feature-max-indirect-segments",
		"sectors",
		"sector-size",
		"physical-sector-size",
		"info",
		"feature-flush-cache",
		"feature-barrier",
		"feature-discard",
		"discard-secure",
		"discard-granularity",
		"discard-alignment",
		"feature-persistent",
		"online",
	};
	static const char *const values[] = {
		NULL,	 "0",	 "1",  "2",	     "4",
		"11",	 "12",	 "64", "512",	     "4096",
		"128",	 "1024", "-1", "4294967296", "18446744073709551615",
		"text",	 "",	 " 1", "4294967295", "18446744073709551616",
		"99999",
	};
	uint8_t key = input_u8(&f->in), value = input_u8(&f->in);

	rawbe_write(&f->be, keys[key % 16], values[value % 21]);
}

/* A response that may be one, or nearly. */
static void respond(struct fuzz *f, uint8_t how)
{
	struct rawbackend *b = &f->be;
	unsigned q = b->nr_queues ? input_u8(&f->in) % b->nr_queues : 0;
	uint32_t back = input_u8(&f->in) % 32u + 1, nr = b->nr_seen;
	struct rawbe_seen s = { 0 };
	int16_t status = BLKIF_RSP_OKAY;

	if (!b->nr_queues)
		return;
	if (nr >= back)
		s = b->seen[(nr - back) % RAWBE_HISTORY];
	if (how & 1)
		input_bytes(&f->in, &s.id, how & 2 ? 8 : 1);
	if (how & 4)
		s.op = input_u8(&f->in);
	if (how & 8)
		input_bytes(&f->in, &status, 2);
	else if (how & 16)
		status = BLKIF_RSP_ERROR;
	rawbe_answer(b, q, s.id, s.op, status);
}

static void scribble(struct fuzz *f)
{
	struct rawbackend *b = &f->be;
	uint8_t a = input_u8(&f->in), n = input_u8(&f->in);
	struct rawbe_queue *q = b->nr_queues ? &b->q[a % b->nr_queues] : NULL;
	struct ring_shared *s = q ? q->pages : NULL;

	if (!q)
		return;
	switch (a / 8 % 4) {
	case 0:
		atomic_fetch_add(&s->rsp_prod, (ring_idx_t)(int8_t)n);
		break;
	case 1:
		input_bytes(&f->in, s, 16);
		break;
	case 2:
		input_bytes(&f->in, (uint8_t *)q->pages + n * 16u, 16);
		break;
	case 3:
		evtchn_notify(q->ch);
		break;
	}
}

static void backend_move(struct fuzz *f)
{
	struct rawbackend *b = &f->be;
	struct blkif_req req;
	uint8_t op = input_u8(&f->in);

	switch (op % 16) {
	case 0:
	case 1:
	case 2:
		(void)rawbe_step(b);
		break;
	case 3:
		write_key(f);
		break;
	case 4:
		rawbe_state(b, (enum xenbus_state)(op / 16 % 10));
		break;
	case 5:
		(void)rawbe_map(b);
		break;
	case 6:
		rawbe_unmap(b);
		break;
	case 7:
		(void)rawbe_take(b, op / 16 % RAWBE_QUEUES, &req);
		break;
	case 8:
	case 9:
		respond(f, input_u8(&f->in));
		break;
	case 10:
		scribble(f);
		break;
	case 11:
		frontsim_pass((op / 16) * 8 * MS);
		break;
	case 12:
		if (op == 12)
			rawbe_write(b, "", NULL);
		else if (op == 28)
			memhv_lose(b->hv, RAWBE_FRONT);
		break;
	case 13:
		b->answer = op & 16 ? -1 : 0;
		break;
	case 14:
		memhv_fail_map(b->hv, op / 16);
		break;
	default:
		break;
	}
}

static void move(void *arg)
{
	struct fuzz *f = arg;

	if (f->in.left)
		backend_move(f);
}

/* ---------------------------------------------------- the application's */

static void done(struct fuzz *f, struct tandem_io **list, int n)
{
	must(n >= 0);
	while (n--) {
		struct slot *s = list[n]->user;

		must(s >= f->slot && s < f->slot + IOS && s->flies);
		must(s->io.result <= 0 && &s->io == list[n]);
		s->flies = false;
		free(s->mem);
		s->mem = NULL;
		f->flying--;
	}
}

static void submit(struct fuzz *f, struct tandem_queue *q)
{
	uint8_t how = input_u8(&f->in), at = input_u8(&f->in), len = input_u8(&f->in);
	struct slot *s = f->slot;

	while (s < f->slot + IOS && s->flies)
		s++;
	if (s == f->slot + IOS)
		return;
	s->io = (struct tandem_io){ .op = how % 4, .user = s, .secure = how & 128 };
	s->io.offset = at * 512u;
	s->io.len = len * 512u % MAX_LEN;
	if (how & 4) {
		/* of its own, as long as said: ASan sees each byte beyond */
		s->mem = malloc(s->io.len + 1);
		must(s->mem);
		memset(s->mem, how, s->io.len + 1);
		s->io.buf = s->mem + (how >> 3 & 1);
	} else {
		s->io.buf = f->pool + (how >> 3) * 512u;
	}
	if (!tandem_submit(q, &s->io)) {
		s->flies = true;
		f->flying++;
	} else {
		free(s->mem);
		s->mem = NULL;
	}
}

static void application_move(struct fuzz *f)
{
	struct tandem_io *list[IOS];
	uint8_t op = input_u8(&f->in);
	struct tandem_info info;
	struct tandem_queue *q;

	tandem_get_info(f->disk, &info);
	q = tandem_queue(f->disk, op / 16 % info.queues);
	switch (op % 8) {
	case 0:
	case 1:
		submit(f, q);
		break;
	case 2:
		(void)tandem_kick(q);
		break;
	case 3:
		done(f, list, tandem_poll(q, list, IOS));
		break;
	case 4:
		done(f, list,
		     tandem_wait(q, list, 1 + op / 16 % 4, IOS, op & 8 ? 0 : 1000));
		break;
	case 5:
		(void)tandem_queue_arm(q);
		break;
	case 6:
		frontsim_round(f->disk);
		break;
	case 7:
		if (op & 8)
			(void)tandem_queue_fd(q);
		else
			backend_move(f);
		break;
	}
}

/* The device is taken away: what still flies comes back. */
static void end(struct fuzz *f)
{
	struct tandem_io *list[IOS];
	struct tandem_info info;
	unsigned sum = 0;

	f->in.left = 0;
	rawbe_write(&f->be, "online", "0");
	rawbe_state(&f->be, XenbusStateClosed);
	for (unsigned i = 0; i < 4; i++)
		frontsim_round(f->disk);
	tandem_get_info(f->disk, &info);
	for (unsigned i = 0; i < info.queues; i++)
		sum += tandem_inflight(tandem_queue(f->disk, i));
	must(sum == f->flying);
	for (unsigned i = 0; i < info.queues; i++)
		done(f, list, tandem_poll(tandem_queue(f->disk, i), list, IOS));
	must(!f->flying);
}

static void run(struct fuzz *f, const struct tandem_opts *opts)
{
	char *why = NULL;
	int err = disk_open_plat(rawbe_front(&f->be), "xvda", opts, &f->disk, &why);

	must(err ? why && !f->disk : f->disk && !why);
	free(why);
	if (err)
		return;
	f->pool = tandem_alloc(f->disk, MAX_LEN + (32u << 9));
	must(f->pool);
	while (f->in.left)
		application_move(f);
	end(f);
	tandem_free(f->disk, f->pool);
	tandem_close(f->disk);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_ERROR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct fuzz f; /* large */
	uint8_t a, b;

	memset(&f, 0, sizeof(f));
	f.in = (struct input){ bytes, size };
	a = input_u8(&f.in);
	b = input_u8(&f.in);
	const struct tandem_opts opts = {
		.abi = a & 1 ? XEN_IO_PROTO_ABI_X86_32 : NULL,
		.queues = 1 + (a >> 1 & 3),
		.depth = a & 8 ? 64 : 1,
		.max_segments = b & 15 ? b & 15 : 32,
		.pool_bytes = 256 << 10,
		.poll_us = a & 16 ? 20 : TANDEM_POLL_NEVER,
		.connect_ms = 20,
		.reconnect_ms = 20,
		.no_persistent = a & 32,
		.no_indirect = a & 64,
		.readonly = a & 128,
	};

	rawbe_new(&f.be, NULL, RAWBE_DEVID, DISK_BYTES);
	f.be.limits = limits;
	f.be.props = props;
	frontsim_begin(move, &f);
	run(&f, &opts);
	frontsim_end();
	for (unsigned i = 0; i < IOS; i++)
		must(!f.slot[i].mem);
	rawbe_unmap(&f.be);
	must(!memhv_mapped(f.be.hv));
	rawbe_free(&f.be);
	return 0;
}
