/* SPDX-License-Identifier: MIT */
/*
 * tdnet: pairs of vifs on one switch: the first of a pair sends to the second's
 * address as fast as it goes, the second counts what comes. One thread drives them
 * all, in turn, so that what is measured is the backend and not a crowd of threads
 * on one CPU. Prints one JSON object: packets a second of each pair.
 *
 *   tdnet [--time S] [--size BYTES] DOMAIN/VIF DOMAIN/VIF [...]
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "frontends/include/tandem_net.h"
#include "hv/base/adapt.h"
#include "tools/bench/client.h"

#define BATCH	    64u
#define ENDS_MAX    512u
#define WAIT_MS	    100
#define IDLE_ROUNDS 1000 /* without anything to do, before it sleeps */
#define ETH_HLEN    14u
#define ETHERTYPE   0xb588u /* 0x88b5 on the wire: for local experiments */

struct end {
	struct tandem_net *net;
	struct tandem_net_queue *q;
	uint8_t head[ETH_HLEN]; /* of the first of a pair */
	bool sends;
	_Atomic uint64_t received;
	struct tandem_net_pkt pkts[BATCH];
};

static struct end ends[ENDS_MAX];
static unsigned nr_ends;
static uint32_t size = 64;
static _Atomic bool stop;

static int send_some(struct end *e)
{
	int n = tandem_net_room(e->q, e->pkts, BATCH, size);

	for (int i = 0; i < n; i++) {
		struct tandem_net_pkt *p = &e->pkts[i];

		memcpy(p->iov[0].iov_base, e->head, sizeof(e->head));
		p->len = size;
		p->gso_type = 0;
		p->csum_blank = false;
	}
	if (n > 0) {
		(void)tandem_net_commit(e->q, e->pkts, (unsigned)n);
		tandem_net_kick(e->q);
	}
	return n;
}

static int receive_some(struct end *e)
{
	int n = tandem_net_recv(e->q, e->pkts, BATCH);

	if (n > 0) {
		tandem_net_done(e->q, e->pkts, (unsigned)n);
		atomic_fetch_add_explicit(&e->received, (unsigned)n,
					  memory_order_relaxed);
	}
	return n;
}

/* Sleeps until one of them can go on. */
static void sleep_all(struct pollfd *fds)
{
	for (unsigned i = 0; i < nr_ends; i++)
		if (tandem_net_arm(ends[i].q,
				   ends[i].sends ? TANDEM_NET_TX : TANDEM_NET_RX))
			return;
	/* an error is a wake-up like any other */
	(void)poll(fds, nr_ends, WAIT_MS);
}

static void *drive(void *arg)
{
	static struct pollfd fds[ENDS_MAX];
	unsigned idle = 0;

	for (unsigned i = 0; i < nr_ends; i++)
		fds[i] = (struct pollfd){ .fd = tandem_net_fd(ends[i].q),
					  .events = POLLIN };
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		int n = 0;

		for (unsigned i = 0; i < nr_ends; i++) {
			struct end *e = &ends[i];

			if (e->sends ? send_some(e) > 0 : receive_some(e) > 0)
				n++;
			else if (tandem_net_error(e->net))
				return arg;
		}
		if (n)
			idle = 0;
		else if (++idle == IDLE_ROUNDS)
			sleep_all(fds);
		else
			adapt_relax();
		idle %= IDLE_ROUNDS;
	}
	return arg;
}

static int open_end(struct end *e, const char *name)
{
	const struct tandem_net_opts opts = { 0 };
	struct tandem_net_info i;
	const uint16_t type = ETHERTYPE;
	char *why = NULL;
	int err = tandem_net_open(name, &opts, &e->net, &why);

	if (err) {
		fprintf(stderr, "tdnet: %s\n", why ? why : strerror(-err));
		free(why);
		return err;
	}
	e->q = tandem_net_queue(e->net, 0);
	e->sends = (nr_ends++ & 1) == 0;
	tandem_net_get_info(e->net, &i);
	if (e->sends)
		memcpy(e->head + 6, i.mac, 6);
	else
		memcpy(e[-1].head, i.mac, 6);
	memcpy(e->head + 12, &type, sizeof(type));
	return 0;
}

static uint64_t sum_received(uint64_t *each)
{
	uint64_t sum = 0;

	for (unsigned i = 1; i < nr_ends; i += 2)
		sum += each[i] = atomic_load(&ends[i].received);
	return sum;
}

/* The first fifth of the time is for the start: a switch learns addresses. */
static int measure(double seconds)
{
	static uint64_t before[ENDS_MAX], after[ENDS_MAX];
	uint64_t t0, ns, n;

	usleep((useconds_t)(seconds * 0.2e6));
	t0 = now_ns();
	n = sum_received(before);
	usleep((useconds_t)(seconds * 0.8e6));
	n = sum_received(after) - n;
	ns = now_ns() - t0;
	printf("{\"seconds\": %.6f, \"size\": %u, \"packets\": %llu, \"pps\": %.1f, "
	       "\"each_pps\": [",
	       (double)ns / 1e9, size, (unsigned long long)n,
	       (double)n * 1e9 / (double)ns);
	for (unsigned i = 1; i < nr_ends; i += 2)
		printf("%s%.1f", i > 1 ? ", " : "",
		       (double)(after[i] - before[i]) * 1e9 / (double)ns);
	puts("]}");
	return n ? 0 : 1;
}

static int run(double seconds)
{
	pthread_t driver;
	int err = pthread_create(&driver, NULL, drive, NULL);

	if (err)
		return err;
	err = measure(seconds);
	atomic_store(&stop, true);
	pthread_join(driver, NULL);
	return err;
}

static int usage(void)
{
	fputs("usage: tdnet [--time S] [--size BYTES] DOMAIN/VIF DOMAIN/VIF [...]\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "time", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	double seconds = 1;
	int c, err = 0;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 't')
			seconds = atof(optarg);
		else if (c == 's')
			size = (uint32_t)strtoul(optarg, NULL, 0);
		else
			return usage();
	}
	argc -= optind;
	if (argc < 2 || argc % 2 || (unsigned)argc > ENDS_MAX || seconds <= 0 ||
	    size < ETH_HLEN || size > 1514)
		return usage();
	for (int i = 0; i < argc && !err; i++)
		err = open_end(&ends[i], argv[optind + i]);
	if (!err)
		err = run(seconds);
	while (nr_ends)
		tandem_net_close(ends[--nr_ends].net);
	return err ? 1 : 0;
}
