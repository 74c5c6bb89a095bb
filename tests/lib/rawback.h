/* SPDX-License-Identifier: MIT */
/*
 * A backend on a thread of its own over the platform in memory (memplat.h), and
 * the toolstack's and the guest's plats beside it. For tests that are the
 * frontend by hand: rawfront.h (disks), rawvif.h (interfaces).
 */
#ifndef TANDEM_TESTS_LIB_RAWBACK_H
#define TANDEM_TESTS_LIB_RAWBACK_H

#include <pthread.h>

#include "backends/backend.h"
#include "ringproto/xenbus.h"
#include "tests/lib/memplat.h"

#define RF_BE 1u
#define RF_FE 2u

struct rawback {
	const char *type; /* "vbd", "vif" */
	struct memhv *hv;
	struct plat *be, *fe, *dom0;
	struct evloop *loop;
	struct backend *backend;
	pthread_t thread;
	int stop_fd;
	void *cfg; /* the backend's, freed by rawback_stop() */
};

/* What is there before the backend: the caller makes rb->backend with rb->be and
 * rb->loop, then starts it. */
void rawback_open(struct rawback *rb, const char *type);
void rawback_run(struct rawback *rb);
void rawback_lost(void *arg);
/* Ends it and checks that no page is left mapped. */
void rawback_stop(struct rawback *rb);

/* The toolstack's part: both directories of a device. keys: of the backend's,
 * name, value, ..., NULL. */
void rawback_make(struct rawback *rb, unsigned devid, const char *const *keys);
void rawback_detach(struct rawback *rb, unsigned devid);
/* A key of the backend's or the frontend's directory. */
void rawback_be_write(struct rawback *rb, unsigned devid, const char *key, const char *v);
void rawback_fe_write(struct rawback *rb, unsigned devid, const char *key, const char *v);
/* A number of the frontend's. */
void rawback_fe_num(struct rawback *rb, unsigned devid, const char *key, unsigned v);
/* -1: no such key. */
long rawback_be_num(struct rawback *rb, unsigned devid, const char *key);
/* Waits for the backend to reach `state` (10 s). */
bool rawback_wait_state(struct rawback *rb, unsigned devid, enum xenbus_state state);

#endif
