/* SPDX-License-Identifier: MIT */
/*
 * UDP whose every byte is checked, sent by UDP_SEGMENT: many datagrams with one
 * system call, which the kernel or whoever is behind it cuts.
 *
 *	udpgso recv PORT                          "ready", and at the end a line
 *	udpgso send ADDRESS PORT SIZE LAST COUNT MESSAGES [SECONDS]
 *
 * A message is COUNT datagrams of SIZE bytes, the last one of LAST. Its last datagram
 * is answered with the number of those that came in so far: WINDOW messages are
 * under way at a time, so that no buffer overflows. SECONDS: no more than so long.
 * COUNT 0: one datagram a system call, as many as 44 of them make a message.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define WINDOW	3
#define MOST	65507u
#define PLAIN	44
#define TIMEOUT 5 /* seconds */

struct head {
	uint32_t number; /* of the datagram, in the machine's order; END: no more */
	uint16_t len;	 /* of all of it */
	uint16_t last;	 /* of its message */
};
#define END UINT32_MAX

static void die(const char *what)
{
	fprintf(stderr, "udpgso: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Bytes that differ from one datagram to the next: a piece of one long pattern. */
static const uint8_t *bytes_of(uint32_t number)
{
	static uint8_t pattern[MOST + 256];

	for (size_t i = 0; !pattern[1] && i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i + (i >> 8));
	return pattern + number * 31 % 256;
}

static void put(uint8_t *p, uint32_t number, uint16_t len, bool last)
{
	struct head h = { number, len, last };

	memcpy(p, &h, sizeof(h));
	memcpy(p + sizeof(h), bytes_of(number), len - sizeof(h));
}

static bool is_right(const uint8_t *p, ssize_t n, struct head *h)
{
	if (n < (ssize_t)sizeof(*h))
		return false;
	memcpy(h, p, sizeof(*h));
	return h->len == n &&
	       !memcmp(p + sizeof(*h), bytes_of(h->number), h->len - sizeof(*h));
}

static void large_buffer(int sock)
{
	int bytes = 4 << 20;

	if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static int receive(const char *port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)atoi(port)) };
	uint32_t count = 0, bad = 0, out_of_order = 0;
	struct timeval limit = { .tv_sec = 2 * TIMEOUT };
	int sock = socket(AF_INET6, SOCK_DGRAM, 0);
	double start = 0, end = 0;
	static uint8_t buf[MOST];

	large_buffer(sock);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (bind(sock, (struct sockaddr *)&any, sizeof(any)))
		die("bind");
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		struct head h = { 0 };
		ssize_t n = recvfrom(sock, buf, sizeof(buf), 0, (struct sockaddr *)&from,
				     &size);

		if (n < 0)
			die("nothing comes");
		if (!is_right(buf, n, &h)) {
			bad++;
			continue;
		}
		if (h.number == END)
			break;
		start = start ? start : now();
		end = now();
		out_of_order += h.number != count++;
		if (h.last && sendto(sock, &count, sizeof(count), 0,
				     (struct sockaddr *)&from, size) < 0)
			die("an answer");
	}
	printf("%u datagrams, %u bad, %u out of order\n", count, bad, out_of_order);
	printf("%.0f a second\n", end > start ? count / (end - start) : 0);
	return 0;
}

struct sender {
	int sock;
	uint16_t size, last;
	int count; /* of a message */
	bool plain;
	uint32_t number; /* of the next datagram */
	uint8_t buf[MOST];
};

static void send_message(struct sender *s)
{
	size_t len = 0, at = 0;

	for (int i = 0; i < s->count; i++) {
		bool end = i + 1 == s->count;
		uint16_t n = end ? s->last : s->size;

		put(s->buf + len, s->number++, n, end);
		len += n;
	}
	while (at < len) {
		size_t n = !s->plain ? len : len - at < s->size ? len - at : s->size;

		if (send(s->sock, s->buf + at, n, 0) < 0)
			die("send");
		at += n;
	}
}

/* The other end's count, at most so many datagrams behind ours. */
static void wait_answer(const struct sender *s, uint32_t behind)
{
	uint32_t count = 0;

	while (count + behind < s->number)
		if (recv(s->sock, &count, sizeof(count), 0) != sizeof(count))
			die("no answer");
}

static int connected(const char *address, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct timeval limit = { .tv_sec = TIMEOUT };
	struct addrinfo *a;
	int sock;

	if (getaddrinfo(address, port, &hints, &a))
		die(address);
	sock = socket(a->ai_family, SOCK_DGRAM, 0);
	if (connect(sock, a->ai_addr, a->ai_addrlen))
		die("connect");
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	freeaddrinfo(a);
	return sock;
}

static int transmit(char **arg, int messages, double seconds)
{
	static struct sender s;
	uint8_t end[sizeof(struct head)];
	double start = now();

	s.size = (uint16_t)atoi(arg[2]);
	s.last = (uint16_t)atoi(arg[3]);
	s.plain = !atoi(arg[4]);
	s.count = s.plain ? PLAIN : atoi(arg[4]);
	if (s.size < sizeof(struct head) || s.last < sizeof(struct head) ||
	    s.last > s.size || (size_t)s.size * (size_t)s.count > MOST) {
		errno = EINVAL;
		die("sizes");
	}
	s.sock = connected(arg[0], arg[1]);
	if (!s.plain) {
		int size = s.size;

		if (setsockopt(s.sock, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
			die("UDP_SEGMENT");
	}
	for (int i = 0; i < messages && now() - start < seconds; i++) {
		send_message(&s);
		wait_answer(&s, (uint32_t)((WINDOW - 1) * s.count));
	}
	wait_answer(&s, 0);
	put(end, END, sizeof(end), false);
	for (int i = 0; i < 3; i++)
		if (send(s.sock, end, sizeof(end), 0) < 0 && errno != ECONNREFUSED)
			die("send");
	printf("%u datagrams, 0 bad, 0 out of order\n", s.number);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "recv"))
		return receive(argv[2]);
	if ((argc == 8 || argc == 9) && !strcmp(argv[1], "send"))
		return transmit(argv + 2, atoi(argv[7]), argc == 9 ? atof(argv[8]) : 1e9);
	fprintf(stderr, "udpgso: recv PORT, or send ADDRESS PORT SIZE LAST COUNT "
			"MESSAGES [SECONDS]\n");
	return 2;
}
