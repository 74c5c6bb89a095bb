/* SPDX-License-Identifier: MIT */
/*
 * A backend that does nothing but capture: capfeed DOMAIN FRONTEND DEVID N [FAULT]
 *
 * Takes the vif (state 4), waits for a capture, writes N numbered UDP packets by
 * turns from and to the guest, 1 ms apart in their timestamps from 2001-09-09
 * 01:46:40 on, then waits for the end of the capture. FAULT: "spoil" writes
 * nonsense behind them, "refuse" does not capture, "leave" lets go of the vif then.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/plat/plat.h"
#include "ringproto/capring.h"

#define TRIES 2000 /* of 5 ms */

static struct plat *p;
static char dir[64];

static void die(const char *what, int err)
{
	fprintf(stderr, "capfeed: %s: %s\n", what, strerror(-err));
	exit(1);
}

static char *get(const char *key)
{
	char path[128], *value = NULL;

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return xenstore_read(p, XENSTORE_NO_TX, path, &value, NULL) ? NULL : value;
}

static void put(const char *key, const char *value)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	err = xenstore_write(p, XENSTORE_NO_TX, path, value);
	if (err)
		die(path, err);
}

static unsigned long number(const char *key)
{
	char *s = get(key);
	unsigned long n = s ? strtoul(s, NULL, 10) : 0;

	free(s);
	return n;
}

/* Until the key is there, or is not. */
static void await(const char *key, bool there)
{
	for (int i = 0; i < TRIES; i++) {
		char *s = get(key);

		free(s);
		if ((s != NULL) == there)
			return;
		usleep(5000);
	}
	die(key, -ETIMEDOUT);
}

static uint32_t map(struct gnttab_mapper *m, void **pages)
{
	grant_ref_t refs[CAPRING_PAGES_MAX];
	char *text = get("capture/ring-refs"), *at = text;
	uint32_t n = 0;
	int err;

	while (at && *at && n < CAPRING_PAGES_MAX)
		refs[n++] = (grant_ref_t)strtoul(at, &at, 10);
	free(text);
	err = gnttab_map_ring(m, refs, n, pages);
	if (err)
		die("ring-refs", err);
	return n;
}

/* A packet whose port and last bytes are its number. */
static void packet(uint8_t *b, uint32_t n, uint32_t len)
{
	static const uint8_t head[] = {
		0x00, 0x16, 0x3e, 0, 0, 1, 0x00, 0x16, 0x3e, 0,	 0, 2, 8,   0, /* Ethernet
										*/
		0x45, 0,    0,	  0, 0, 0, 0,	 0,    64,   17, 0, 0, 192, 0, 2,
		1,    192,  0,	  2, 2,
	};
	uint16_t ip = (uint16_t)(len - 14), udp = (uint16_t)(len - 34);

	memset(b, 0, len);
	memcpy(b, head, sizeof(head));
	b[16] = (uint8_t)(ip >> 8);
	b[17] = (uint8_t)ip;
	b[34] = (uint8_t)(n >> 8);
	b[35] = (uint8_t)n;
	b[37] = n & 1 ? 53 : 9;
	b[38] = (uint8_t)(udp >> 8);
	b[39] = (uint8_t)udp;
}

static void feed(struct capring_writer *w, struct evtchn *ch, uint32_t count)
{
	uint8_t b[2000];

	for (uint32_t n = 0; n < count; n++) {
		uint32_t len = 60 + n % 1400;

		packet(b, n, len);
		/* what finds no room waits: every packet is to come */
		for (int i = 0; i < TRIES; i++) {
			if (capring_begin(w, len, n & 1,
					  1000000000000000000u + n * 1000000ull))
				break;
			usleep(5000);
		}
		capring_add(w, b, 100);
		capring_add(w, b + 100, len > 100 ? len - 100 : 0);
		if (capring_end(w))
			evtchn_notify(ch);
	}
}

static void serve(uint32_t count, const char *fault)
{
	domid_t peer = (domid_t)number("capture/domid");
	struct gnttab_mapper *m;
	struct capring_writer w;
	struct evtchn *ch;
	void *pages;
	uint32_t n;
	int err = gnttab_mapper_new(p, peer, &m);

	if (err)
		die("mapper", err);
	n = map(m, &pages);
	err = evtchn_bind_interdomain(p, peer,
				      (evtchn_port_t)number("capture/event-channel"),
				      &ch);
	if (!err)
		err = capring_writer_init(&w, pages, n,
					  (uint32_t)number("capture/snaplen"));
	if (err)
		die("capture", err);
	put("capture/state", "4");
	feed(&w, ch, count);
	if (!strcmp(fault, "spoil")) {
		w.shared->prod = UINT64_MAX;
		evtchn_notify(ch);
	}
	if (!strcmp(fault, "leave")) {
		put("online", "0");
		put("state", "6");
	}
	await("capture/state", false);
	evtchn_close(ch);
	gnttab_mapper_free(m);
}

int main(int argc, char **argv)
{
	const char *what = NULL, *fault = argc > 5 ? argv[5] : "";
	int err;

	if (argc < 5)
		return 2;
	err = plat_open(NULL, argv[1], &p, &what);
	if (err)
		die(what ? what : "open", err);
	snprintf(dir, sizeof(dir), "backend/vif/%s/%s", argv[2], argv[3]);
	put("state", "4");
	await("capture/state", true);
	if (!strcmp(fault, "refuse")) {
		put("capture/error", "no room");
		put("capture/state", "6");
		await("capture/state", false);
	} else {
		serve((uint32_t)strtoul(argv[4], NULL, 10), fault);
	}
	plat_close(p);
	return 0;
}
