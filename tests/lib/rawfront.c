/* SPDX-License-Identifier: MIT */
/* A frontend by hand, and blkback on a thread. */
#include "tests/lib/rawfront.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/cleanup.h"

/* ---------------------------------------------------------------- backend */

static void rawback_stop_event(void *arg, uint32_t events)
{
	struct rawback *rb = arg;

	(void)events;
	evloop_stop(rb->loop, 1);
}

static void *rawback_thread(void *arg)
{
	struct rawback *rb = arg;
	struct pollfd p = { .fd = rb->stop_fd, .events = POLLIN };

	while (poll(&p, 1, 0) == 0) {
		evloop_once(rb->loop, 100);
		backend_poll(rb->bb);
	}
	return NULL;
}

static void rawback_lost(void *arg)
{
	(void)arg;
}

static int rawback_open_files(void *arg, struct blkdrv_params *p, char **why)
{
	(void)arg;
	(void)why;
	return blkdrv_find(p->driver)->open_files(p);
}

void rawback_start(struct rawback *rb, const struct blkback_config *cfg)
{
	memset(rb, 0, sizeof(*rb));
	rb->cfg = cfg ? *cfg : blkback_config_default;
	rb->cfg.open_files = rawback_open_files;
	rb->hv = memhv_new();
	assert_non_null(rb->hv);
	assert_int_equal(memplat_open(rb->hv, 0, &rb->dom0), 0);
	assert_int_equal(memplat_open(rb->hv, RF_BE, &rb->be), 0);
	assert_int_equal(memplat_open(rb->hv, RF_FE, &rb->fe), 0);
	rb->loop = evloop_new();
	assert_non_null(rb->loop);
	rb->stop_fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(evloop_add(rb->loop, rb->stop_fd, EPOLLIN, rawback_stop_event,
				    rb, NULL),
			 0);
	assert_int_equal(blkback_new(rb->be, rb->loop, &rb->cfg, rawback_lost, rb,
				     &rb->bb),
			 0);
	assert_int_equal(backend_start(rb->bb), 0);
	assert_int_equal(pthread_create(&rb->thread, NULL, rawback_thread, rb), 0);
}

void rawback_stop(struct rawback *rb)
{
	uint64_t one = 1;

	(void)!write(rb->stop_fd, &one, sizeof(one));
	pthread_join(rb->thread, NULL);
	backend_free(rb->bb);
	evloop_free(rb->loop);
	close(rb->stop_fd);
	assert_int_equal(memhv_mapped(rb->hv), 0);
	plat_close(rb->fe);
	plat_close(rb->be);
	plat_close(rb->dom0);
	memhv_free(rb->hv);
}

static void rawback_path(char *buf, size_t size, bool be, unsigned devid, const char *key)
{
	if (be)
		snprintf(buf, size, "/local/domain/%u/backend/vbd/%u/%u%s%s", RF_BE,
			 RF_FE, devid, *key ? "/" : "", key);
	else
		snprintf(buf, size, "/local/domain/%u/device/vbd/%u%s%s", RF_FE, devid,
			 *key ? "/" : "", key);
}

void rawback_be_write(struct rawback *rb, unsigned devid, const char *key, const char *v)
{
	char path[256];

	rawback_path(path, sizeof(path), true, devid, key);
	assert_int_equal(xenstore_write(rb->dom0, XENSTORE_NO_TX, path, v), 0);
}

void rawback_fe_write(struct rawback *rb, unsigned devid, const char *key, const char *v)
{
	char path[256];

	rawback_path(path, sizeof(path), false, devid, key);
	assert_int_equal(xenstore_write(rb->dom0, XENSTORE_NO_TX, path, v), 0);
}

long rawback_be_num(struct rawback *rb, unsigned devid, const char *key)
{
	char path[256];
	cleanup_free char *v = NULL;

	rawback_path(path, sizeof(path), true, devid, key);
	if (xenstore_read(rb->dom0, XENSTORE_NO_TX, path, &v, NULL))
		return -1;
	return strtol(v, NULL, 10);
}

bool rawback_wait_state(struct rawback *rb, unsigned devid, enum xenbus_state state)
{
	for (int i = 0; i < 10000; i++) {
		if (rawback_be_num(rb, devid, "state") == (long)state)
			return true;
		usleep(1000);
	}
	return false;
}

void rawback_attach(struct rawback *rb, unsigned devid, const char *driver,
		    const char *params, const char *mode, const char *options)
{
	char fe[256], be[256];

	rawback_path(fe, sizeof(fe), false, devid, "");
	rawback_path(be, sizeof(be), true, devid, "");
	rawback_fe_write(rb, devid, "backend", be);
	rawback_fe_write(rb, devid, "backend-id", "1");
	rawback_fe_write(rb, devid, "state", "1");
	rawback_be_write(rb, devid, "frontend-id", "2");
	rawback_be_write(rb, devid, "online", "1");
	rawback_be_write(rb, devid, "state", "1");
	rawback_be_write(rb, devid, "driver", driver);
	rawback_be_write(rb, devid, "params", params);
	rawback_be_write(rb, devid, "mode", mode);
	if (options)
		rawback_be_write(rb, devid, "options", options);
	/* last: it makes the device */
	rawback_be_write(rb, devid, "frontend", fe);
}

void rawback_detach(struct rawback *rb, unsigned devid)
{
	char path[256];

	rawback_path(path, sizeof(path), true, devid, "");
	(void)xenstore_rm(rb->dom0, XENSTORE_NO_TX, path);
	rawback_path(path, sizeof(path), false, devid, "");
	(void)xenstore_rm(rb->dom0, XENSTORE_NO_TX, path);
}

/* --------------------------------------------------------------- frontend */

static void rawfront_key(struct rawfront *rf, const char *key, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	rawback_fe_write(rf->rb, rf->devid, key, text);
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
