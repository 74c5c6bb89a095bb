/* SPDX-License-Identifier: MIT */
/* xenbus states (Xen's public io/xenbus.h) and the moves that are legal. */
#ifndef TANDEM_RINGPROTO_XENBUS_H
#define TANDEM_RINGPROTO_XENBUS_H

#include <stdbool.h>

enum xenbus_state {
	XenbusStateUnknown = 0,
	XenbusStateInitialising = 1,
	XenbusStateInitWait = 2,
	XenbusStateInitialised = 3,
	XenbusStateConnected = 4,
	XenbusStateClosing = 5,
	XenbusStateClosed = 6,
	XenbusStateReconfiguring = 7,
	XenbusStateReconfigured = 8,
};

/* Is `state`, as read from xenstore, one of the protocol's? */
static inline bool xenbus_state_valid(long state)
{
	return state >= XenbusStateUnknown && state <= XenbusStateReconfigured;
}

/*
 * May one end move its own state from `from` to `to`? Forward steps may skip;
 * closing is always allowed; a new life starts from Closed (or from a state
 * that a dead predecessor left behind, through Closed).
 */
static inline bool xenbus_move_ok(enum xenbus_state from, enum xenbus_state to)
{
	switch (to) {
	case XenbusStateUnknown:
		return false;
	case XenbusStateInitialising:
		return from == XenbusStateUnknown || from == XenbusStateInitialising ||
		       from == XenbusStateClosed;
	case XenbusStateInitWait:
	case XenbusStateInitialised:
		return from < to || from == XenbusStateClosed;
	case XenbusStateConnected:
		return from < to || from == XenbusStateReconfigured;
	case XenbusStateClosing:
		return from != XenbusStateClosed;
	case XenbusStateClosed:
		return true;
	case XenbusStateReconfiguring:
		return from == XenbusStateConnected;
	case XenbusStateReconfigured:
		return from == XenbusStateReconfiguring || from == XenbusStateConnected;
	}
	return false;
}

/* For log lines and listings. */
static inline const char *xenbus_state_name(enum xenbus_state s)
{
	static const char *const names[] = {
		"Unknown", "Initialising", "InitWait",	    "Initialised",  "Connected",
		"Closing", "Closed",	   "Reconfiguring", "Reconfigured",
	};

	return xenbus_state_valid((long)s) ? names[s] : "invalid";
}

#endif
