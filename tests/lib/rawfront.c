/* SPDX-License-Identifier: MIT */
/* A frontend by hand, and blkback on a thread. */
#include "tests/lib/rawfront.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- backend */

static int open_files(void *arg, struct blkdrv_params *p, char **why)
{
	(void)arg;
	(void)why;
	return blkdrv_find(p->driver)->open_files(p);
}

void rawback_start(struct rawback *rb, const struct blkback_config *cfg)
{
	struct blkback_config *c = malloc(sizeof(*c));

	assert_non_null(c);
	rawback_open(rb, "vbd");
	*c = cfg ? *cfg : blkback_config_default;
	c->open_files = open_files;
	rb->cfg = c;
	assert_int_equal(blkback_new(rb->be, rb->loop, c, rawback_lost, rb, &rb->backend),
			 0);
	rawback_run(rb);
}

void rawback_attach(struct rawback *rb, unsigned devid, const char *driver,
		    const char *params, const char *mode, const char *options)
{
	const char *keys[] = { "driver",
			       driver,
			       "params",
			       params,
			       "mode",
			       mode,
			       options ? "options" : NULL,
			       options,
			       NULL };

	rawback_make(rb, devid, keys);
}

static void rawfront_key(struct rawfront *rf, const char *key, unsigned value)
{
	rawback_fe_num(rf->rb, rf->devid, key, value);
}

bool rawfront_connect(struct rawfront *rf, struct rawback *rb, unsigned devid,
		      enum blkif_abi abi, unsigned order, bool persistent)
{
	uint32_t pages = 1u << order;
	char key[32];

	memset(rf, 0, sizeof(*rf));
	rf->rb = rb;
	rf->devid = devid;
	rf->abi = abi;
	assert_int_equal(gnttab_arena_new(rb->fe, RF_BE, pages, false, &rf->rings), 0);
	assert_int_equal(gnttab_arena_new(rb->fe, RF_BE, RF_DATA_PAGES, false, &rf->data),
			 0);
	assert_int_equal(evtchn_alloc_unbound(rb->fe, RF_BE, &rf->ch), 0);
	ring_front_init(&rf->ring, rf->rings->pages, (size_t)pages * RING_PAGE_SIZE,
			blkif_slot_size(abi));
	for (uint32_t i = 0; i < pages && order; i++) {
		snprintf(key, sizeof(key), "ring-ref%u", i);
		rawfront_key(rf, key, rf->rings->refs[i]);
	}
	if (order)
		rawfront_key(rf, "ring-page-order", order);
	else
		rawfront_key(rf, "ring-ref", rf->rings->refs[0]);
	if (abi != BLKIF_ABI_NATIVE)
		rawback_fe_write(rb, devid, "protocol",
				 abi == BLKIF_ABI_X86_32 ? XEN_IO_PROTO_ABI_X86_32
							 : XEN_IO_PROTO_ABI_X86_64);
	rawfront_key(rf, "event-channel", rf->ch->port);
	rawfront_key(rf, "feature-persistent", persistent);
	if (!rawback_wait_state(rb, devid, XenbusStateInitWait))
		return false;
	rawfront_key(rf, "state", XenbusStateInitialised);
	return rawback_wait_state(rb, devid, XenbusStateConnected);
}

void rawfront_close(struct rawfront *rf)
{
	rawfront_key(rf, "state", XenbusStateClosed);
	(void)rawback_wait_state(rf->rb, rf->devid, XenbusStateClosed);
	evtchn_close(rf->ch);
	gnttab_arena_free(rf->rings);
	gnttab_arena_free(rf->data);
}

void rawfront_push(struct rawfront *rf, const struct blkif_req *req)
{
	blkif_put_request(&rf->ring, rf->abi, req);
	if (ring_front_push(&rf->ring))
		evtchn_notify(rf->ch);
}

bool rawfront_response(struct rawfront *rf, struct blkif_response *rsp)
{
	struct pollfd p = { .fd = rf->ch->fd, .events = POLLIN };

	for (int i = 0; i < 50; i++) {
		if (ring_front_arm(&rf->ring) > 0) {
			blkif_copy_response(&rf->ring, rsp);
			return true;
		}
		if (poll(&p, 1, 100) > 0)
			(void)evtchn_ack(rf->ch);
	}
	return false;
}

int rawfront_do(struct rawfront *rf, const struct blkif_req *req)
{
	struct blkif_response rsp;

	rawfront_push(rf, req);
	if (!rawfront_response(rf, &rsp))
		return 99;
	assert_int_equal(rsp.id, req->id);
	assert_int_equal(rsp.operation, req->operation == BLKIF_OP_INDIRECT
						? req->indirect_op
						: req->operation);
	return rsp.status;
}

struct blkif_req rawfront_rw(struct rawfront *rf, int op, uint64_t sector, unsigned page,
			     unsigned pages)
{
	struct blkif_req r = {
		.operation = (uint8_t)op,
		.nr_segments = (uint16_t)pages,
		.id = 0x1122334455667788ull + sector,
		.sector_number = sector,
	};

	for (unsigned i = 0; i < pages && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
		r.seg[i] = (struct blkif_request_segment){
			.gref = rf->data->refs[page + i], .first_sect = 0, .last_sect = 7
		};
	return r;
}

void rawfront_fill(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
}

void rawfront_check_rw(struct rawfront *rf)
{
	struct blkif_req w = rawfront_rw(rf, BLKIF_OP_WRITE, 24, 0, 8);
	struct blkif_req r = rawfront_rw(rf, BLKIF_OP_READ, 24, 16, 8);
	uint8_t *d = rf->data->pages;

	rawfront_fill(d, 8 * 4096, 7);
	memset(d + 16 * 4096, 0, 8 * 4096);
	assert_int_equal(rawfront_do(rf, &w), BLKIF_RSP_OKAY);
	assert_int_equal(rawfront_do(rf, &r), BLKIF_RSP_OKAY);
	assert_memory_equal(d, d + 16 * 4096, 8 * 4096);
}
