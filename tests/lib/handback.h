/* SPDX-License-Identifier: MIT */
/*
 * A backend by hand, for tests that want to see a frontend's requests or give
 * it answers that no backend should: rawbackend.h, with cmocka's assertions. The
 * frontend under test is libtandem. The test's own thread is the backend, the
 * disk is opened by another.
 */
#ifndef TANDEM_TESTS_LIB_HANDBACK_H
#define TANDEM_TESTS_LIB_HANDBACK_H

#include "frontends/blkfront.h"
#include "tests/lib/rawbackend.h"

#define HB_DISK_BYTES (64u << 20)

struct handback {
	struct rawbackend be; /* it takes no step by itself */
	/* the frontend */
	pthread_t opener;
	struct tandem_opts opts;
	struct tandem_disk *disk;
	char *why;
	int err;
};

/* Both directories of a disk, backend in Initialising with usual properties. */
void hb_start(struct handback *hb);
/* Closes the disk and checks that nothing is left. */
void hb_stop(struct handback *hb);

/* For cmocka: *state is one that has started. */
int hb_setup(void **state);
int hb_teardown(void **state);
/* The same for two: the other's disk is open, and has to work in the end. */
struct hb_pair {
	struct handback hb, other;
};
int hb_pair_setup(void **state);
int hb_pair_teardown(void **state);

/* A key of the backend's directory; value NULL removes it. */
void hb_set(struct handback *hb, const char *key, const char *value);
void hb_setn(struct handback *hb, const char *key, unsigned long long value);
void hb_state(struct handback *hb, enum xenbus_state state);
/* A number among the frontend's keys, -1 if it is missing. */
long hb_get(struct handback *hb, const char *key);
/* The frontend's state becomes that within 10 s. */
void hb_wait_front(struct handback *hb, enum xenbus_state state);

/* Starts tandem_open() in a thread; hb_opened() takes its result. */
void hb_open(struct handback *hb, const struct tandem_opts *opts);
int hb_opened(struct handback *hb);
/* InitWait, maps what the frontend publishes, Connected. */
void hb_connect(struct handback *hb);
void hb_map(struct handback *hb);
/* All of it, for a well-behaved start. */
void hb_up(struct handback *hb, const struct tandem_opts *opts);
/* Forgets the rings, as a backend that dies does. */
void hb_drop(struct handback *hb);

/* The next request of queue qi; false if none comes within 5 s. */
bool hb_take(struct handback *hb, unsigned qi, struct blkif_req *req);
void hb_answer(struct handback *hb, unsigned qi, uint64_t id, uint8_t op, int16_t status);
/* Answers a request as it should be. */
void hb_okay(struct handback *hb, unsigned qi, const struct blkif_req *req);
/* The request's segments, direct or not. Returns how many. */
unsigned hb_segments(struct handback *hb, const struct blkif_req *req,
		     struct blkif_request_segment *seg, unsigned max);
/* Bytes that a read or write carries. */
size_t hb_length(struct handback *hb, const struct blkif_req *req);
/* The granted page. */
uint8_t *hb_page(struct handback *hb, grant_ref_t ref);

/* One read of 4 KiB on queue 0, shown to the backend. */
void hb_submit(struct handback *hb, struct tandem_io *io, uint64_t sector, void *buf);
/* Waits for it; its result. */
int hb_finish(struct handback *hb, struct tandem_io *io);
/* A disk that behaves does one I/O. */
void hb_check_works(struct handback *hb);
/* The connection ends, the disk is closed; the backend is as at the start. */
void hb_again(struct handback *hb);

#endif
