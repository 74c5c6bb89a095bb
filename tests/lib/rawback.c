/* SPDX-License-Identifier: MIT */
/* A backend on a thread, and both ends' keys. */
#include "tests/lib/rawback.h"

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
		backend_poll(rb->backend);
	}
	return NULL;
}

void rawback_lost(void *arg)
{
	(void)arg;
}

void rawback_open(struct rawback *rb, const char *type)
{
	memset(rb, 0, sizeof(*rb));
	rb->type = type;
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
}

void rawback_run(struct rawback *rb)
{
	assert_int_equal(backend_start(rb->backend), 0);
	assert_int_equal(pthread_create(&rb->thread, NULL, rawback_thread, rb), 0);
}

void rawback_stop(struct rawback *rb)
{
	uint64_t one = 1;

	(void)!write(rb->stop_fd, &one, sizeof(one));
	pthread_join(rb->thread, NULL);
	backend_free(rb->backend);
	evloop_free(rb->loop);
	close(rb->stop_fd);
	assert_int_equal(memhv_mapped(rb->hv), 0);
	plat_close(rb->fe);
	plat_close(rb->be);
	plat_close(rb->dom0);
	memhv_free(rb->hv);
	free(rb->cfg);
}

static void rawback_path(const struct rawback *rb, char *buf, size_t size, bool be,
			 unsigned devid, const char *key)
{
	if (be)
		snprintf(buf, size, "/local/domain/%u/backend/%s/%u/%u%s%s", RF_BE,
			 rb->type, RF_FE, devid, *key ? "/" : "", key);
	else
		snprintf(buf, size, "/local/domain/%u/device/%s/%u%s%s", RF_FE, rb->type,
			 devid, *key ? "/" : "", key);
}

void rawback_be_write(struct rawback *rb, unsigned devid, const char *key, const char *v)
{
	char path[256];

	rawback_path(rb, path, sizeof(path), true, devid, key);
	assert_int_equal(xenstore_write(rb->dom0, XENSTORE_NO_TX, path, v), 0);
}

void rawback_fe_write(struct rawback *rb, unsigned devid, const char *key, const char *v)
{
	char path[256];

	rawback_path(rb, path, sizeof(path), false, devid, key);
	assert_int_equal(xenstore_write(rb->dom0, XENSTORE_NO_TX, path, v), 0);
}

long rawback_be_num(struct rawback *rb, unsigned devid, const char *key)
{
	char path[256];
	cleanup_free char *v = NULL;

	rawback_path(rb, path, sizeof(path), true, devid, key);
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

void rawback_fe_num(struct rawback *rb, unsigned devid, const char *key, unsigned v)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", v);
	rawback_fe_write(rb, devid, key, text);
}

void rawback_make(struct rawback *rb, unsigned devid, const char *const *keys)
{
	char fe[256], be[256];

	rawback_path(rb, fe, sizeof(fe), false, devid, "");
	rawback_path(rb, be, sizeof(be), true, devid, "");
	rawback_fe_write(rb, devid, "backend", be);
	rawback_fe_write(rb, devid, "backend-id", "1");
	rawback_fe_write(rb, devid, "state", "1");
	rawback_be_write(rb, devid, "frontend-id", "2");
	rawback_be_write(rb, devid, "online", "1");
	rawback_be_write(rb, devid, "state", "1");
	for (; *keys; keys += 2)
		rawback_be_write(rb, devid, keys[0], keys[1]);
	/* last: it makes the device */
	rawback_be_write(rb, devid, "frontend", fe);
}

void rawback_detach(struct rawback *rb, unsigned devid)
{
	char path[256];

	rawback_path(rb, path, sizeof(path), true, devid, "");
	(void)xenstore_rm(rb->dom0, XENSTORE_NO_TX, path);
	rawback_path(rb, path, sizeof(path), false, devid, "");
	(void)xenstore_rm(rb->dom0, XENSTORE_NO_TX, path);
}
