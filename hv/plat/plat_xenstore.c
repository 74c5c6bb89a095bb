/* SPDX-License-Identifier: MIT */
/* xenstore_*: requests and replies in xs_wire's form, over ops->xs_request. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "hv/plat/plat_ops.h"
#include "ringproto/xs_wire.h"

#define DIRECTORY_TRIES 16 /* starts of one listing, while the directory changes */

struct payload {
	size_t len;
	char buf[XENSTORE_PAYLOAD_MAX];
};

/* Appends `str`, with its NUL or without. */
static int payload_add(struct payload *pl, const char *str, bool nul)
{
	size_t len = strnlen(str, sizeof(pl->buf)) + nul;

	if (len > sizeof(pl->buf) - pl->len)
		return -E2BIG;
	memcpy(pl->buf + pl->len, str, len);
	pl->len += len;
	return 0;
}

/* One request of a path and, unless NULL, something behind it. */
static int request(struct plat *p, uint32_t type, xenstore_tx_t tx, const char *path,
		   const char *arg, bool arg_nul, char **reply, size_t *len)
{
	struct payload pl = { .len = 0 };
	int err = path && *path ? payload_add(&pl, path, true) : -EINVAL;

	if (!err && arg)
		err = payload_add(&pl, arg, arg_nul);
	return err ? err : p->ops->xs_request(p, type, tx, pl.buf, pl.len, reply, len);
}

/* A request whose reply says no more than OK. */
static int request_ok(struct plat *p, uint32_t type, xenstore_tx_t tx, const char *path,
		      const char *arg, bool arg_nul)
{
	cleanup_free char *reply = NULL;
	size_t len;

	return request(p, type, tx, path, arg, arg_nul, &reply, &len);
}

int xenstore_read(struct plat *p, xenstore_tx_t tx, const char *path, char **value,
		  size_t *len)
{
	size_t l;
	int err = request(p, XS_READ, tx, path, NULL, false, value, &l);

	if (!err && len)
		*len = l;
	return err;
}

int xenstore_write(struct plat *p, xenstore_tx_t tx, const char *path, const char *value)
{
	return request_ok(p, XS_WRITE, tx, path, value, false);
}

int xenstore_mkdir(struct plat *p, xenstore_tx_t tx, const char *path)
{
	return request_ok(p, XS_MKDIR, tx, path, NULL, false);
}

int xenstore_rm(struct plat *p, xenstore_tx_t tx, const char *path)
{
	return request_ok(p, XS_RM, tx, path, NULL, false);
}

int xenstore_watch(struct plat *p, const char *path, const char *token)
{
	return token ? request_ok(p, XS_WATCH, 0, path, token, true) : -EINVAL;
}

int xenstore_unwatch(struct plat *p, const char *path, const char *token)
{
	return token ? request_ok(p, XS_UNWATCH, 0, path, token, true) : -EINVAL;
}

/* "n0 r5" goes as "n0\0r5\0". */
int xenstore_set_perms(struct plat *p, xenstore_tx_t tx, const char *path,
		       const char *perms)
{
	cleanup_free char *reply = NULL, *copy = perms ? strdup(perms) : NULL;
	struct payload pl = { .len = 0 };
	char *save = NULL;
	size_t len;
	int err;

	if (!copy)
		return perms ? -ENOMEM : -EINVAL;
	err = path && *path ? payload_add(&pl, path, true) : -EINVAL;
	for (char *w = strtok_r(copy, " ", &save); w && !err;
	     w = strtok_r(NULL, " ", &save))
		err = payload_add(&pl, w, true);
	if (err)
		return err;
	return p->ops->xs_request(p, XS_SET_PERMS, tx, pl.buf, pl.len, &reply, &len);
}

int xenstore_tx_start(struct plat *p, xenstore_tx_t *tx)
{
	cleanup_free char *reply = NULL;
	unsigned long id;
	size_t len;
	int err = p->ops->xs_request(p, XS_TRANSACTION_START, XENSTORE_NO_TX, "", 1,
				     &reply, &len);

	if (err)
		return err;
	id = strtoul(reply, NULL, 10);
	if (!id || id > UINT32_MAX)
		return -EIO;
	*tx = (xenstore_tx_t)id;
	return 0;
}

int xenstore_tx_end(struct plat *p, xenstore_tx_t tx, bool commit)
{
	cleanup_free char *reply = NULL;
	size_t len;

	return p->ops->xs_request(p, XS_TRANSACTION_END, tx, commit ? "T" : "F", 2,
				  &reply, &len);
}

/* A directory too large for one reply, in parts: its names in one buffer. */
static int directory_parts(struct plat *p, xenstore_tx_t tx, const char *path,
			   char **names, size_t *len)
{
	char gen[32] = "", off[24];
	int tries = 0;

	*names = NULL;
	*len = 0;
	for (;;) {
		cleanup_free char *part = NULL;
		size_t n, skip;
		char *grown;
		int err;

		snprintf(off, sizeof(off), "%zu", *len);
		err = request(p, XS_DIRECTORY_PART, tx, path, off, true, &part, &n);
		if (err)
			return err;
		skip = strnlen(part, n) + 1;
		if (skip > n || skip > sizeof(gen))
			return -EIO;
		if (*len && memcmp(gen, part, skip)) {
			if (++tries == DIRECTORY_TRIES)
				return -EAGAIN;
			*len = 0;
			continue;
		}
		memcpy(gen, part, skip);
		grown = realloc(*names, *len + n - skip + 1);
		if (!grown)
			return -ENOMEM;
		*names = grown;
		memcpy(grown + *len, part + skip, n - skip);
		*len += n - skip;
		if (n == skip || (*len == 1 && !grown[0]) ||
		    (*len >= 2 && !grown[*len - 1] && !grown[*len - 2])) {
			if (*len && !grown[*len - 1])
				*len -= 1; /* the empty name that ends it */
			return 0;
		}
	}
}

/* NUL-separated names to n pointers and the names, in one allocation. */
static int names_split(const char *buf, size_t len, char ***names, uint32_t *n)
{
	uint32_t count = 0;
	char **out, *text;

	for (size_t i = 0; i < len; i++)
		count += !buf[i];
	if (len && buf[len - 1])
		count++;
	out = malloc((count + 1) * sizeof(*out) + len + 1);
	if (!out)
		return -ENOMEM;
	text = (char *)(out + count + 1);
	memcpy(text, buf, len);
	text[len] = '\0';
	for (uint32_t i = 0; i < count; i++, text += strlen(text) + 1)
		out[i] = text;
	out[count] = NULL;
	*names = out;
	*n = count;
	return 0;
}

int xenstore_directory(struct plat *p, xenstore_tx_t tx, const char *path, char ***names,
		       uint32_t *n)
{
	cleanup_free char *reply = NULL;
	size_t len = 0;
	int err = request(p, XS_DIRECTORY, tx, path, NULL, false, &reply, &len);

	if (err == -E2BIG)
		err = directory_parts(p, tx, path, &reply, &len);
	return err ? err : names_split(reply, len, names, n);
}
