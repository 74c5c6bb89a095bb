/* SPDX-License-Identifier: MIT */
/*
 * A xenstore server on a real event loop, and clients over socket pairs, in one
 * thread: for the tests of hv/xenstore.
 */
#ifndef TANDEM_TESTS_XS_CLIENT_H
#define TANDEM_TESTS_XS_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/xenstore/xenstore.h"
#include "ringproto/xs_wire.h"

struct xs_bed {
	struct evloop *loop;
	struct xs_server *srv;
};

struct xs_msg {
	struct xsd_sockmsg hdr;
	char data[XENSTORE_PAYLOAD_MAX + 1]; /* NUL-terminated */
};

struct xs_client {
	struct xs_bed *bed;
	int fd;
	uint32_t tx; /* put into every request */
	uint32_t req_id;
	struct xs_msg reply;
	struct xs_msg *events; /* that came before a reply; oldest first */
	unsigned nevents, events_cap;
};

/* quota NULL: the default. Fails the test on errors. */
void bed_open(struct xs_bed *bed, const struct xs_quota *quota);
void bed_close(struct xs_bed *bed); /* checks the tree's consistency first */
void bed_check(struct xs_bed *bed);
void bed_run(struct xs_bed *bed); /* until there is nothing to do */

void client_open(struct xs_bed *bed, struct xs_client *c, domid_t domid);
void client_close(struct xs_client *c);
/* Raw bytes out; false: the server ended the connection. */
bool client_send(struct xs_client *c, const void *buf, size_t len);
/* One message, if there is one. -1: the connection is closed, 0: nothing, 1. */
int client_recv(struct xs_client *c, struct xs_msg *m);

/* A request and its reply (in c->reply): 0, or -errno by the error's name. */
int client_call(struct xs_client *c, uint32_t type, const void *data, size_t len);

/* The usual requests; strings without length are C strings. */
int c_read(struct xs_client *c, const char *path); /* value in c->reply.data */
int c_write(struct xs_client *c, const char *path, const char *value);
int c_mkdir(struct xs_client *c, const char *path);
int c_rm(struct xs_client *c, const char *path);
int c_list(struct xs_client *c, const char *path); /* names joined by ' ' in reply.data */
int c_perms(struct xs_client *c, const char *path); /* likewise */
/* perms as "n1 r2" */
int c_set_perms(struct xs_client *c, const char *path, const char *perms);
int c_watch(struct xs_client *c, const char *path, const char *token);
int c_unwatch(struct xs_client *c, const char *path, const char *token);
int c_one(struct xs_client *c, uint32_t type, const char *arg);
/* Sets c->tx, or clears it. */
int c_begin(struct xs_client *c);
int c_end(struct xs_client *c, bool commit);

/* The next event as "path token", or "" when there is none. */
const char *c_event(struct xs_client *c);
void c_drain(struct xs_client *c);

/* Three clients: dom0 and the domains 1 ("one") and 2 ("two"). */
struct xs_trio {
	struct xs_bed bed;
	struct xs_client dom0, d1, d2;
};
struct xs_trio *trio_open(const struct xs_quota *quota);
int trio_setup(void **state); /* cmocka's, default quota */
int trio_teardown(void **state);
#define TRIO_TEST(name) cmocka_unit_test_setup_teardown(name, trio_setup, trio_teardown)

#endif
