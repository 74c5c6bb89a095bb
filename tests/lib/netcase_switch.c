/* SPDX-License-Identifier: MIT */
/* A switch for the contract of network drivers, and a port at the other end. */
#include "tests/lib/netcase_switch.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/switchrig.h"

#define MTU	65521 /* frames of 65535 bytes */
#define POLL_US 100

const struct netcase_bad switch_bad[] = {
	{ "no-such-switch", NULL, -ENOENT },
	{ "", "vlan=7", 0 },
	{ "br0", "vlan=4095", 0 },
	{ "br0", "trunk=1;x", 0 },
	{ "br0", "isolated", 0 },
	{ "br0", "colour=red", 0 },
	{ 0 },
};

void switch_setup(struct netcase_dev *d)
{
	struct switch_params big = { .mtu = MTU };
	struct switch_port_params seven = { .vlan = 7 };
	struct switchrig *r = switchrig_new(&big);

	switchrig_port(r, &seven);
	d->params.target = "rig";
	d->end = r;
}

void switch_teardown(struct netcase_dev *d)
{
	switchrig_free(d->end);
}

static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

ssize_t switch_end_take(struct netcase_dev *d, void *frame, size_t size, int timeout_ms)
{
	struct switchrig *r = d->end;
	int64_t end = clock_ms() + timeout_ms;

	while (!switchrig_take(r, 0)) {
		if (clock_ms() >= end)
			return 0;
		usleep(POLL_US);
	}
	memcpy(frame, r->data, r->len < size ? r->len : size);
	return r->len;
}

bool switch_end_give(struct netcase_dev *d, const void *frame, size_t len)
{
	switchrig_send_raw(d->end, 0, frame, len, NULL);
	return true;
}
