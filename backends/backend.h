/* SPDX-License-Identifier: MIT */
/*
 * A backend process: one control thread (xenbus, files, life and death of
 * devices) and a fixed set of workers (worker.h), over which the devices'
 * queues are spread. The same for every kind of device (device.h).
 */
#ifndef TANDEM_BACKENDS_BACKEND_H
#define TANDEM_BACKENDS_BACKEND_H

#include "backends/worker.h"
#include "backends/xenbus.h"

#define BACKEND_MAX_WORKERS 64u

struct backend;
struct device_driver; /* device.h */

struct backend_config {
	uint32_t workers; /* 1..BACKEND_MAX_WORKERS */
	uint64_t poll_ns; /* as struct adapt's max_ns */
	bool pin;	  /* worker i on CPU i */
};

/*
 * Makes what needs rights: rings. No thread runs and nothing of a guest's is
 * read before backend_start(): the place for a sandbox is between the two.
 * arg: the driver's own, backend_arg(). lost: the hypervisor is gone; called
 * once, from the loop. -EINVAL: cfg
 */
int backend_new(struct plat *p, struct evloop *loop, const struct backend_config *cfg,
		const struct device_driver *drv, void *arg, void (*lost)(void *arg),
		void *lost_arg, struct backend **be);
int backend_start(struct backend *be);
/* After every round of the loop. */
void backend_poll(struct backend *be);
/*
 * Begins to close every device (state Closing, then Closed); backend_idle() says
 * when all are. For a clean end: frontends see a backend that may come back.
 */
void backend_shutdown(struct backend *be);
bool backend_idle(const struct backend *be);
/* Frees everything; devices that are still served are dropped. */
void backend_free(struct backend *be);

/* ---- for device.c and the drivers ---- */

const struct device_driver *backend_driver(const struct backend *be);
void *backend_arg(const struct backend *be);
struct worker *backend_worker(struct backend *be, uint32_t i); /* modulo their number */
uint32_t backend_next_worker(struct backend *be);
bool backend_closing(const struct backend *be);
/* A worker has news of a device's queue: device_wake() on the control thread. */
void backend_kick(struct backend *be);

#endif
