/* SPDX-License-Identifier: MIT */
/* SCM_RIGHTS, sending and receiving. */
#include "hv/base/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fdpass_control {
	char buf[CMSG_SPACE(sizeof(int) * FDPASS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
	struct cmsghdr align;
};

int fdpass_send(int sock, const void *buf, size_t len, const int *fds, int nfds)
{
	struct iovec iov = { .iov_base = (void *)(size_t)buf, .iov_len = len };
	union fdpass_control ctl;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (nfds > FDPASS_MAX)
		return -EINVAL;
	if (nfds > 0) {
		memset(&ctl, 0, sizeof(ctl));
		msg.msg_control = ctl.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)nfds);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int fdpass_take(struct msghdr *msg, int *fds, int max)
{
	int got = 0, over = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < max) {
				fds[got++] = fd;
			} else {
				close(fd);
				over = 1;
			}
		}
	}
	if (!over && !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return got;
	while (got > 0)
		close(fds[--got]);
	return -EPROTO;
}

static pid_t fdpass_sender(struct msghdr *msg)
{
	struct ucred cred = { .pid = 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
		    c->cmsg_len == CMSG_LEN(sizeof(cred)))
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	return cred.pid;
}

long fdpass_recv(int sock, void *buf, size_t len, int *fds, int *nfds, int flags)
{
	return fdpass_recv_from(sock, buf, len, fds, nfds, NULL, flags);
}

long fdpass_recv_from(int sock, void *buf, size_t len, int *fds, int *nfds, pid_t *pid,
		      int flags)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	union fdpass_control ctl;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	int max = nfds ? *nfds : 0;
	ssize_t n;
	int got;

	/* what nobody wants is dropped by the kernel: to close a descriptor of some
	 * file systems takes as long as its owner likes */
	if (max)
		msg.msg_controllen += CMSG_SPACE(sizeof(int) * FDPASS_MAX);
	if (pid)
		msg.msg_controllen += CMSG_SPACE(sizeof(struct ucred));
	if (msg.msg_controllen)
		msg.msg_control = ctl.buf;
	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	got = fdpass_take(&msg, fds, max);
	if (got < 0)
		return got;
	if (nfds)
		*nfds = got;
	if (pid)
		*pid = fdpass_sender(&msg);
	return n;
}
