/* SPDX-License-Identifier: MIT */
/* The xenstore client's queue of watch events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/plat/proc_xs.h"

struct xs_watch {
	LIST_ENTRY(xs_watch) link;
	char *token; /* behind path */
	uint32_t waiting;
	uint32_t overflow; /* the watch's own path waits, for all */
	char path[];
};

struct xs_event {
	STAILQ_ENTRY(xs_event) link;
	struct xs_watch *watch;
	char *token; /* behind path */
	char path[];
};

/* Two strings in one allocation behind `head` bytes. */
static void *strings_new(size_t head, const char *a, const char *b, char **b_copy)
{
	size_t alen = strlen(a) + 1, blen = strlen(b) + 1;
	char *p = calloc(1, head + alen + blen);

	if (!p)
		return NULL;
	memcpy(p + head, a, alen);
	memcpy(p + head + alen, b, blen);
	*b_copy = p + head + alen;
	return p;
}

static struct xs_watch *watch_find(struct proc_xs *xs, const char *path,
				   const char *token)
{
	struct xs_watch *w;

	LIST_FOREACH (w, &xs->watches, link)
		if (!strcmp(w->token, token) && (!path || !strcmp(w->path, path)))
			return w;
	return NULL;
}

int xsq_watch(struct proc_xs *xs, const char *path, const char *token)
{
	struct xs_watch *w;
	char *copy;

	if (watch_find(xs, path, token))
		return 0; /* the server will say EEXIST */
	w = strings_new(offsetof(struct xs_watch, path), path, token, &copy);
	if (!w)
		return -ENOMEM;
	w->token = copy;
	LIST_INSERT_HEAD(&xs->watches, w, link);
	return 0;
}

/* Events of `w`, or all of them if it is NULL. */
static void events_drop(struct proc_xs *xs, const struct xs_watch *w)
{
	struct xs_event *e = STAILQ_FIRST(&xs->events), *next;

	for (; e; e = next) {
		next = STAILQ_NEXT(e, link);
		if (w && e->watch != w)
			continue;
		STAILQ_REMOVE(&xs->events, e, xs_event, link);
		free(e);
	}
}

void xsq_unwatch(struct proc_xs *xs, const char *path, const char *token)
{
	struct xs_watch *w = watch_find(xs, path, token);

	if (!w)
		return;
	events_drop(xs, w);
	LIST_REMOVE(w, link);
	free(w);
}

static bool event_waits(const struct proc_xs *xs, const struct xs_watch *w,
			const char *path)
{
	const struct xs_event *e;

	STAILQ_FOREACH (e, &xs->events, link)
		if (e->watch == w && !strcmp(e->path, path))
			return true;
	return false;
}

/*
 * The watch that an event belongs to: with its token, at or above its path. A
 * relative watch's events have relative paths, so that this compares alike. A
 * token alone would do for well-kept tokens.
 */
static struct xs_watch *watch_of(struct proc_xs *xs, const char *path, const char *token)
{
	struct xs_watch *w;
	size_t len;

	LIST_FOREACH (w, &xs->watches, link) {
		len = strlen(w->path);
		if (!strcmp(w->token, token) && !strncmp(w->path, path, len) &&
		    (!path[len] || path[len] == '/' || (len == 1 && *path == '/')))
			return w;
	}
	return watch_find(xs, NULL, token);
}

int xsq_put(struct proc_xs *xs, const char *payload, size_t len)
{
	size_t plen = strnlen(payload, len), tlen;
	const char *path = payload, *token = payload + plen + 1;
	struct xs_watch *w;
	struct xs_event *e;
	char *copy;

	if (plen == len)
		return -EPROTO;
	tlen = strnlen(token, len - plen - 1);
	if (plen + 1 + tlen == len)
		return -EPROTO;
	w = watch_of(xs, path, token);
	if (!w || w->overflow || event_waits(xs, w, path))
		return 0; /* unwatched meanwhile, or said already */
	if (w->waiting >= XS_EVENTS_PER_WATCH) {
		events_drop(xs, w);
		w->waiting = 0;
		w->overflow = 1;
		path = w->path;
	}
	e = strings_new(offsetof(struct xs_event, path), path, token, &copy);
	if (!e)
		return -ENOMEM;
	e->token = copy;
	e->watch = w;
	w->waiting++;
	STAILQ_INSERT_TAIL(&xs->events, e, link);
	return 0;
}

int xsq_take(struct proc_xs *xs, char **path, char **token)
{
	struct xs_event *e = STAILQ_FIRST(&xs->events);
	char *out, *copy;

	if (!e)
		return -EAGAIN;
	out = strings_new(0, e->path, e->token, &copy);
	if (!out)
		return -ENOMEM;
	STAILQ_REMOVE_HEAD(&xs->events, link);
	e->watch->waiting--;
	e->watch->overflow = 0;
	free(e);
	*path = out;
	*token = copy;
	return 0;
}

void xsq_end(struct proc_xs *xs)
{
	events_drop(xs, NULL);
	while (!LIST_EMPTY(&xs->watches)) {
		struct xs_watch *w = LIST_FIRST(&xs->watches);

		LIST_REMOVE(w, link);
		free(w);
	}
}
