/* SPDX-License-Identifier: MIT */
/*
 * xenstore under several clients at once: whole requests, raw bytes, domains
 * that come and go. After each input the tree and all charges must be right.
 *
 * Input: records of {control, ...}. control: bits 0-1 the client (0: dom0; 1, 2:
 * domain 1; 3: domain 2), bits 2-4 what: 0-4 a request {type, tx, length,
 * payload}, 5 raw bytes {length, bytes}, 6 the client hangs up, 7 its domain
 * goes and comes. Bit 5: the client does not read. In payloads, bytes above 127
 * stand for words.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/evloop.h"
#include "hv/xenstore/server.h"
#include "ringproto/xs_wire.h"

#define CLIENTS 4

static const domid_t domains[CLIENTS] = { 0, 1, 1, 2 };
static const char *const words[] = {
	"/local/domain/1",
	"/local/domain/2",
	"/",
	"a",
	"b/",
	"data",
	"@releaseDomain",
	"n1",
	"r2",
	"b1",
	"token",
	"T",
	"/a",
	"/b",
	"w0",
	"n0",
	"@introduceDomain",
	"0",
};

struct client {
	int fd;
	size_t got; /* bytes of the message that is being read */
	struct xsd_sockmsg hdr;
};

struct fuzz {
	struct evloop *loop;
	struct xs_server *srv;
	struct client c[CLIENTS];
	const uint8_t *at, *end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void wrong(const char *what)
{
	fprintf(stderr, "fuzz_xs_wire: %s\n", what);
	abort();
}

static void connect_client(struct fuzz *f, unsigned i)
{
	int fds[2];

	if (f->c[i].fd >= 0)
		close(f->c[i].fd);
	f->c[i] = (struct client){ .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds))
		wrong("no sockets");
	if (xs_server_connect(f->srv, fds[0], domains[i])) /* the domain is gone */
		close(fds[1]);
	else
		f->c[i].fd = fds[1];
}

static void step(struct fuzz *f)
{
	for (int i = 0; i < 3; i++)
		if (evloop_once(f->loop, 0))
			wrong("the loop failed");
}

/* What the server says must be messages. */
static void check_stream(struct client *c, const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t k = sizeof(c->hdr);

		if (c->got < k) {
			k = n < k - c->got ? n : k - c->got;
			memcpy((char *)&c->hdr + c->got, p, k);
			if (c->got + k == sizeof(c->hdr) &&
			    (c->hdr.len > XENSTORE_PAYLOAD_MAX ||
			     c->hdr.type >= XS_TYPE_COUNT))
				wrong("a malformed reply");
		} else {
			size_t left = sizeof(c->hdr) + c->hdr.len - c->got;

			k = n < left ? n : left;
		}
		c->got += k;
		p += k;
		n -= k;
		if (c->got >= sizeof(c->hdr) && c->got == sizeof(c->hdr) + c->hdr.len)
			c->got = 0;
	}
}

static void drain(struct client *c)
{
	static uint8_t buf[1 << 16];
	ssize_t n;

	while (c->fd >= 0 && (n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		check_stream(c, buf, (size_t)n);
}

static unsigned byte(struct fuzz *f)
{
	return f->at < f->end ? *f->at++ : 0;
}

static void put(struct client *c, const void *buf, size_t len)
{
	/* cannot fail in a way that matters: a closed or full socket takes nothing */
	if (c->fd >= 0)
		(void)!send(c->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void request(struct fuzz *f, struct client *c)
{
	struct {
		struct xsd_sockmsg hdr;
		char data[XENSTORE_PAYLOAD_MAX];
	} rq = { .hdr = { .req_id = 1 } };
	unsigned len;

	rq.hdr.type = byte(f) % (XS_TYPE_COUNT + 1);
	rq.hdr.tx_id = byte(f) % 4;
	for (len = byte(f); len > 0 && f->at < f->end; len--) {
		unsigned b = byte(f);
		const char *w = words[b % (sizeof(words) / sizeof(words[0]))];
		size_t n = b > 127 ? strlen(w) : 1;

		if (rq.hdr.len + n > sizeof(rq.data))
			break;
		if (b > 127)
			memcpy(rq.data + rq.hdr.len, w, n);
		else
			rq.data[rq.hdr.len] = (char)b;
		rq.hdr.len += (uint32_t)n;
	}
	put(c, &rq, sizeof(rq.hdr) + rq.hdr.len);
}

static void raw(struct fuzz *f, struct client *c)
{
	size_t len = byte(f), left = (size_t)(f->end - f->at);

	if (len > left)
		len = left;
	put(c, f->at, len);
	f->at += len;
}

static void record(struct fuzz *f)
{
	unsigned control = byte(f), i = control & 3;

	switch (control >> 2 & 7) {
	case 5:
		raw(f, &f->c[i]);
		break;
	case 6:
		connect_client(f, i);
		break;
	case 7:
		if (domains[i] == 0)
			break;
		(void)xs_server_release(f->srv, domains[i]);
		if (xs_server_introduce(f->srv, domains[i], "again"))
			wrong("a domain that went cannot come");
		connect_client(f, i);
		break;
	default:
		request(f, &f->c[i]);
	}
	step(f);
	if (!(control & 0x20))
		drain(&f->c[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct xs_quota quota = {
		.nodes = 20,
		.node_size = 300,
		.watches = 6,
		.transactions = 3,
		.perms = 4,
		.path_len = 200,
		.memory = 40000,
		.outstanding = 2000,
	};
	struct fuzz f = { .at = data, .end = data + size };
	const char *err;

	f.loop = evloop_new();
	f.srv = f.loop ? xs_server_new(f.loop, &quota) : NULL;
	if (!f.srv || xs_server_introduce(f.srv, 1, "one") ||
	    xs_server_introduce(f.srv, 2, "two"))
		wrong("no server");
	for (unsigned i = 0; i < CLIENTS; i++) {
		f.c[i].fd = -1;
		connect_client(&f, i);
	}
	while (f.at < f.end)
		record(&f);
	err = xs_check(f.srv);
	if (err)
		wrong(err);
	for (unsigned i = 0; i < CLIENTS; i++)
		if (f.c[i].fd >= 0)
			close(f.c[i].fd);
	step(&f);
	err = xs_check(f.srv);
	if (err)
		wrong(err);
	xs_server_free(f.srv);
	evloop_free(f.loop);
	return 0;
}
