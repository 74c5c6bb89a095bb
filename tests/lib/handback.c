/* SPDX-License-Identifier: MIT */
/* A backend by hand. */
#include "tests/lib/handback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/cleanup.h"

#define WAIT_STEPS 100000 /* of 100 us */

/* --------------------------------------------------------------------- keys */

static void be_path(char *buf, size_t size, const char *key)
{
	snprintf(buf, size, "/local/domain/%u/backend/vbd/%u/%u/%s", HB_BE, HB_FE,
		 HB_DEVID, key);
}

static void fe_path(char *buf, size_t size, const char *key)
{
	snprintf(buf, size, "/local/domain/%u/device/vbd/%u/%s", HB_FE, HB_DEVID, key);
}

void hb_set(struct handback *hb, const char *key, const char *value)
{
	char path[256];

	be_path(path, sizeof(path), key);
	if (value)
		assert_int_equal(xenstore_write(hb->be, XENSTORE_NO_TX, path, value), 0);
	else
		(void)xenstore_rm(hb->be, XENSTORE_NO_TX, path);
}

void hb_setn(struct handback *hb, const char *key, unsigned long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", value);
	hb_set(hb, key, text);
}

void hb_state(struct handback *hb, enum xenbus_state state)
{
	hb_setn(hb, "state", state);
}

long hb_get(struct handback *hb, const char *key)
{
	cleanup_free char *value = NULL;
	char path[256];

	fe_path(path, sizeof(path), key);
	if (xenstore_read(hb->be, XENSTORE_NO_TX, path, &value, NULL))
		return -1;
	return strtol(value, NULL, 10);
}

void hb_wait_front(struct handback *hb, enum xenbus_state state)
{
	for (int i = 0; i < WAIT_STEPS && hb_get(hb, "state") != (long)state; i++)
		usleep(100);
	assert_int_equal(hb_get(hb, "state"), state);
}

static void fe_set(struct handback *hb, const char *key, const char *value)
{
	char path[256];

	fe_path(path, sizeof(path), key);
	assert_int_equal(xenstore_write(hb->dom0, XENSTORE_NO_TX, path, value), 0);
}

/* ----------------------------------------------------------- start and stop */

void hb_start(struct handback *hb)
{
	char path[256];

	memset(hb, 0, sizeof(*hb));
	hb->hv = memhv_new();
	assert_non_null(hb->hv);
	assert_int_equal(memplat_open(hb->hv, 0, &hb->dom0), 0);
	assert_int_equal(memplat_open(hb->hv, HB_BE, &hb->be), 0);
	assert_int_equal(gnttab_mapper_new(hb->be, HB_FE, &hb->mapper), 0);
	be_path(path, sizeof(path), "");
	path[strlen(path) - 1] = '\0';
	fe_set(hb, "backend", path);
	fe_set(hb, "backend-id", "1");
	fe_set(hb, "state", "1");
	hb_set(hb, "online", "1");
	hb_setn(hb, "sectors", HB_DISK_BYTES / 512);
	hb_set(hb, "sector-size", "512");
	hb_set(hb, "info", "0");
	hb_set(hb, "max-ring-page-order", "4");
	hb_set(hb, "multi-queue-max-queues", "8");
	hb_set(hb, "feature-max-indirect-segments", "256");
	hb_set(hb, "feature-persistent", "1");
	hb_set(hb, "feature-flush-cache", "1");
	hb_set(hb, "feature-discard", "1");
	hb_state(hb, XenbusStateInitialising);
}

void hb_stop(struct handback *hb)
{
	hb_drop(hb);
	hb_state(hb, XenbusStateClosed);
	tandem_close(hb->disk);
	free(hb->why);
	assert_int_equal(memhv_mapped(hb->hv), 0);
	gnttab_mapper_free(hb->mapper);
	plat_close(hb->be);
	plat_close(hb->dom0);
	memhv_free(hb->hv);
}

static void *hb_opener(void *arg)
{
	struct handback *hb = arg;
	struct plat *plat;

	hb->err = memplat_open(hb->hv, HB_FE, &plat);
	if (!hb->err)
		hb->err = disk_open_plat(plat, "xvda", &hb->opts, &hb->disk, &hb->why);
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

static void map_queue(struct handback *hb, struct hb_queue *q, const char *dir,
		      unsigned pages)
{
	char key[64];
	int err;

	q->nr_pages = pages;
	for (unsigned i = 0; i < pages; i++) {
		snprintf(key, sizeof(key), pages == 1 ? "%sring-ref" : "%sring-ref%u",
			 dir, i);
		q->refs[i] = (grant_ref_t)hb_get(hb, key);
	}
	assert_int_equal(gnttab_map_ring(hb->mapper, q->refs, pages, &q->pages), 0);
	assert_int_equal(ring_back_init(&q->ring, q->pages, (size_t)pages * 4096,
					blkif_slot_size(hb->abi)),
			 0);
	snprintf(key, sizeof(key), "%sevent-channel", dir);
	err = evtchn_bind_interdomain(hb->be, HB_FE, (evtchn_port_t)hb_get(hb, key),
				      &q->ch);
	assert_int_equal(err, 0);
}

void hb_map(struct handback *hb)
{
	long order = hb_get(hb, "ring-page-order"), pages = hb_get(hb, "num-ring-pages");
	long queues = hb_get(hb, "multi-queue-num-queues");
	char dir[32] = "";

	pages = order > 0 ? 1 << order : pages > 0 ? pages : 1;
	hb->nr_queues = queues > 0 ? (unsigned)queues : 1;
	assert_in_range(hb->nr_queues, 1, HB_MAX_QUEUES);
	for (unsigned i = 0; i < hb->nr_queues; i++) {
		if (queues > 0)
			snprintf(dir, sizeof(dir), "queue-%u/", i);
		map_queue(hb, &hb->q[i], dir, (unsigned)pages);
	}
}

void hb_drop(struct handback *hb)
{
	for (unsigned i = 0; i < hb->nr_queues; i++) {
		struct hb_queue *q = &hb->q[i];

		gnttab_unmap_ring(hb->mapper, q->refs, q->nr_pages, q->pages);
		evtchn_close(q->ch);
	}
	hb->nr_queues = 0;
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

static bool hb_wait_request(struct handback *hb, unsigned qi, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		int n = ring_back_arm(&hb->q[qi].ring);

		assert_true(n >= 0);
		if (n)
			return true;
		usleep(100);
	}
	return false;
}

bool hb_take(struct handback *hb, unsigned qi, struct blkif_req *req)
{
	if (!hb_wait_request(hb, qi, WAIT_STEPS / 2))
		return false;
	memset(req, 0, sizeof(*req));
	blkif_copy_request(&hb->q[qi].ring, hb->abi, req);
	return true;
}

bool hb_quiet(struct handback *hb, unsigned qi)
{
	return !hb_wait_request(hb, qi, 500);
}

void hb_answer(struct handback *hb, unsigned qi, uint64_t id, uint8_t op, int16_t status)
{
	struct hb_queue *q = &hb->q[qi];

	blkif_put_response(&q->ring, hb->abi, id, op, status);
	if (ring_back_push(&q->ring))
		evtchn_notify(q->ch);
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
	assert_int_equal(gnttab_map_refs(hb->mapper, &ref, 1, GNTTAB_WRITE, &addr), 0);
	gnttab_unmap_refs(hb->mapper, &ref, 1, GNTTAB_WRITE, &addr);
	return addr;
}

unsigned hb_segments(struct handback *hb, const struct blkif_req *req,
		     struct blkif_request_segment *seg, unsigned max)
{
	assert_in_range(req->nr_segments, 0, max);
	for (unsigned i = 0; i < req->nr_segments; i++) {
		const struct blkif_request_segment *from = req->seg;

		if (req->operation == BLKIF_OP_INDIRECT)
			from = (void *)hb_page(hb, req->indirect_grefs[i / 512]);
		seg[i] = from[i % 512];
	}
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
