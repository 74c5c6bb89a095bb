/* SPDX-License-Identifier: MIT */
/* Requests to a VM's process, and the sockets beside it. */
#include "tools/vmctl_client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/fdpass.h"
#include "hv/base/statedir.h"

int vmctl_address(domid_t domid, const char *suffix, struct sockaddr_un *addr)
{
	char name[32];

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(name, sizeof(name), VMCTL_DIR "/%u%s", domid, suffix);
	return statedir_path(addr->sun_path, sizeof(addr->sun_path), name);
}

int vmctl_listen(domid_t domid, const char *suffix, int type)
{
	cleanup_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	char dir[PATH_MAX];
	int err = statedir_path(dir, sizeof(dir), VMCTL_DIR);

	if (!err)
		err = vmctl_address(domid, suffix, &addr);
	if (err)
		return err;
	if (fd < 0 || (mkdir(dir, 0700) && errno != EEXIST) ||
	    (unlink(addr.sun_path) && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 16))
		return -errno;
	return take_fd(fd);
}

void vmctl_unlink(domid_t domid, const char *suffix)
{
	struct sockaddr_un addr;

	/* cannot fail in a way that matters: nobody listens there */
	if (!vmctl_address(domid, suffix, &addr))
		(void)unlink(addr.sun_path);
}

int vmctl_connect(domid_t domid, const char *suffix, int type)
{
	cleanup_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	int err = vmctl_address(domid, suffix, &addr);

	if (err)
		return err;
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return take_fd(fd);
}

int vmctl_send(int fd, struct vmctl_call *call, const int *fds, int nfds)
{
	int err;

	call->version = VMCTL_VERSION;
	err = fdpass_send(fd, call, sizeof(*call), fds, nfds);
	return err == -ECONNRESET ? -EPIPE : err;
}

int vmctl_receive(int fd, struct vmctl_reply *reply, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = poll(&p, 1, timeout_ms);

	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	n = recv(fd, reply, sizeof(*reply), MSG_TRUNC);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return -EPIPE;
	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(*reply) || reply->version != VMCTL_VERSION ||
	    reply->status > 0)
		return -EPROTO;
	return reply->status;
}

int vmctl_call(int fd, struct vmctl_call *call, struct vmctl_reply *reply, int timeout_ms)
{
	int err = vmctl_send(fd, call, NULL, 0);

	return err ? err : vmctl_receive(fd, reply, timeout_ms);
}
