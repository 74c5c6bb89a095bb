/* SPDX-License-Identifier: MIT */
/* A block backend by hand: its life. rawbackend_io.c: its requests. */
#include "tests/lib/rawbackend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"

#define PATH_MAX_ 256

static void must(bool ok)
{
	if (!ok)
		abort(); /* the test's own world is broken */
}

/* ------------------------------------------------------- keys and states */

static void path_of(const struct rawbackend *b, bool be, const char *key, char *buf)
{
	const char *sep = *key ? "/" : "";

	if (be)
		snprintf(buf, PATH_MAX_, "/local/domain/%u/backend/vbd/%u/%u%s%s",
			 RAWBE_DOMID, RAWBE_FRONT, b->devid, sep, key);
	else
		snprintf(buf, PATH_MAX_, "/local/domain/%u/device/vbd/%u%s%s",
			 RAWBE_FRONT, b->devid, sep, key);
}

static void put(struct rawbackend *b, bool be, const char *key, const char *value)
{
	char path[PATH_MAX_];

	path_of(b, be, key, path);
	if (value)
		must(!xenstore_write(b->dom0, XENSTORE_NO_TX, path, value));
	else
		(void)xenstore_rm(b->dom0, XENSTORE_NO_TX, path);
}

void rawbe_write(struct rawbackend *b, const char *key, const char *value)
{
	put(b, true, key, value);
}

void rawbe_keys(struct rawbackend *b, const struct rawbe_key *keys)
{
	for (; keys && keys->key; keys++)
		rawbe_write(b, keys->key, keys->value);
}

void rawbe_state(struct rawbackend *b, enum xenbus_state state)
{
	char text[16];

	b->state = state;
	snprintf(text, sizeof(text), "%d", (int)state);
	rawbe_write(b, "state", text);
}

static char *front_key(struct rawbackend *b, const char *key)
{
	char path[PATH_MAX_], *v = NULL;

	path_of(b, false, key, path);
	return xenstore_read(b->dom0, XENSTORE_NO_TX, path, &v, NULL) ? NULL : v;
}

long long rawbe_front_num(struct rawbackend *b, const char *key)
{
	cleanup_free char *v = front_key(b, key);

	return v ? strtoll(v, NULL, 10) : -1;
}

bool rawbe_front_has(struct rawbackend *b, const char *key, const char *value)
{
	cleanup_free char *v = front_key(b, key);

	return v ? value && !strcmp(v, value) : !value;
}

bool rawbe_wait_front(struct rawbackend *b, enum xenbus_state state)
{
	for (int i = 0; i < 100000; i++) {
		if (rawbe_front_num(b, "state") == (long long)state)
			return true;
		usleep(100);
	}
	return false;
}

/* ---------------------------------------------------------------- a life */

void rawbe_new(struct rawbackend *b, struct memhv *hv, unsigned devid, size_t bytes)
{
	char path[PATH_MAX_];

	memset(b, 0, sizeof(*b));
	b->own_hv = !hv;
	b->hv = hv ? hv : memhv_new();
	must(b->hv && !memplat_open(b->hv, 0, &b->dom0) &&
	     !memplat_open(b->hv, RAWBE_DOMID, &b->be));
	b->devid = devid;
	b->bytes = bytes;
	b->sector_size = 512;
	b->disk = calloc(1, bytes ? bytes : 1);
	b->seen = calloc(RAWBE_HISTORY, sizeof(*b->seen));
	b->kept = calloc(RAWBE_REFS, sizeof(*b->kept));
	must(b->disk && b->seen && b->kept);
	b->take = b->answer = -1;
	pthread_mutex_init(&b->lock, NULL);
	path_of(b, true, "", path);
	put(b, false, "backend", path);
	put(b, false, "backend-id", "1");
	put(b, false, "state", "1");
	path_of(b, false, "", path);
	rawbe_write(b, "frontend", path);
	rawbe_write(b, "online", "1");
	rawbe_state(b, XenbusStateInitialising);
}

void rawbe_free(struct rawbackend *b)
{
	rawbe_halt(b);
	rawbe_unmap(b);
	rawbe_write(b, "", NULL);
	put(b, false, "", NULL);
	plat_close(b->be);
	plat_close(b->dom0);
	if (b->own_hv)
		memhv_free(b->hv);
	pthread_mutex_destroy(&b->lock);
	free(b->disk);
	free(b->seen);
	free(b->kept);
}

struct plat *rawbe_front(struct rawbackend *b)
{
	struct plat *p;

	must(!memplat_open(b->hv, RAWBE_FRONT, &p));
	return p;
}

/* ----------------------------------------------------------------- rings */

static uint32_t ring_pages(struct rawbackend *b)
{
	long long order = rawbe_front_num(b, "ring-page-order");
	long long pages = rawbe_front_num(b, "num-ring-pages");

	if (order >= 0)
		return order <= BLKIF_MAX_RING_ORDER ? 1u << order : 0;
	return pages < 0 ? 1 : pages <= 1 << BLKIF_MAX_RING_ORDER ? (uint32_t)pages : 0;
}

static int map_queue(struct rawbackend *b, unsigned i, uint32_t pages, bool bare)
{
	struct rawbe_queue *q = &b->q[i];
	char dir[24] = "", key[64];
	long long v;
	int err;

	if (b->nr_queues > 1)
		snprintf(dir, sizeof(dir), "queue-%u/", i);
	for (uint32_t p = 0; p < pages; p++) {
		if (bare)
			snprintf(key, sizeof(key), "%sring-ref", dir);
		else
			snprintf(key, sizeof(key), "%sring-ref%u", dir, p);
		v = rawbe_front_num(b, key);
		if (v < 0)
			return -ENOENT;
		q->refs[p] = (grant_ref_t)v;
	}
	snprintf(key, sizeof(key), "%sevent-channel", dir);
	v = rawbe_front_num(b, key);
	if (v < 0)
		return -ENOENT;
	err = gnttab_map_ring(b->mapper, q->refs, pages, &q->pages);
	if (err)
		return err;
	q->nr = pages;
	err = ring_back_init(&q->ring, q->pages, (size_t)pages * RING_PAGE_SIZE,
			     blkif_slot_size(b->abi));
	return err ? err
		   : evtchn_bind_interdomain(b->be, RAWBE_FRONT, (evtchn_port_t)v,
					     &q->ch);
}

int rawbe_map(struct rawbackend *b)
{
	long long queues = rawbe_front_num(b, "multi-queue-num-queues");
	uint32_t pages = ring_pages(b);
	bool bare = rawbe_front_num(b, "ring-page-order") < 0 &&
		    rawbe_front_num(b, "num-ring-pages") < 0;
	int err;

	rawbe_unmap(b);
	b->abi = rawbe_front_has(b, "protocol", XEN_IO_PROTO_ABI_X86_32)
			 ? BLKIF_ABI_X86_32
			 : BLKIF_ABI_NATIVE;
	b->persistent = rawbe_front_num(b, "feature-persistent") == 1;
	b->nr_queues = queues < 1 ? 1 : (unsigned)queues;
	if (!pages || b->nr_queues > RAWBE_QUEUES)
		return -EPROTO;
	err = gnttab_mapper_new(b->be, RAWBE_FRONT, &b->mapper);
	for (unsigned i = 0; i < b->nr_queues && !err; i++)
		err = map_queue(b, i, pages, bare);
	if (err)
		rawbe_unmap(b);
	return err;
}

void rawbe_unmap(struct rawbackend *b)
{
	for (unsigned i = 0; i < RAWBE_QUEUES; i++) {
		struct rawbe_queue *q = &b->q[i];

		if (q->ch)
			evtchn_close(q->ch);
		if (q->pages)
			gnttab_unmap_ring(b->mapper, q->refs, q->nr, q->pages);
		memset(q, 0, sizeof(*q));
	}
	for (uint32_t i = 0; i < b->nr_kept; i++)
		gnttab_unmap_refs(b->mapper, &b->kept[i].ref, 1, GNTTAB_WRITE,
				  &b->kept[i].addr);
	b->nr_kept = 0;
	gnttab_mapper_free(b->mapper);
	b->mapper = NULL;
	b->nr_queues = 0;
}

/* ------------------------------------------------------ an honest backend */

static void offer(struct rawbackend *b)
{
	rawbe_keys(b, b->limits);
	rawbe_state(b, XenbusStateInitWait);
}

static void connect_(struct rawbackend *b)
{
	if (rawbe_map(b)) {
		b->bad++;
		rawbe_state(b, XenbusStateClosed);
		return;
	}
	rawbe_keys(b, b->props);
	b->connects++;
	rawbe_state(b, XenbusStateConnected);
}

bool rawbe_step(struct rawbackend *b)
{
	long long fe = rawbe_front_num(b, "state");

	switch (b->state) {
	case XenbusStateInitialising:
		offer(b);
		return true;
	case XenbusStateInitWait:
		if (fe != XenbusStateInitialised && fe != XenbusStateConnected)
			return false;
		connect_(b);
		return true;
	case XenbusStateConnected:
		if (fe == XenbusStateInitialised || fe == XenbusStateConnected)
			return rawbe_serve(b) != 0;
		if (!b->stay)
			rawbe_unmap(b);
		rawbe_state(b, XenbusStateClosed);
		return true;
	case XenbusStateClosed:
		if (fe != XenbusStateInitialising)
			return false;
		offer(b);
		return true;
	default:
		return b->nr_queues && rawbe_serve(b) != 0;
	}
}

static void *run(void *arg)
{
	struct rawbackend *b = arg;
	bool busy;

	while (!atomic_load(&b->stop)) {
		pthread_mutex_lock(&b->lock);
		busy = rawbe_step(b);
		pthread_mutex_unlock(&b->lock);
		if (!busy)
			usleep(50);
	}
	return NULL;
}

void rawbe_run(struct rawbackend *b)
{
	b->stop = false;
	must(!pthread_create(&b->thread, NULL, run, b));
	b->runs = true;
}

void rawbe_halt(struct rawbackend *b)
{
	if (!b->runs)
		return;
	atomic_store(&b->stop, true);
	pthread_join(b->thread, NULL);
	b->runs = false;
}

void rawbe_kill(struct rawbackend *b)
{
	rawbe_halt(b);
	rawbe_unmap(b);
}

void rawbe_again(struct rawbackend *b, const struct rawbe_key *limits,
		 const struct rawbe_key *props)
{
	b->limits = limits;
	b->props = props;
	b->take = b->answer = -1;
	rawbe_state(b, XenbusStateClosed);
	rawbe_run(b);
}

bool rawbe_wait_seen(struct rawbackend *b, uint32_t n)
{
	for (int i = 0; i < 20000 && atomic_load(&b->nr_seen) < n; i++)
		usleep(500);
	return atomic_load(&b->nr_seen) >= n;
}
