/* SPDX-License-Identifier: MIT */
/*
 * The opener: a child process that keeps the rights which a backend drops, and
 * opens what it asks for. Forked before anything of a guest's is read.
 *
 * What is asked and answered is the kind of backend's (opener_block.c,
 * opener_net.c); here is the way there and back, and which files are allowed.
 */
#ifndef TANDEM_TOOLS_OPENER_H
#define TANDEM_TOOLS_OPENER_H

#include <stdbool.h>
#include <stddef.h>

#define OPENER_MAX_FDS 16
#define OPENER_STR     4096 /* of a string in a request, NUL included */

struct opener;

/* What files below which directories it may open: real paths. None: any. */
struct opener_rules {
	char *const *allow;
	int nallow;
};

struct opener_reply {
	int err;
	char why[512]; /* for the person, or "" */
	char data[64]; /* the kind's own */
};

/*
 * serve: answers a request of `size` bytes, in the child. fds[0..*nfds) go back
 * with the reply. -errno
 */
int opener_start(size_t size,
		 void (*serve)(void *request, const struct opener_rules *rules,
			       struct opener_reply *reply, int *fds, int *nfds),
		 const struct opener_rules *rules, struct opener **op);
/* One request, of the size given to opener_start(). fds: OPENER_MAX_FDS. *why:
 * malloc'd, on error, or NULL. */
int opener_ask(struct opener *op, const void *request, struct opener_reply *reply,
	       int *fds, int *nfds, char **why);
void opener_stop(struct opener *op);

/* May this existing file be opened? One that does not exist may: opening says so. */
bool opener_allowed(const struct opener_rules *r, const char *path);
/* May it be opened or made? */
bool opener_may_make(const struct opener_rules *r, const char *path);

#endif
