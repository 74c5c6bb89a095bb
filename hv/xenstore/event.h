/* SPDX-License-Identifier: MIT */
/* Pending watch events of a connection: merged, bounded, in order. */
#ifndef TANDEM_HV_XENSTORE_EVENT_H
#define TANDEM_HV_XENSTORE_EVENT_H

#include "hv/xenstore/watch.h"

/* path[0..len) changed at or below w's path. */
void event_add(struct xs_server *srv, struct xs_watch *w, const char *path, size_t len);
void event_drop_all(struct xs_server *srv, struct xs_watch *w);

#endif
