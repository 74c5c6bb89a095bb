/* SPDX-License-Identifier: MIT */
/*
 * An uplink: a port of the switch whose other side is a network driver, such
 * as a tap. One worker drives both ways.
 *
 * What goes out is sent from where it lies in the inbox. While the driver has
 * no room it stays there; the inbox fills up to its caps, and drops then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/switch_int.h"
#include "backends/worker.h"

struct switch_uplink {
	struct worker_client client; /* first */
	struct worker *worker;
	struct netdrv *dev;
	struct netdrv_queue *devq;
	struct netdrv_client from_dev, from_switch;
	struct switch_port *port;
	struct switch_queue *q;
	int err;
	/* Out: those in view that were not sent are [first, count). */
	unsigned first, count;
	uint64_t bytes;
	struct netbuf out[NETDRV_BATCH];
	uint8_t hdr[NETDRV_BATCH][NETBUF_HDR];
	/* In. */
	uint8_t in_hdr[NETBUF_HDR];
	uint8_t in_rest[NETPORT_MAX];
};

static int uplink_in(struct switch_uplink *up)
{
	struct netbuf b = { .iovcnt = 2 }, *p = &b;
	int n, ret;

	for (n = 0; n < (int)NETDRV_BATCH; n++) {
		b.iov[0] = (struct iovec){ up->in_hdr, NETBUF_HDR };
		b.iov[1] = (struct iovec){ up->in_rest, sizeof(up->in_rest) };
		b.iovcnt = 2;
		ret = up->dev->ops->recv(up->devq, &b);
		if (!ret)
			break;
		if (ret < 0 || b.len < NETIF_ETH_HLEN)
			continue;
		/* the iovecs were room; now they are the packet's */
		if (b.len <= NETBUF_HDR) {
			b.iov[0].iov_len = b.len;
			b.iovcnt = 1;
		} else {
			b.iov[1].iov_len = b.len - NETBUF_HDR;
		}
		switch_forward(up->q, &p, 1, worker_now(up->worker));
	}
	return n;
}

static int uplink_out(struct switch_uplink *up)
{
	struct netbuf *pkts[NETDRV_BATCH];
	int sent;

	if (up->first == up->count) {
		up->first = up->count = 0;
		up->bytes = 0;
		while (up->count < NETDRV_BATCH &&
		       switch_next(up->q, &up->out[up->count], up->hdr[up->count]))
			up->bytes += up->out[up->count++].len;
	}
	if (up->first == up->count)
		return 0;
	for (unsigned i = up->first; i < up->count; i++)
		pkts[i] = &up->out[i];
	sent = up->dev->ops->send(up->devq, &pkts[up->first], up->count - up->first);
	if (sent <= 0)
		return 0;
	up->first += (unsigned)sent;
	if (up->first == up->count)
		switch_done(up->q, up->count, up->bytes);
	return sent;
}

static int uplink_run(struct worker_client *client)
{
	struct switch_uplink *up = (struct switch_uplink *)client;
	int n = uplink_out(up);

	if (!up->dev->info.no_recv)
		n += uplink_in(up);
	return n;
}

/* With something in hand only the driver can wake it: the inbox waits as well. */
static int uplink_arm(struct worker_client *client)
{
	struct switch_uplink *up = (struct switch_uplink *)client;

	if (up->first == up->count && switch_arm(up->q))
		return 1;
	if (up->dev->ops->arm)
		return up->dev->ops->arm(up->devq, !up->dev->info.no_recv);
	return 0;
}

static void uplink_flush(struct worker_client *client)
{
	(void)client; /* send() is whole */
}

static void uplink_dev_ready(struct netdrv_client *c)
{
	struct switch_uplink *up =
		(struct switch_uplink *)((char *)c -
					 offsetof(struct switch_uplink, from_dev));

	worker_client_wake(up->worker, &up->client);
}

static void uplink_switch_ready(struct netdrv_client *c)
{
	struct switch_uplink *up =
		(struct switch_uplink *)((char *)c -
					 offsetof(struct switch_uplink, from_switch));

	worker_client_wake(up->worker, &up->client);
}

/* ---------------------------------------------------------- start and stop */

static void uplink_start(void *arg)
{
	struct switch_uplink *up = arg;

	worker_client_add(up->worker, &up->client);
	up->err = up->dev->ops->queue_start(up->dev, 0, up->worker, &up->from_dev,
					    &up->devq);
	if (up->err)
		goto remove;
	up->err = switch_queue_start(up->port, 0, up->worker, &up->from_switch, &up->q);
	if (up->err)
		goto stop_dev;
	return;
stop_dev:
	up->dev->ops->queue_stop(up->devq);
remove:
	worker_client_remove(up->worker, &up->client);
}

static void uplink_stop(void *arg)
{
	struct switch_uplink *up = arg;

	switch_queue_stop(up->q);
	up->dev->ops->queue_stop(up->devq);
	worker_client_remove(up->worker, &up->client);
}

static int uplink_caps(struct netdrv *dev)
{
	static const struct netdrv_caps all = { true, true, true, true };

	return dev->ops->set_guest ? dev->ops->set_guest(dev, &all) : 0;
}

int switch_add_uplink(const char *name, struct netdrv *dev, const char *label,
		      struct worker *w, struct switch_uplink **out, char **why)
{
	struct switch_port_params p = { .label = label,
					.trunk_all = true,
					.macs = SWITCH_MACS_UPLINK,
					.mtu = dev->info.mtu };
	struct netswitch *sw = switch_find(name, why);
	struct switch_uplink *up;
	int err;

	if (!sw)
		return -ENOENT;
	up = calloc(1, sizeof(*up));
	if (!up)
		return -ENOMEM;
	*up = (struct switch_uplink){
		.client = { .run = uplink_run, .arm = uplink_arm, .flush = uplink_flush },
		.worker = w,
		.dev = dev,
		.from_dev = { .ready = uplink_dev_ready },
		.from_switch = { .ready = uplink_switch_ready },
	};
	err = switch_port_add(sw, &p, &up->port, why);
	if (err)
		goto free;
	up->port->uplink = true;
	switch_port_caps(up->port, &dev->info.send);
	err = uplink_caps(dev);
	if (err)
		goto remove_port;
	worker_call(w, uplink_start, up);
	err = up->err;
	if (err)
		goto remove_port;
	*out = up;
	return 0;
remove_port:
	switch_port_remove(up->port);
free:
	free(up);
	return err;
}

void switch_remove_uplink(struct switch_uplink *up)
{
	if (!up)
		return;
	worker_call(up->worker, uplink_stop, up);
	switch_port_remove(up->port);
	free(up);
}
