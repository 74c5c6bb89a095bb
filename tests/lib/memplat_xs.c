/* SPDX-License-Identifier: MIT */
/* The platform in memory: a xenstore of a list, without permissions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ringproto/xs_wire.h"
#include "tests/lib/memplat_int.h"

static char *mem_xs_abs(const struct memplat *mp, const char *path)
{
	char *abs;

	if (path[0] == '/' || path[0] == '@')
		abs = strdup(path);
	else if (asprintf(&abs, "/local/domain/%u/%s", mp->p.domid, path) < 0)
		abs = NULL;
	if (!abs)
		abort();
	return abs;
}

static bool mem_xs_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

static struct mem_node *mem_xs_node(struct memhv *hv, const char *path)
{
	struct mem_node *n;

	for (n = hv->nodes; n && strcmp(n->path, path); n = n->next)
		;
	return n;
}

/* Is there a node, or something below it? */
static bool mem_xs_exists(struct memhv *hv, const char *path)
{
	for (struct mem_node *n = hv->nodes; n; n = n->next)
		if (mem_xs_below(n->path, path))
			return true;
	return false;
}

static void mem_xs_fire_one(struct memplat *mp, const struct mem_watch *w,
			    const char *path)
{
	struct mem_event *e = calloc(1, sizeof(*e));
	size_t strip = w->given[0] == '/' ? 0 : strlen(w->path) - strlen(w->given);
	uint64_t one = 1;

	if (!e)
		abort();
	e->path = strdup(path + strip);
	e->token = strdup(w->token);
	*mp->events_tail = e;
	mp->events_tail = &e->next;
	(void)!write(mp->xs_fd, &one, sizeof(one));
}

static void mem_xs_fire(struct memhv *hv, const char *path)
{
	for (struct memplat *mp = hv->plats; mp; mp = mp->next)
		for (struct mem_watch *w = mp->watches; w; w = w->next)
			if (mem_xs_below(path, w->path))
				mem_xs_fire_one(mp, w, path);
			else if (mem_xs_below(w->path, path))
				mem_xs_fire_one(mp, w, w->path);
}

static void mem_xs_set(struct memhv *hv, const char *path, const char *value, size_t len)
{
	struct mem_node *n = mem_xs_node(hv, path);

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			abort();
		n->path = strdup(path);
		n->next = hv->nodes;
		hv->nodes = n;
	}
	free(n->value);
	n->value = strndup(value, len);
	mem_xs_fire(hv, path);
}

static int mem_xs_rm(struct memhv *hv, const char *path)
{
	struct mem_node **p = &hv->nodes, *n;
	bool any = false;

	while ((n = *p)) {
		if (!mem_xs_below(n->path, path)) {
			p = &n->next;
			continue;
		}
		*p = n->next;
		any = true;
		free(n->path);
		free(n->value);
		free(n);
	}
	if (any)
		mem_xs_fire(hv, path);
	return any ? 0 : -ENOENT;
}

static int mem_xs_list(struct memhv *hv, const char *path, char **reply, size_t *len)
{
	size_t plen = strlen(path);
	char *out = calloc(1, 65536);
	size_t used = 0;

	if (!out)
		abort();
	for (struct mem_node *n = hv->nodes; n; n = n->next) {
		const char *name;
		size_t nlen, i;

		if (!mem_xs_below(n->path, path) || !n->path[plen])
			continue;
		name = n->path + plen + 1;
		nlen = strcspn(name, "/");
		for (i = 0; i < used; i += strlen(out + i) + 1)
			if (strlen(out + i) == nlen && !strncmp(out + i, name, nlen))
				break;
		if (i < used || used + nlen + 1 > 65535)
			continue;
		memcpy(out + used, name, nlen);
		used += nlen + 1;
	}
	*reply = out;
	*len = used;
	return used || mem_xs_exists(hv, path) ? 0 : -ENOENT;
}

static int mem_xs_read(struct memhv *hv, const char *path, char **reply, size_t *len)
{
	struct mem_node *n = mem_xs_node(hv, path);

	if (!n)
		return -ENOENT;
	*len = strlen(n->value);
	*reply = strdup(n->value);
	return 0;
}

static void mem_xs_add_watch(struct memplat *mp, const char *abs, const char *given,
			     const char *token)
{
	struct mem_watch *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->path = strdup(abs);
	w->given = strdup(given);
	w->token = strdup(token);
	w->next = mp->watches;
	mp->watches = w;
	mem_xs_fire_one(mp, w, abs);
}

static void mem_xs_free_watch(struct mem_watch *w)
{
	free(w->path);
	free(w->given);
	free(w->token);
	free(w);
}

static int mem_xs_del_watch(struct memplat *mp, const char *abs, const char *token)
{
	for (struct mem_watch **p = &mp->watches, *w; (w = *p); p = &w->next)
		if (!strcmp(w->path, abs) && !strcmp(w->token, token)) {
			*p = w->next;
			mem_xs_free_watch(w);
			return 0;
		}
	return -ENOENT;
}

static int mem_xs_handle(struct memplat *mp, uint32_t type, const char *arg, size_t len,
			 char **reply, size_t *rlen)
{
	char *abs = mem_xs_abs(mp, arg);
	const char *second = arg + strlen(arg) + 1;
	int err = 0;

	switch (type) {
	case XS_READ:
		err = mem_xs_read(mp->hv, abs, reply, rlen);
		break;
	case XS_DIRECTORY:
		err = mem_xs_list(mp->hv, abs, reply, rlen);
		break;
	case XS_WRITE:
		mem_xs_set(mp->hv, abs, second, len - (size_t)(second - arg));
		break;
	case XS_MKDIR:
		if (!mem_xs_exists(mp->hv, abs))
			mem_xs_set(mp->hv, abs, "", 0);
		break;
	case XS_RM:
		err = mem_xs_rm(mp->hv, abs);
		break;
	case XS_WATCH:
		mem_xs_add_watch(mp, abs, arg, second);
		break;
	case XS_UNWATCH:
		err = mem_xs_del_watch(mp, abs, second);
		break;
	case XS_TRANSACTION_START:
		*reply = strdup("1");
		*rlen = 2;
		break;
	case XS_TRANSACTION_END:
	case XS_SET_PERMS:
		break;
	default:
		err = -ENOSYS;
	}
	free(abs);
	return err;
}

int mem_xs_request(struct plat *p, uint32_t type, xenstore_tx_t tx, const void *payload,
		   size_t len, char **reply, size_t *reply_len)
{
	struct memplat *mp = (struct memplat *)p;
	char *arg = calloc(1, len + 2); /* the payload, and NULs behind it */
	int err;

	(void)tx;
	if (!arg)
		abort();
	memcpy(arg, payload, len);
	*reply = NULL;
	*reply_len = 0;
	pthread_mutex_lock(&mp->hv->lock);
	err = mp->lost ? -ENOTCONN : mem_xs_handle(mp, type, arg, len, reply, reply_len);
	pthread_mutex_unlock(&mp->hv->lock);
	free(arg);
	if (err) {
		free(*reply);
		*reply = NULL;
	} else if (!*reply) {
		*reply = strdup("OK");
		*reply_len = 3;
	}
	return err;
}

int mem_xs_fd(struct plat *p)
{
	return ((struct memplat *)p)->xs_fd;
}

int mem_xs_event(struct plat *p, char **path, char **token)
{
	struct memplat *mp = (struct memplat *)p;
	struct mem_event *e;
	uint64_t n;
	bool lost;

	pthread_mutex_lock(&mp->hv->lock);
	lost = mp->lost;
	e = lost ? NULL : mp->events;
	if (e) {
		mp->events = e->next;
		if (!e->next)
			mp->events_tail = &mp->events;
	} else if (!lost) {
		(void)!read(mp->xs_fd, &n, sizeof(n));
	}
	pthread_mutex_unlock(&mp->hv->lock);
	if (!e)
		return lost ? -ENOTCONN : -EAGAIN;
	/* both strings in one allocation */
	*path = malloc(strlen(e->path) + strlen(e->token) + 2);
	if (!*path)
		abort();
	strcpy(*path, e->path);
	*token = *path + strlen(e->path) + 1;
	strcpy(*token, e->token);
	free(e->path);
	free(e->token);
	free(e);
	return 0;
}

void memhv_lose(struct memhv *hv, domid_t domid)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&hv->lock);
	for (struct memplat *mp = hv->plats; mp; mp = mp->next) {
		if (mp->p.domid != domid)
			continue;
		mp->lost = true;
		(void)!write(mp->xs_fd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&hv->lock);
}

void mem_xs_open(struct memplat *mp)
{
	mp->xs_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	mp->events_tail = &mp->events;
	pthread_mutex_lock(&mp->hv->lock);
	mp->next = mp->hv->plats;
	mp->hv->plats = mp;
	pthread_mutex_unlock(&mp->hv->lock);
}

void mem_xs_close(struct memplat *mp)
{
	struct memplat **p;
	struct mem_watch *w;
	struct mem_event *e;

	pthread_mutex_lock(&mp->hv->lock);
	for (p = &mp->hv->plats; *p != mp; p = &(*p)->next)
		;
	*p = mp->next;
	pthread_mutex_unlock(&mp->hv->lock);
	while ((w = mp->watches)) {
		mp->watches = w->next;
		mem_xs_free_watch(w);
	}
	while ((e = mp->events)) {
		mp->events = e->next;
		free(e->path);
		free(e->token);
		free(e);
	}
	close(mp->xs_fd);
}

void mem_xs_free(struct memhv *hv)
{
	struct mem_node *n;

	while ((n = hv->nodes)) {
		hv->nodes = n->next;
		free(n->path);
		free(n->value);
		free(n);
	}
}
