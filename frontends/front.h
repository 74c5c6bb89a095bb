/* SPDX-License-Identifier: MIT */
/*
 * The xenbus life of a frontend's device: it is found and claimed, walks
 * through the states to Connected, loses its backend and meets the next one.
 * What is published and what a connection is, is the kind's: struct front_ops.
 *
 * Threads: front_start() runs the life on the caller's thread until it is
 * connected, from then on the control thread does. front_poke(), front_break()
 * and front_stop(): any thread.
 */
#ifndef TANDEM_FRONTENDS_FRONT_H
#define TANDEM_FRONTENDS_FRONT_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "frontends/xenbus.h"

#define FRONT_MAX_FDS 256 /* event channels that a kind may have */

struct front;

struct front_ops {
	const char *type;   /* in xenstore: "vbd" */
	const char *what;   /* for a person: "disk" */
	const char *server; /* for a person: the program that serves it */
	/*
	 * All on the control thread, all required unless said otherwise. -errno
	 * ends the device; xenbus_fail() says why.
	 */

	/* A device's name as a person writes it. Optional: its number. */
	void (*name)(uint32_t devid, char *buf, size_t len);
	/* The backend is in InitWait: reads what it offers, makes rings, writes keys
	 * and our state. */
	int (*publish)(struct front *f);
	/* Frees what publish() made, also half of it. */
	void (*drop)(struct front *f);
	/* The backend is Connected: reads the rest and lets the data flow. */
	int (*connect)(struct front *f);
	/* Optional: the first connection is there, and no thread yet. */
	int (*opened)(struct front *f);
	/* Connected, and something was written. */
	int (*changed)(struct front *f);
	/* The backend is gone: off the rings, then as drop(). */
	int (*lose)(struct front *f);
	/* Is an event channel dead? */
	bool (*cut)(struct front *f);
	/* Optional: the toolstack takes the device away; drained() says when nothing
	 * is in flight any more. */
	void (*detach)(struct front *f);
	bool (*drained)(struct front *f);
	/* No backend for reconnect_ms. */
	void (*overdue)(struct front *f);
	/* The device is no more; off the rings and as drop(). */
	void (*die)(struct front *f, int err);
	/* What to wait for besides, at most FRONT_MAX_FDS, in phase CONNECTED. */
	unsigned (*fds)(struct front *f, struct pollfd *fds);
	/* The same after the wait, with revents. */
	void (*woken)(struct front *f, const struct pollfd *fds, unsigned n);
};

enum front_phase {
	FRONT_LOST,
	FRONT_PUBLISHED,
	FRONT_CONNECTED,
	FRONT_DRAIN,
	FRONT_DEAD
};

struct front { /* first member of a kind's own struct */
	const struct front_ops *ops;
	struct plat *plat;
	struct xenbus_front xb;
	uint32_t devid;
	unsigned connect_ms;
	unsigned reconnect_ms; /* 0: no limit */
	enum front_phase phase;
	uint64_t phase_since; /* ns; of FRONT_LOST: since the last connection */
	bool claimed;
	bool opened;	   /* has been connected */
	bool failing;	   /* reconnect_ms is over */
	unsigned attempts; /* to connect, lately */
	pthread_t thread;
	bool thread_runs;
	int ctl; /* eventfd */
	_Atomic bool stop, broken;
};

/* ------------------------------------------------------------------ front.c */

/* *f is zeroed. -EMFILE. front_close() undoes all below, also after an error. */
int front_init(struct front *f, const struct front_ops *ops);
/* Connects as the domain of "DOMAIN/DEVICE": sets f->plat, which may be set already
 * instead. *device points behind the slash. want: the form of a name, for a person. */
int front_connect_as(struct front *f, const char *platform, const char *name,
		     const char *want, const char **device);
/* Finds device `devid`, which the person called `name`, and claims it. */
int front_take(struct front *f, uint32_t devid, const char *name);
/* Tells the backend, and gives it a moment to let go; before the rings go. */
void front_goodbye(struct front *f);
void front_close(struct front *f);

/* ------------------------------------------------------------- front_step.c */

/* One look at xenstore and what follows from it. -errno: the device is lost for
 * good and xb.why says why. */
int front_step(struct front *f);
/* The device is no more. */
void front_die(struct front *f, int err);
/* Writes our state if it is another. */
int front_state(struct front *f, enum xenbus_state state);

/* ----------------------------------------------------------- front_thread.c */

/* Connects within connect_ms, then starts the control thread. */
int front_start(struct front *f);
void front_stop(struct front *f);
/* One round of the control thread: events, then a step. */
int front_round(struct front *f);
/* Tells the control thread to look. */
void front_poke(struct front *f);
/* The backend broke a ring's protocol. */
void front_break(struct front *f);

#endif
