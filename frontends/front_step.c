/* SPDX-License-Identifier: MIT */
/*
 * The xenbus life of a device, one step at a time: from what the backend's state
 * is and where we are follows what we do. A backend may say anything at any
 * time; each step does a bounded amount of work.
 */
#include <errno.h>

#include "frontends/front.h"
#include "hv/base/adapt.h"
#include "hv/base/log.h"

static void enter(struct front *f, enum front_phase phase)
{
	f->phase = phase;
	f->phase_since = clock_ns();
}

int front_state(struct front *f, enum xenbus_state state)
{
	return f->xb.state == state ? 0 : xenbus_switch_state(&f->xb, state);
}

void front_die(struct front *f, int err)
{
	f->ops->die(f, err);
	enter(f, FRONT_DEAD);
	/* cannot fail in a way that matters: nothing is left to lose */
	(void)front_state(f, XenbusStateClosed);
	if (f->opened)
		log_warn("%s/%s: %s", plat_domain_name(f->plat), f->xb.path,
			 err == -ENODEV ? "detached" : f->xb.why);
}

static int step_lost(struct front *f, enum xenbus_state be, bool online)
{
	int err;

	if (!online)
		return xenbus_fail(&f->xb, -ENODEV, "%s is detached", f->xb.path);
	switch (be) {
	case XenbusStateInitWait:
		f->attempts++;
		err = f->ops->publish(f);
		if (!err)
			f->phase = FRONT_PUBLISHED; /* since when, stays */
		return err;
	case XenbusStateInitialising:
	case XenbusStateClosed:
		return front_state(f, XenbusStateInitialising);
	case XenbusStateClosing:
	case XenbusStateInitialised:
	case XenbusStateConnected:
		/* somebody's earlier connection: ends when it sees us closed */
		return front_state(f, XenbusStateClosed);
	case XenbusStateUnknown:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	}
	return 0;
}

static int step_published(struct front *f, enum xenbus_state be, bool online)
{
	int err;

	switch (be) {
	case XenbusStateConnected:
		err = f->ops->connect(f);
		if (err)
			return err;
		if (f->opened)
			log_info("%s: connected again after %llu us", f->xb.path,
				 (unsigned long long)(clock_ns() - f->phase_since) /
					 1000);
		f->opened = true;
		f->failing = false;
		enter(f, FRONT_CONNECTED);
		return 0;
	case XenbusStateClosing:
	case XenbusStateClosed:
	case XenbusStateUnknown:
		f->ops->drop(f);
		f->phase = FRONT_LOST; /* since when, stays */
		return step_lost(f, be, online);
	case XenbusStateInitialising:
	case XenbusStateInitWait:
	case XenbusStateInitialised:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	}
	return 0;
}

static int step_connected(struct front *f, enum xenbus_state be, bool online)
{
	int err;

	switch (be) {
	case XenbusStateConnected:
		err = f->ops->changed(f);
		if (err || !f->ops->cut(f))
			return err;
		break;
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		return 0;
	case XenbusStateClosing:
		if (online || !f->ops->detach)
			break;
		f->ops->detach(f);
		enter(f, FRONT_DRAIN);
		return 0;
	case XenbusStateUnknown:
	case XenbusStateInitialising:
	case XenbusStateInitWait:
	case XenbusStateInitialised:
	case XenbusStateClosed:
		break;
	}
	err = f->ops->lose(f);
	enter(f, FRONT_LOST);
	log_info("%s: the backend went away, waiting", f->xb.path);
	return err ? err : step_lost(f, be, online);
}

static int step_drain(struct front *f, enum xenbus_state be)
{
	uint64_t limit = f->reconnect_ms * UINT64_C(1000000);

	if (!f->ops->drained(f) && be == XenbusStateClosing && !f->ops->cut(f) &&
	    clock_ns() - f->phase_since < limit)
		return 0;
	return xenbus_fail(&f->xb, -ENODEV, "%s is detached", f->xb.path);
}

int front_step(struct front *f)
{
	enum xenbus_state be;
	bool online;
	int err;

	if ((err = xenbus_backend_state(&f->xb, &be)) ||
	    (err = xenbus_backend_online(&f->xb, &online)))
		return err;
	switch (f->phase) {
	case FRONT_LOST:
		return step_lost(f, be, online);
	case FRONT_PUBLISHED:
		return step_published(f, be, online);
	case FRONT_CONNECTED:
		return step_connected(f, be, online);
	case FRONT_DRAIN:
		return step_drain(f, be);
	case FRONT_DEAD:
		break;
	}
	return 0;
}
