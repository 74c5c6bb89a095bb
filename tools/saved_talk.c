/* SPDX-License-Identifier: MIT */
/* The toolstack's side of the channel to a tandem-vm that saves itself (vm_save.h). */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/fdpass.h"
#include "hv/base/statedir.h"
#include "tools/cmd_vm.h"
#include "tools/saved.h"
#include "tools/vm_save.h"

#define DECIDED_MS 10000

static int channel_recv(int channel, char *buf, size_t size, int timeout_ms)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };
	ssize_t n;
	int ready;

	do
		ready = poll(&p, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	n = recv(channel, buf, size - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : 0;
}

int saved_decide(int channel, const char *fate)
{
	char none[8];

	if (send(channel, fate, strlen(fate), MSG_NOSIGNAL) < 0)
		return -errno;
	return channel_recv(channel, none, sizeof(none), DECIDED_MS);
}

/* Hands the channel's other end and the stream to the VM's process. */
static int ask(const struct cli_domain *dom, int channel, int stream)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const int fds[] = { channel, stream };
	cleanup_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[32];
	int err;

	if (sock < 0)
		return -errno;
	snprintf(name, sizeof(name), VM_SAVE_DIR "/%u", dom->id);
	err = statedir_path(sa.sun_path, sizeof(sa.sun_path), name);
	if (err)
		return err;
	if (connect(sock, (struct sockaddr *)&sa, sizeof(sa)))
		return -errno;
	return fdpass_send(sock, "", 1, fds, 2);
}

static int open_channel(const struct cli_domain *dom, int stream, int *channel)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	err = ask(dom, pair[1], stream);
	close(pair[1]);
	if (err)
		close(pair[0]);
	else
		*channel = pair[0];
	return err;
}

static int start(int channel, const char *mode, json_t *config)
{
	cleanup_free char *text = json_dumps(config, JSON_COMPACT);
	cleanup_free char *packet = NULL;
	size_t word = strlen(mode) + 1, len = text ? strlen(text) : 0;

	if (!text)
		return -ENOMEM;
	if (len > SAVED_CONFIG_MAX)
		return -E2BIG;
	packet = malloc(word + len);
	if (!packet)
		return -ENOMEM;
	memcpy(packet, mode, word);
	memcpy(packet + word, text, len);
	return send(channel, packet, word + len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* "" takes it back. */
static int request(struct cli *c, domid_t domid, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
	return xenstore_write(c->plat, XENSTORE_NO_TX, path, what);
}

static int follow(struct cli *c, const struct cli_domain *dom, int channel, char *report,
		  size_t size)
{
	char text[512];
	int err, status;

	for (;;) {
		err = channel_recv(channel, text, sizeof(text), -1);
		if (!err && !strcmp(text, "suspend")) {
			err = request(c, dom->id, "suspend");
			if (!err)
				continue;
		}
		break;
	}
	if (!err && !strncmp(text, "saved ", 6)) {
		snprintf(report, size, "%s", text + 6);
		return 0;
	}
	if (err)
		status = cli_fail(c, "%s: %s", dom->name, cli_strerror(err));
	else
		status = cli_fail(c, "%s: %s", dom->name,
				  strncmp(text, "error ", 6) ? "its process has ended"
							     : text + 6);
	/* cannot fail in a way that matters: a guest that answers late is told by its
	 * process to go on */
	(void)request(c, dom->id, "");
	return status;
}

/* Only a guest that runs can suspend itself. */
static int check_runs(struct cli *c, const struct cli_domain *dom)
{
	cleanup_close int fd = vm_connect(dom->id);
	struct vm_look l;
	int err = fd < 0 ? fd : vm_look(fd, &l);

	if (err)
		return cli_fail(c, "%s: its tandem-vm does not answer: %s", dom->name,
				strerror(-err));
	if (l.stopped)
		return cli_fail(c, "%s has stopped", dom->name);
	if (l.paused)
		return cli_fail(c, "%s is paused: tandem unpause, then again", dom->name);
	return 0;
}

int saved_write(struct cli *c, const struct cli_domain *dom, const char *mode,
		json_t *config, int fd, int *channel, char *report, size_t size)
{
	int err, status = check_runs(c, dom);

	if (status)
		return status;
	err = open_channel(dom, fd, channel);
	if (err == -ENOENT || err == -ECONNREFUSED)
		return cli_fail(c, "%s does not run", dom->name);
	if (err)
		return cli_fail(c, "%s: %s", dom->name, strerror(-err));
	err = start(*channel, mode, config);
	status = err ? cli_fail(c, "%s: its configuration: %s", dom->name, strerror(-err))
		     : follow(c, dom, *channel, report, size);
	if (status)
		close(take_fd(*channel));
	return status;
}
