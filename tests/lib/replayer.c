/* SPDX-License-Identifier: MIT */
/* A writer of replays. */
#include "tests/lib/replayer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/cleanup.h"

void replayer_open(struct replayer *r, struct rawback *rb, unsigned devid)
{
	*r = (struct replayer){ .rb = rb, .devid = devid };
	assert_int_equal(gnttab_arena_new(rb->dom0, RF_BE, REPLAYER_PAGES, false,
					  &r->arena),
			 0);
	assert_int_equal(evtchn_alloc_unbound(rb->dom0, RF_BE, &r->ch), 0);
	assert_int_equal(capring_writer_init(&r->w, r->arena->pages, REPLAYER_PAGES,
					     REPLAYER_SNAPLEN),
			 0);
}

void replayer_close(struct replayer *r)
{
	evtchn_close(r->ch);
	gnttab_arena_free(r->arena);
}

static void put_num(struct replayer *r, const char *key, uint32_t n)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", n);
	rawback_be_write(r->rb, r->devid, key, value);
}

long replayer_ask(struct replayer *r)
{
	char refs[REPLAYER_PAGES * 11 + 1];
	size_t at = 0;

	for (unsigned i = 0; i < REPLAYER_PAGES; i++)
		at += (size_t)snprintf(refs + at, sizeof(refs) - at, "%s%u", i ? " " : "",
				       r->arena->refs[i]);
	rawback_be_write(r->rb, r->devid, "replay/ring-refs", refs);
	put_num(r, "replay/domid", 0);
	put_num(r, "replay/event-channel", r->ch->port);
	put_num(r, "replay/snaplen", REPLAYER_SNAPLEN);
	put_num(r, "replay/state", 1);
	for (int i = 0; i < 10000; i++) {
		long state = rawback_be_num(r->rb, r->devid, "replay/state");

		if (state != 1)
			return state;
		usleep(1000);
	}
	return -1;
}

bool replayer_wait(struct replayer *r, long state)
{
	for (int i = 0; i < 10000; i++) {
		if (rawback_be_num(r->rb, r->devid, "replay/state") == state)
			return true;
		usleep(1000);
	}
	return false;
}

static bool released(struct replayer *r)
{
	for (uint32_t i = 0; i < REPLAYER_PAGES; i++) {
		if (gnttab_end_access(r->arena, i))
			return false;
		(void)gnttab_grant(r->arena, i);
	}
	return true;
}

bool replayer_released(struct replayer *r)
{
	for (int i = 0; i < 10000; i++, usleep(1000))
		if (released(r))
			return true;
	return false;
}

bool replayer_has_error(struct replayer *r)
{
	cleanup_free char *error = NULL;
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/%u/backend/vif/%u/%u/replay/error",
		 RF_BE, RF_FE, r->devid);
	return !xenstore_read(r->rb->dom0, XENSTORE_NO_TX, path, &error, NULL);
}

static uint8_t byte_of(uint32_t i, uint32_t len, uint32_t seed)
{
	/* an Ethernet header to a unicast address first */
	return (uint8_t)(i == 0 ? 2 : seed * 31 + i + len);
}

bool replayer_put(struct replayer *r, uint32_t len, uint32_t seed)
{
	static uint8_t bytes[65536];

	if (capring_room_sleep(&r->w, capring_room(len)) != 1)
		return false;
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = byte_of(i, len, seed);
	assert_true(capring_begin(&r->w, len, CAPRING_TO_GUEST, 0));
	capring_add(&r->w, bytes, len);
	if (capring_end(&r->w))
		evtchn_notify(r->ch);
	return true;
}

bool replayer_is(const uint8_t *bytes, uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		if (bytes[i] != byte_of(i, len, seed))
			return false;
	return true;
}

uint64_t replayer_unread(const struct replayer *r)
{
	return r->w.prod - atomic_load(&r->w.shared->cons);
}

void replayer_raw(struct replayer *r, const struct capring_record *rec, uint64_t by)
{
	r->w.at = r->w.prod;
	capring_copy_in(&r->w, rec, sizeof(*rec));
	r->w.prod += by;
	atomic_store(&r->w.shared->prod, r->w.prod);
	evtchn_notify(r->ch);
}
