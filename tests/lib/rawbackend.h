/* SPDX-License-Identifier: MIT */
/*
 * A block backend by hand, over the platform in memory: the mirror of
 * rawfront.h. Each step of its life is a function, so that a test can leave it
 * out, repeat it or do it wrong; rawbe_step() does the next right one.
 *
 * It checks what the frontend sends as a strict backend would: `bad` counts
 * requests that an honest frontend never makes.
 */
#ifndef TANDEM_TESTS_LIB_RAWBACKEND_H
#define TANDEM_TESTS_LIB_RAWBACKEND_H

#include <pthread.h>

#include "ringproto/blkif.h"
#include "ringproto/xenbus.h"
#include "tests/lib/memplat.h"

#define RAWBE_DOMID   1u
#define RAWBE_FRONT   2u
#define RAWBE_DEVID   51712u /* xvda */
#define RAWBE_QUEUES  8u
#define RAWBE_REFS    1024u
#define RAWBE_HISTORY 2048u

/* A key of the backend's directory; value NULL removes it. Ends with {0}. */
struct rawbe_key {
	const char *key, *value;
};

struct rawbe_queue {
	struct ring_back ring;
	struct evtchn *ch;
	void *pages;
	grant_ref_t refs[1u << BLKIF_MAX_RING_ORDER];
	uint32_t nr;
};

/* A request as it came. */
struct rawbe_seen {
	unsigned queue;
	uint8_t op; /* of an indirect one: what it asks for */
	bool indirect;
	uint8_t flag;
	uint16_t segments;
	uint64_t id, sector, sectors;
};

struct rawbe_map {
	grant_ref_t ref;
	void *addr;
};

struct rawbackend {
	struct memhv *hv;
	bool own_hv;
	struct plat *be, *dom0;
	unsigned devid;
	enum xenbus_state state;
	const struct rawbe_key *limits, *props; /* what it publishes */
	/* What the frontend chose. */
	struct gnttab_mapper *mapper;
	enum blkif_abi abi;
	bool persistent;
	unsigned nr_queues;
	struct rawbe_queue q[RAWBE_QUEUES];
	/* The disk, and what is left of persistent grants. */
	uint8_t *disk;
	size_t bytes;
	uint32_t sector_size;
	bool readonly;
	struct rawbe_map *kept;
	uint32_t nr_kept;
	struct rawbe_seen *seen;
	_Atomic uint32_t nr_seen;
	_Atomic uint32_t bad;
	/* Requests that are taken from now on, and those of them that are
	 * answered; < 0: all. */
	_Atomic int take, answer;
	int16_t fail; /* the status of those, if not 0 */
	bool stay;    /* keeps its pages mapped whatever the frontend does */
	_Atomic uint32_t connects;
	/* Its thread; lock: held while it makes a step. */
	pthread_t thread;
	pthread_mutex_t lock;
	bool runs;
	_Atomic bool stop;
};

/* hv NULL: its own. The toolstack's part is done: both directories are there. */
void rawbe_new(struct rawbackend *b, struct memhv *hv, unsigned devid, size_t bytes);
void rawbe_free(struct rawbackend *b);
/* The frontend's plat, for disk_open_plat(). */
struct plat *rawbe_front(struct rawbackend *b);

/* Keys and states, of both directories (front: the frontend's, read only). */
void rawbe_write(struct rawbackend *b, const char *key, const char *value);
void rawbe_keys(struct rawbackend *b, const struct rawbe_key *keys);
void rawbe_state(struct rawbackend *b, enum xenbus_state state);
/* -1: no such key. */
long long rawbe_front_num(struct rawbackend *b, const char *key);
bool rawbe_front_has(struct rawbackend *b, const char *key, const char *value);
/* Waits for the frontend's state, 10 s. */
bool rawbe_wait_front(struct rawbackend *b, enum xenbus_state state);

/* Takes up the rings that the frontend published; -errno: they make no sense. */
int rawbe_map(struct rawbackend *b);
/* Lets go of everything without a word, as a process that is killed does. */
void rawbe_unmap(struct rawbackend *b);

/* The next request of queue i, noted in seen[]. False: none. */
bool rawbe_take(struct rawbackend *b, unsigned i, struct blkif_req *req);
/* Does it on the memory disk. The status that is right. */
int16_t rawbe_do(struct rawbackend *b, const struct blkif_req *req);
/* Its segments, direct or not, BLKIF_MAX_INDIRECT_SEGMENTS at most. How many; -1:
 * they make no sense. */
int rawbe_segments(struct rawbackend *b, const struct blkif_req *req,
		   struct blkif_request_segment *seg);
/* One response, whatever it says, published and notified. */
void rawbe_answer(struct rawbackend *b, unsigned i, uint64_t id, uint8_t op, int16_t st);
/* Takes, does and answers what is there. Returns how many. */
unsigned rawbe_serve(struct rawbackend *b);

/* The next step of an honest backend. True if it did something. */
bool rawbe_step(struct rawbackend *b);
/* The same on a thread, until rawbe_halt(). */
void rawbe_run(struct rawbackend *b);
void rawbe_halt(struct rawbackend *b);
/* Killed, and started again: the new one offers `limits` and `props`. */
void rawbe_kill(struct rawbackend *b);
void rawbe_again(struct rawbackend *b, const struct rawbe_key *limits,
		 const struct rawbe_key *props);
/* Waits until n requests were seen, 10 s. */
bool rawbe_wait_seen(struct rawbackend *b, uint32_t n);

#endif
