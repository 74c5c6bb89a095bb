/* SPDX-License-Identifier: MIT */
/* A backend by hand: rawbackend, whose steps the test takes. */
#include "tests/lib/handback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_STEPS 100000 /* of 100 us */

void hb_set(struct handback *hb, const char *key, const char *value)
{
	rawbe_write(&hb->be, key, value);
}

void hb_setn(struct handback *hb, const char *key, unsigned long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", value);
	hb_set(hb, key, text);
}

void hb_state(struct handback *hb, enum xenbus_state state)
{
	rawbe_state(&hb->be, state);
}

long hb_get(struct handback *hb, const char *key)
{
	return (long)rawbe_front_num(&hb->be, key);
}

void hb_wait_front(struct handback *hb, enum xenbus_state state)
{
	(void)rawbe_wait_front(&hb->be, state);
	assert_int_equal(hb_get(hb, "state"), state);
}

/* ----------------------------------------------------------- start and stop */

void hb_start(struct handback *hb)
{
	static const struct rawbe_key offers[] = {
		{ "sector-size", "512" },
		{ "info", "0" },
		{ "max-ring-page-order", "4" },
		{ "multi-queue-max-queues", "8" },
		{ "feature-max-indirect-segments", "256" },
		{ "feature-persistent", "1" },
		{ "feature-flush-cache", "1" },
		{ "feature-discard", "1" },
		{ 0 },
	};

	memset(hb, 0, sizeof(*hb));
	rawbe_new(&hb->be, NULL, RAWBE_DEVID, 0);
	rawbe_keys(&hb->be, offers);
	hb_setn(hb, "sectors", HB_DISK_BYTES / 512);
}

void hb_stop(struct handback *hb)
{
	hb_drop(hb);
	hb_state(hb, XenbusStateClosed);
	tandem_close(hb->disk);
	free(hb->why);
	assert_int_equal(memhv_mapped(hb->be.hv), 0);
	rawbe_free(&hb->be);
}

int hb_setup(void **state)
{
	struct handback *hb = malloc(sizeof(*hb));

	hb_start(hb);
	*state = hb;
	return 0;
}

int hb_teardown(void **state)
{
	hb_stop(*state);
	free(*state);
	return 0;
}

int hb_pair_setup(void **state)
{
	struct hb_pair *p = malloc(sizeof(*p));

	hb_start(&p->hb);
	hb_start(&p->other);
	hb_up(&p->other, NULL);
	*state = p;
	return 0;
}

int hb_pair_teardown(void **state)
{
	struct hb_pair *p = *state;

	hb_check_works(&p->other);
	hb_stop(&p->other);
	hb_stop(&p->hb);
	free(p);
	return 0;
}

static void *hb_opener(void *arg)
{
	struct handback *hb = arg;

	hb->err = disk_open_plat(rawbe_front(&hb->be), "xvda", &hb->opts, &hb->disk,
				 &hb->why);
	return NULL;
}

void hb_open(struct handback *hb, const struct tandem_opts *opts)
{
	hb->opts = opts ? *opts : (struct tandem_opts){ 0 };
	free(hb->why);
	hb->why = NULL;
	assert_int_equal(pthread_create(&hb->opener, NULL, hb_opener, hb), 0);
}

int hb_opened(struct handback *hb)
{
	pthread_join(hb->opener, NULL);
	return hb->err;
}

/* -------------------------------------------------------------------- rings */

void hb_map(struct handback *hb)
{
	assert_int_equal(rawbe_map(&hb->be), 0);
	hb->be.persistent = false; /* no page stays mapped but by the test */
}

void hb_drop(struct handback *hb)
{
	rawbe_unmap(&hb->be);
}

void hb_connect(struct handback *hb)
{
	hb_state(hb, XenbusStateInitWait);
	hb_wait_front(hb, XenbusStateInitialised);
	hb_map(hb);
	hb_state(hb, XenbusStateConnected);
	hb_wait_front(hb, XenbusStateConnected);
}

void hb_up(struct handback *hb, const struct tandem_opts *opts)
{
	hb_open(hb, opts);
	hb_connect(hb);
	if (hb_opened(hb))
		print_error("%s\n", hb->why);
	assert_int_equal(hb->err, 0);
}

/* ----------------------------------------------------------------- requests */

static bool hb_wait_request(struct handback *hb, unsigned qi)
{
	for (unsigned i = 0; i < WAIT_STEPS / 2; i++) {
		int n = ring_back_arm(&hb->be.q[qi].ring);

		assert_true(n >= 0);
		if (n)
			return true;
		usleep(100);
	}
	return false;
}

bool hb_take(struct handback *hb, unsigned qi, struct blkif_req *req)
{
	if (!hb_wait_request(hb, qi))
		return false;
	memset(req, 0, sizeof(*req));
	blkif_copy_request(&hb->be.q[qi].ring, hb->be.abi, req);
	return true;
}

void hb_answer(struct handback *hb, unsigned qi, uint64_t id, uint8_t op, int16_t status)
{
	rawbe_answer(&hb->be, qi, id, op, status);
}

void hb_okay(struct handback *hb, unsigned qi, const struct blkif_req *req)
{
	hb_answer(hb, qi, req->id,
		  req->operation == BLKIF_OP_INDIRECT ? req->indirect_op : req->operation,
		  BLKIF_RSP_OKAY);
}

uint8_t *hb_page(struct handback *hb, grant_ref_t ref)
{
	void *addr;

	/* the platform in memory has one address for a page: look and let go */
	assert_int_equal(gnttab_map_refs(hb->be.mapper, &ref, 1, GNTTAB_WRITE, &addr), 0);
	gnttab_unmap_refs(hb->be.mapper, &ref, 1, GNTTAB_WRITE, &addr);
	return addr;
}

unsigned hb_segments(struct handback *hb, const struct blkif_req *req,
		     struct blkif_request_segment *seg, unsigned max)
{
	assert_in_range(req->nr_segments, 0, max);
	assert_int_equal(rawbe_segments(&hb->be, req, seg), req->nr_segments);
	return req->nr_segments;
}

size_t hb_length(struct handback *hb, const struct blkif_req *req)
{
	struct blkif_request_segment seg[BLKIF_MAX_INDIRECT_SEGMENTS];
	unsigned n = hb_segments(hb, req, seg, BLKIF_MAX_INDIRECT_SEGMENTS);
	size_t sectors = 0;

	for (unsigned i = 0; i < n; i++) {
		assert_in_range(seg[i].last_sect, seg[i].first_sect, 7);
		sectors += seg[i].last_sect - seg[i].first_sect + 1u;
	}
	return sectors * 512;
}

/* ---------------------------------------------------------------- the caller */

void hb_submit(struct handback *hb, struct tandem_io *io, uint64_t sector, void *buf)
{
	struct tandem_queue *q = tandem_queue(hb->disk, 0);

	*io = (struct tandem_io){
		.op = TANDEM_READ, .buf = buf, .len = 4096, .offset = sector * 512
	};
	assert_int_equal(tandem_submit(q, io), 0);
	assert_int_equal(tandem_kick(q), 0);
}

int hb_finish(struct handback *hb, struct tandem_io *io)
{
	struct tandem_io *done[1];

	assert_int_equal(tandem_wait(tandem_queue(hb->disk, 0), done, 1, 1, 5000000), 1);
	assert_ptr_equal(done[0], io);
	return io->result;
}

void hb_check_works(struct handback *hb)
{
	uint8_t *buf = tandem_alloc(hb->disk, 4096);
	struct blkif_req req;
	struct tandem_io io;

	assert_non_null(buf);
	hb_submit(hb, &io, 8, buf);
	assert_true(hb_take(hb, 0, &req));
	hb_okay(hb, 0, &req);
	assert_int_equal(hb_finish(hb, &io), 0);
	tandem_free(hb->disk, buf);
}

void hb_again(struct handback *hb)
{
	hb_drop(hb);
	hb_state(hb, XenbusStateClosed);
	tandem_close(hb->disk);
	hb->disk = NULL;
	hb_state(hb, XenbusStateInitialising);
}
