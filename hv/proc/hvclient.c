/* SPDX-License-Identifier: MIT */
/* Calls to tandem-hvd. */
#include "hv/proc/hvclient.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/fdpass.h"
#include "hv/base/statedir.h"

int hvclient_str(struct hvcall *call, const char *str)
{
	size_t len = strlen(str);

	if (len >= sizeof(call->str))
		return -ENAMETOOLONG;
	memset(call->str, 0, sizeof(call->str));
	memcpy(call->str, str, len);
	return 0;
}

static int call_errno(int err)
{
	return err == -EPIPE || err == -ECONNRESET ? -ENOTCONN : err;
}

static int reply_recv(int sock, struct hvreply *reply, int *fds, int *nfds)
{
	int none = 0;
	long n;

	if (nfds)
		*nfds = HVCALL_MAX_FDS;
	n = fdpass_recv(sock, reply, sizeof(*reply), fds, nfds ? nfds : &none, 0);
	if (n < 0)
		return call_errno((int)n);
	if (n == 0)
		return -ENOTCONN;
	if (n == (long)sizeof(*reply) && reply->version == HVCALL_VERSION)
		return 0;
	for (int i = 0; nfds && i < *nfds; i++)
		close(fds[i]);
	return -EPROTO;
}

int hvclient_call(int sock, struct hvcall *call, struct hvreply *reply, int *fds,
		  int *nfds)
{
	return hvclient_call_with(sock, call, NULL, 0, reply, fds, nfds);
}

int hvclient_call_with(int sock, struct hvcall *call, const int *send, int nsend,
		       struct hvreply *reply, int *fds, int *nfds)
{
	int err;

	if (nfds)
		*nfds = 0;
	call->version = HVCALL_VERSION;
	err = fdpass_send(sock, call, sizeof(*call), send, nsend);
	if (err)
		return call_errno(err);
	err = reply_recv(sock, reply, fds, nfds);
	if (err)
		return err;
	reply->name[sizeof(reply->name) - 1] = '\0';
	if (!reply->status)
		return 0;
	/* descriptors come with success only */
	while (nfds && *nfds > 0)
		close(fds[--*nfds]);
	return reply->status > 0 ? -EPROTO : reply->status;
}

int hvclient_hello(int sock, domid_t *domid, char *name)
{
	struct hvcall call = { .op = HVCALL_HELLO };
	struct hvreply reply;
	int err = hvclient_call(sock, &call, &reply, NULL, NULL);

	if (err)
		return err;
	if (reply.domid >= DOMID_FIRST_RESERVED)
		return -EPROTO;
	*domid = (domid_t)reply.domid;
	memcpy(name, reply.name, HVCALL_NAME_MAX);
	return 0;
}

int hvclient_connect(const char *dir, char *path, size_t size)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char buf[sizeof(addr.sun_path)], name[HVCALL_NAME_MAX];
	cleanup_close int sock = -1;
	domid_t domid;
	int err = 0, n;

	if (dir) {
		n = snprintf(buf, sizeof(buf), "%s/%s", dir, STATEDIR_HV_SOCKET);
		err = n < 0 || (size_t)n >= sizeof(buf) ? -ENAMETOOLONG : 0;
	} else {
		err = statedir_path(buf, sizeof(buf), STATEDIR_HV_SOCKET);
	}
	if (path)
		snprintf(path, size, "%s", buf);
	if (err)
		return err;
	memcpy(addr.sun_path, buf, sizeof(buf));
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	err = hvclient_hello(sock, &domid, name);
	return err ? err : take_fd(sock);
}

int hvclient_domain_connect(int sock, domid_t domid, const char *name, int *conn)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_CONNECT };
	int fds[HVCALL_MAX_FDS], nfds, err = 0;
	struct hvreply reply;

	if (name)
		err = hvclient_str(&call, name);
	else
		call.domid = domid;
	if (err)
		return err;
	err = hvclient_call(sock, &call, &reply, fds, &nfds);
	if (err)
		return err;
	if (nfds == 1) {
		*conn = fds[0];
		return 0;
	}
	for (int i = 0; i < nfds; i++)
		close(fds[i]);
	return -EPROTO;
}
