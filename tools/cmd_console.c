/* SPDX-License-Identifier: MIT */
/* tandem console: a terminal on a VM's console. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_vm.h"
#include "tools/vm_console.h"
#include "tools/vmctl_client.h"

#define DETACH 0x1d /* ^] */

static int write_all(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		s += done;
		n -= (size_t)done;
	}
	return 0;
}

/* What is typed. 1: detach. *in: -1 at its end. */
static int typed(int sock, int *in)
{
	char buf[256], *esc;
	ssize_t n = read(*in, buf, sizeof(buf));

	if (n <= 0) {
		*in = -1;
		return n < 0 && errno != EINTR && errno != EIO ? -errno : 0;
	}
	esc = memchr(buf, DETACH, (size_t)n);
	if (esc)
		n = esc - buf;
	if (n && send(sock, buf, (size_t)n, MSG_NOSIGNAL) < 0)
		return -errno;
	return esc != NULL;
}

/* 0: detached or ended. */
static int shovel(int sock)
{
	int in = STDIN_FILENO, err = 0;
	char buf[4096];

	while (!err) {
		struct pollfd p[2] = { { .fd = sock, .events = POLLIN },
				       { .fd = in, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			return errno == EINTR ? 0 : -errno;
		if (p[0].revents) {
			ssize_t n = recv(sock, buf, sizeof(buf), 0);

			if (n <= 0)
				return 0; /* the VM has ended for good */
			err = write_all(STDOUT_FILENO, buf, (size_t)n);
		}
		if (!err && p[1].revents)
			err = typed(sock, &in);
	}
	return err > 0 ? 0 : err;
}

int console_attach(struct cli *c, const char *name)
{
	struct termios old, raw;
	struct cli_domain dom;
	cleanup_close int sock = -1;
	bool terminal;
	int err, status = cli_find_domain(c, name, &dom);

	if (status)
		return status;
	sock = vmctl_connect(dom.id, VM_CONSOLE_SOCKET, SOCK_STREAM);
	if (sock == -ENOENT)
		return cli_fail(c, "%s has no console: it is no VM", dom.name);
	if (sock < 0)
		return cli_fail(c, "%s: its console: %s", dom.name, strerror(-sock));
	terminal = !tcgetattr(STDIN_FILENO, &old);
	if (terminal) {
		raw = old;
		cfmakeraw(&raw);
		/* cannot fail: it is one */
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	err = shovel(sock);
	if (terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &old);
	return err ? cli_fail(c, "%s: %s", dom.name, strerror(-err)) : 0;
}

int cli_console(struct cli *c)
{
	return console_attach(c, c->argv[0]);
}
