/* SPDX-License-Identifier: MIT */
/* Where viewers come in. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backends/pc/vnc.h"

#define BACKLOG	    8
#define ADDRESS_MAX 64u

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static int listen_at(const union address *a, socklen_t len)
{
	const int fd =
		socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;
	int err;

	if (fd < 0)
		return -errno;
	if (a->any.sa_family == AF_UNIX) {
		/* what bind() makes has the mode that the socket has */
		if (fchmod(fd, 0600))
			goto close_fd;
	} else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one))) {
		goto close_fd;
	}
	if (!bind(fd, &a->any, len) && !listen(fd, BACKLOG))
		return fd;
close_fd:
	err = -errno;
	close(fd);
	return err;
}

static int listen_unix(const char *path)
{
	union address a = { .un = { .sun_family = AF_UNIX } };
	struct stat st;

	if (!*path || strlen(path) >= sizeof(a.un.sun_path))
		return -EINVAL;
	strcpy(a.un.sun_path, path);
	/* one that a machine before us has left; nothing else is ours to remove */
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode) && unlink(path))
		return -errno;
	return listen_at(&a, sizeof(a.un));
}

static int port_get(const char *text)
{
	char *end;
	const unsigned long port = strtoul(text, &end, 10);

	return *text < '0' || *text > '9' || *end || port > UINT16_MAX ? -EINVAL
								       : (int)port;
}

int vnc_listen(const char *where, bool password)
{
	const char *colon = strrchr(where, ':');
	char host[ADDRESS_MAX];
	union address a;
	size_t len;
	int port;

	if (strncmp(where, "unix:", 5) == 0)
		return listen_unix(where + 5);
	memset(&a, 0, sizeof(a));
	port = colon ? port_get(colon + 1) : -EINVAL;
	if (port < 0)
		return port;
	len = (size_t)(colon - where);
	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, where, len);
	host[len] = 0;
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		if (inet_pton(AF_INET6, host + 1, &a.in6.sin6_addr) != 1)
			return -EINVAL;
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons((uint16_t)port);
		if (!password && !IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr))
			return -EPERM;
		return listen_at(&a, sizeof(a.in6));
	}
	if (inet_pton(AF_INET, host, &a.in.sin_addr) != 1)
		return -EINVAL;
	a.in.sin_family = AF_INET;
	a.in.sin_port = htons((uint16_t)port);
	if (!password && ntohl(a.in.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return -EPERM;
	return listen_at(&a, sizeof(a.in));
}
