/* SPDX-License-Identifier: MIT */
/* A switch with ports for tests. */
#include "tests/lib/switchrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/worker.h"

struct call {
	struct switchrig *r;
	unsigned port;
	int err;
};

void switchrig_mac(uint8_t *mac, uint32_t n)
{
	memset(mac, 0xff, 6);
	if (!n)
		return;
	mac[0] = 2;
	mac[1] = 0;
	for (int i = 0; i < 4; i++)
		mac[2 + i] = (uint8_t)(n >> (24 - 8 * i));
}

static void no_ready(struct netdrv_client *c)
{
	(void)c;
}

struct switchrig *switchrig_new(const struct switch_params *p)
{
	struct switchrig *r = calloc(1, sizeof(*r));
	char *why = NULL;

	assert_non_null(r);
	r->now = 1000 * RIG_S;
	r->client.ready = no_ready;
	assert_int_equal(worker_new(&r->worker, 0, -1), 0);
	assert_int_equal(worker_run(r->worker), 0);
	assert_int_equal(switch_create("rig", p, &why), 0);
	r->sw = switch_find("rig", &why);
	assert_non_null(r->sw);
	return r;
}

static void start(void *arg)
{
	struct call *c = arg;
	struct switchrig *r = c->r;

	for (uint32_t i = 0; i < r->nqueues[c->port] && !c->err; i++)
		c->err = switch_queue_start(r->port[c->port], i, r->worker, &r->client,
					    &r->q[c->port][i]);
}

static void stop(void *arg)
{
	struct call *c = arg;

	for (uint32_t i = 0; i < c->r->nqueues[c->port]; i++)
		switch_queue_stop(c->r->q[c->port][i]);
}

unsigned switchrig_port(struct switchrig *r, const struct switch_port_params *p)
{
	static const struct switch_port_params plain;
	struct call c = { .r = r };
	char *why = NULL;

	while (c.port < RIG_PORTS && r->port[c.port])
		c.port++;
	assert_true(c.port < RIG_PORTS);
	r->nqueues[c.port] = p && p->queues ? p->queues : 1;
	assert_int_equal(switch_port_add(r->sw, p ? p : &plain, &r->port[c.port], &why),
			 0);
	worker_call(r->worker, start, &c);
	assert_int_equal(c.err, 0);
	if (c.port >= r->ports)
		r->ports = c.port + 1;
	return c.port;
}

void switchrig_unport(struct switchrig *r, unsigned port)
{
	struct call c = { .r = r, .port = port };

	worker_call(r->worker, stop, &c);
	switch_port_remove(r->port[port]);
	r->port[port] = NULL;
}

void switchrig_free(struct switchrig *r)
{
	for (unsigned i = 0; i < r->ports; i++)
		if (r->port[i])
			switchrig_unport(r, i);
	assert_int_equal(switch_destroy("rig"), 0);
	worker_free(r->worker);
	free(r);
}

struct sending {
	struct switchrig *r;
	unsigned port;
	struct netbuf *b;
};

static void send_one(void *arg)
{
	const struct sending *s = arg;

	switch_forward(s->r->q[s->port][0], &s->b, 1, s->r->now);
}

void switchrig_send_raw(struct switchrig *r, unsigned port, const void *frame, size_t len,
			const struct netif_meta *meta)
{
	size_t hdr = len < NETBUF_HDR ? len : NETBUF_HDR;
	struct netbuf b = { .len = (uint32_t)len, .iovcnt = len > hdr ? 2 : 1 };
	struct sending s = { r, port, &b };

	if (meta)
		b.meta = *meta;
	b.iov[0] = (struct iovec){ (void *)frame, hdr };
	b.iov[1] = (struct iovec){ (uint8_t *)frame + hdr, len - hdr };
	if (r->on_worker)
		worker_call(r->worker, send_one, &s);
	else
		send_one(&s);
}

void switchrig_send(struct switchrig *r, unsigned port, uint32_t dst, uint32_t src,
		    uint16_t tci, uint32_t len)
{
	uint8_t *f = malloc(len);
	uint32_t at = 12;

	assert_non_null(f);
	switchrig_mac(f, dst);
	switchrig_mac(f + 6, src);
	if (tci) {
		memcpy(f + at, (uint8_t[]){ 0x81, 0, (uint8_t)(tci >> 8), (uint8_t)tci },
		       4);
		at += 4;
	}
	memcpy(f + at, (uint8_t[]){ 0x88, 0xb5 }, 2); /* for experiments */
	for (at += 2; at < len; at++)
		f[at] = (uint8_t)(src + len - at);
	switchrig_send_raw(r, port, f, len, NULL);
	free(f);
}

bool switchrig_take(struct switchrig *r, unsigned port)
{
	struct netbuf b = { .iovcnt = 2 };
	int ret = 0;

	b.iov[0] = (struct iovec){ r->data, NETBUF_HDR };
	b.iov[1] = (struct iovec){ r->data + NETBUF_HDR, RIG_ROOM - NETBUF_HDR };
	for (uint32_t i = 0; i < r->nqueues[port] && !ret; i++)
		ret = switch_take(r->q[port][i], &b);
	assert_true(ret >= 0);
	if (!ret)
		return false;
	r->len = b.len;
	r->meta = b.meta;
	return true;
}

unsigned switchrig_drain(struct switchrig *r, unsigned port)
{
	unsigned n = 0;

	while (switchrig_take(r, port))
		n++;
	return n;
}

unsigned switchrig_who(struct switchrig *r)
{
	unsigned who = 0, n;

	for (unsigned i = 0; i < r->ports; i++) {
		n = r->port[i] ? switchrig_drain(r, i) : 0;
		assert_in_range(n, 0, 1);
		who |= n << i;
	}
	return who;
}

uint64_t switchrig_stat(struct switchrig *r, int port, const char *key)
{
	char text[4096], want[64];
	const char *at;

	if (port < 0)
		switch_stats(r->sw, text, sizeof(text));
	else
		switch_port_stats(r->port[port], text, sizeof(text));
	snprintf(want, sizeof(want), "\"%s\":", key);
	at = strstr(text, want);
	return at ? strtoull(at + strlen(want), NULL, 10) : 0;
}
