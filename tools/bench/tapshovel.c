/* SPDX-License-Identifier: MIT */
/*
 * tapshovel: moves packets between two taps and does nothing else, as the
 * plainest data path in user space does: epoll, a read, a write. What rows of
 * the network benchmark are measured beside.
 *
 *   tapshovel TAP TAP [offload]
 *
 * offload: checksums and segments of 64 KiB pass as they are. Prints "ready" when
 * both taps are there. Ends with SIGTERM or SIGINT.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hv/base/tap.h"

#define PACKET_MAX (TAP_VNET_HDR + 65535 + 64)
#define BURST	   64 /* packets one way, then the other has its turn */

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

static int open_tap(const char *name, bool offload)
{
	char made[IFACE_NAME_MAX];
	int fd, err = tap_open(name, 1, &fd, made);

	if (!err)
		err = tap_set_offload(fd, offload, offload, offload, false);
	if (err) {
		fprintf(stderr, "tapshovel: %s: %s\n", name, tap_strerror(err));
		return -1;
	}
	return fd;
}

static void shovel(int from, int to)
{
	static char packet[PACKET_MAX];

	for (int i = 0; i < BURST; i++) {
		ssize_t n = read(from, packet, sizeof(packet));

		if (n < 0)
			return;
		/* a tap that takes no more loses it, as a wire does */
		(void)!write(to, packet, (size_t)n);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event ev[2];
	int fd[2], ep = epoll_create1(EPOLL_CLOEXEC), n;
	bool offload = argc == 4 && !strcmp(argv[3], "offload");

	if (argc < 3 || argc > 4 || (argc == 4 && !offload)) {
		fputs("usage: tapshovel TAP TAP [offload]\n", stderr);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (int i = 0; i < 2; i++) {
		fd[i] = open_tap(argv[1 + i], offload);
		if (fd[i] < 0)
			return 2;
		ev[0] = (struct epoll_event){ .events = EPOLLIN,
					      .data.u32 = (uint32_t)i };
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev[0])) {
			perror("tapshovel: epoll");
			return 2;
		}
	}
	puts("ready");
	fflush(stdout);
	while (!ended) {
		n = epoll_wait(ep, ev, 2, -1);
		for (int i = 0; i < n; i++)
			shovel(fd[ev[i].data.u32], fd[!ev[i].data.u32]);
	}
	return 0;
}
