/* SPDX-License-Identifier: MIT */
/* A backend's control thread: its workers, its devices, and news from the former. */
#include "backends/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/device.h"

struct backend {
	struct backend_config cfg;
	const struct device_driver *drv;
	void *arg;
	struct plat *plat;
	struct evloop *loop;
	struct xenbus *bus;
	struct worker *worker[BACKEND_MAX_WORKERS];
	uint32_t nr_workers, next_worker;
	bool running, closing;
	int kick_fd;
	struct evsource *kick_source;
	void (*lost)(void *arg);
	void *lost_arg;
};

const struct device_driver *backend_driver(const struct backend *be)
{
	return be->drv;
}

void *backend_arg(const struct backend *be)
{
	return be->arg;
}

struct worker *backend_worker(struct backend *be, uint32_t i)
{
	return be->worker[i % be->nr_workers];
}

uint32_t backend_next_worker(struct backend *be)
{
	return be->next_worker++;
}

bool backend_closing(const struct backend *be)
{
	return be->closing;
}

void backend_kick(struct backend *be)
{
	uint64_t one = 1;

	/* cannot fail: the counter is far from full */
	(void)!write(be->kick_fd, &one, sizeof(one));
}

static void backend_wake_all(struct backend *be)
{
	struct xenbus_device *d, *next;

	for (d = xenbus_first(be->bus); d; d = next) {
		next = d->next;
		device_wake((struct device *)d);
	}
}

static void backend_kicked(void *arg, uint32_t events)
{
	struct backend *be = arg;
	uint64_t n;

	(void)events;
	/* cannot fail in a way that matters: all devices are looked at anyway */
	(void)!read(be->kick_fd, &n, sizeof(n));
	backend_wake_all(be);
}

static void backend_lost(void *arg)
{
	struct backend *be = arg;

	be->lost(be->lost_arg);
}

static int backend_make_workers(struct backend *be)
{
	int err;

	for (uint32_t i = 0; i < be->cfg.workers; i++) {
		err = worker_new(&be->worker[i], be->cfg.poll_ns,
				 be->cfg.pin ? (int)i : -1);
		if (err)
			return err;
		be->nr_workers = i + 1;
	}
	return 0;
}

int backend_start(struct backend *be)
{
	struct xenbus_driver drv = device_xenbus_driver;
	int err;

	for (uint32_t i = 0; i < be->nr_workers; i++) {
		err = worker_run(be->worker[i]);
		if (err)
			return err;
	}
	be->running = true;
	err = be->drv->started ? be->drv->started(be) : 0;
	if (err)
		return err;
	drv.type = be->drv->type;
	drv.fe_key = be->drv->fe_key;
	drv.arg = be;
	return xenbus_new(be->plat, be->loop, &drv, backend_lost, &be->bus);
}

int backend_new(struct plat *p, struct evloop *loop, const struct backend_config *cfg,
		const struct device_driver *drv, void *arg, void (*lost)(void *arg),
		void *lost_arg, struct backend **out)
{
	struct backend *be = calloc(1, sizeof(*be));
	int err;

	if (!be)
		return -ENOMEM;
	be->cfg = *cfg;
	be->drv = drv;
	be->arg = arg;
	be->plat = p;
	be->loop = loop;
	be->lost = lost;
	be->lost_arg = lost_arg;
	be->kick_fd = -1;
	err = -EINVAL;
	if (!cfg->workers || cfg->workers > BACKEND_MAX_WORKERS)
		goto fail;
	be->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = be->kick_fd < 0 ? -errno : 0;
	if (!err)
		err = evloop_add(loop, be->kick_fd, EPOLLIN, backend_kicked, be,
				 &be->kick_source);
	if (!err)
		err = backend_make_workers(be);
	if (err)
		goto fail;
	*out = be;
	return 0;
fail:
	backend_free(be);
	return err;
}

void backend_poll(struct backend *be)
{
	xenbus_poll(be->bus);
}

void backend_shutdown(struct backend *be)
{
	be->closing = true;
	backend_wake_all(be);
}

bool backend_idle(const struct backend *be)
{
	for (struct xenbus_device *d = xenbus_first(be->bus); d; d = d->next)
		if (((struct device *)d)->nr_queues)
			return false;
	return true;
}

void backend_free(struct backend *be)
{
	struct xenbus_device *d;

	if (!be)
		return;
	while (be->bus && (d = xenbus_first(be->bus)))
		device_destroy((struct device *)d);
	xenbus_free(be->bus);
	if (be->running && be->drv->ending)
		be->drv->ending(be);
	for (uint32_t i = 0; i < be->nr_workers; i++)
		worker_free(be->worker[i]);
	if (be->kick_source)
		evloop_del(be->kick_source);
	if (be->kick_fd >= 0)
		close(be->kick_fd);
	free(be);
}
