/* SPDX-License-Identifier: MIT */
/*
 * netrr: UDP request and response, one at a time. The server sends back what
 * comes; the client asks for a time, each request with a number, and prints one
 * JSON object.
 *
 *   netrr server ADDRESS PORT
 *   netrr client ADDRESS PORT [--time S] [--size BYTES]
 *
 * A request without an answer after 200 ms is lost: counted, and not a latency.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/bench/client.h"

#define SIZE_MAX_UDP 1472u
#define LOST_US	     200000

struct asking {
	int fd;
	double seconds;
	size_t size;
	uint64_t number, lost;
	struct hist lat;
	uint8_t buf[2048];
};

static int parse_address(const char *address, const char *port, struct sockaddr_in *sa)
{
	*sa = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)atoi(port)) };
	return inet_pton(AF_INET, address, &sa->sin_addr) == 1 ? 0 : -EINVAL;
}

static int serve(int fd)
{
	uint8_t buf[2048];
	struct sockaddr_in from;

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n =
			recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		/* an answer that cannot be sent is lost, as any other */
		if (n >= 0)
			(void)!sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from,
				      len);
		else if (errno != EINTR)
			return -errno;
	}
}

/* The answer to the last request; answers to earlier ones are late. */
static bool answered(struct asking *a)
{
	uint64_t number;

	for (;;) {
		ssize_t n = recv(a->fd, a->buf, sizeof(a->buf), 0);

		if (n < 0)
			return false;
		if ((size_t)n != a->size)
			continue;
		memcpy(&number, a->buf, sizeof(number));
		if (number == a->number)
			return true;
	}
}

static void ask(struct asking *a)
{
	uint64_t end = now_ns() + (uint64_t)(a->seconds * 1e9), t0;

	while ((t0 = now_ns()) < end) {
		a->number++;
		memcpy(a->buf, &a->number, sizeof(a->number));
		if (send(a->fd, a->buf, a->size, 0) == (ssize_t)a->size && answered(a))
			hist_add(&a->lat, now_ns() - t0);
		else
			a->lost++;
	}
}

static int client(struct asking *a)
{
	uint64_t t0 = now_ns();
	double s;

	ask(a);
	s = (double)(now_ns() - t0) / 1e9;
	printf("{\"size\": %zu, \"seconds\": %.6f, \"asks\": %llu, \"asks_per_s\": %.1f, "
	       "\"lost\": %llu, \"lat_ns\": {\"mean\": %.0f, \"p50\": %.0f, "
	       "\"p99\": %.0f, \"p99.9\": %.0f, \"max\": %llu}}\n",
	       a->size, s, (unsigned long long)a->lat.n, (double)a->lat.n / s,
	       (unsigned long long)a->lost, hist_mean(&a->lat),
	       hist_quantile(&a->lat, 0.5), hist_quantile(&a->lat, 0.99),
	       hist_quantile(&a->lat, 0.999), (unsigned long long)a->lat.max);
	return a->lat.n ? 0 : 1;
}

static int usage(void)
{
	fputs("usage: netrr server ADDRESS PORT\n"
	      "       netrr client ADDRESS PORT [--time S] [--size BYTES]\n",
	      stderr);
	return 2;
}

static int parse(struct asking *a, int argc, char **argv)
{
	static const struct option opts[] = {
		{ "time", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 't')
			a->seconds = atof(optarg);
		else if (c == 's')
			a->size = strtoul(optarg, NULL, 0);
		else
			return -EINVAL;
	}
	return argc - optind == 3 && a->seconds > 0 && a->size >= sizeof(a->number) &&
			       a->size <= SIZE_MAX_UDP
		       ? 0
		       : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct asking a = { .seconds = 1, .size = 64 };
	const struct timeval lost = { .tv_usec = LOST_US };
	struct sockaddr_in sa;
	bool server;
	int err;

	if (parse(&a, argc, argv) ||
	    parse_address(argv[optind + 1], argv[optind + 2], &sa))
		return usage();
	server = !strcmp(argv[optind], "server");
	if (!server && strcmp(argv[optind], "client"))
		return usage();
	a.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (a.fd < 0) {
		err = -errno;
	} else if (server) {
		err = bind(a.fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno
								     : serve(a.fd);
	} else {
		err = setsockopt(a.fd, SOL_SOCKET, SO_RCVTIMEO, &lost, sizeof(lost)) ||
				      connect(a.fd, (struct sockaddr *)&sa, sizeof(sa))
			      ? -errno
			      : client(&a);
	}
	if (err < 0)
		fprintf(stderr, "netrr: %s: %s\n", argv[optind + 1], strerror(-err));
	return err ? 1 : 0;
}
