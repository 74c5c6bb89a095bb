/* SPDX-License-Identifier: MIT */
/* tandem-vm: the machine is saved, by a thread of its own. */
#include "tools/vm_save.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hv/base/fdpass.h"
#include "hv/base/log.h"
#include "hv/base/statedir.h"
#include "hv/kvm/save.h"

#define ASK_S 10 /* for the first packet of a channel */

/* What becomes of a machine that was saved, or was not. */
enum vm_fate { FATE_RUNS, FATE_RESUMES, FATE_PAUSES, FATE_WAKES, FATE_STAYS };

struct vm_saver {
	struct vm *vm;
	struct evloop *loop;
	int sock;	/* requests */
	int stopped_fd; /* eventfd: the guest has stopped, says the main thread */
	int done_fd;	/* eventfd: the thread has done its work */
	struct evsource *sock_src, *done_src;
	int (*renew)(void *arg);
	void *renew_arg;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	/* A saving; the thread's while there is one. */
	pthread_t thread;
	_Atomic bool busy;
	bool unasked; /* the guest stands, and did not do so itself */
	enum vm_fate fate;
	int channel, stream;
	char *packet;
};

static void event_set(int fd)
{
	const uint64_t one = 1;

	/* cannot fail: the counter is nowhere near its end */
	(void)!write(fd, &one, sizeof(one));
}

static void event_clear(int fd)
{
	uint64_t n;

	/* cannot fail in a way that matters: it was not set */
	(void)!read(fd, &n, sizeof(n));
}

static void say(int channel, const char *text)
{
	/* cannot fail in a way that matters: its end is seen when it is read */
	(void)!send(channel, text, strlen(text), MSG_NOSIGNAL);
}

static void say_error(int channel, int err)
{
	char text[160];

	snprintf(text, sizeof(text), "error %s",
		 err == -ETIMEDOUT
			 ? "the guest did not suspend itself in time, or nobody "
			   "takes the stream"
		 : err == -EPIPE     ? "nobody takes the stream any more"
		 : err == -EBUSY     ? "the guest has mapped other domains' memory"
		 : err == -ESRCH     ? "the guest has ended"
		 : err == -ETIME     ? "its disks do not end what they were asked for"
		 : err == -ECANCELED ? "was given up"
				     : strerror(-err));
	say(channel, text);
}

/* -------------------------------------------------------------------- the thread */

/* A packet of the channel, as a string; "" at its end. */
static int packet_get(struct vm_saver *s, int timeout_ms, size_t *len)
{
	struct pollfd p = { .fd = s->channel, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, timeout_ms) <= 0)
		return -ETIMEDOUT;
	n = recv(s->channel, s->packet, VM_SAVE_PACKET - 1, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	s->packet[n] = '\0';
	*len = (size_t)n;
	return 0;
}

static bool still_wanted(void *arg)
{
	struct vm_saver *s = arg;
	struct pollfd p = { .fd = s->channel, .events = POLLIN };

	const int reason = vm_stop_reason(s->vm);
	const bool ended = reason >= 0 && !(s->unasked && reason == SHUTDOWN_suspend);

	/* nothing is said while it is written, but that nobody listens any more */
	return !ended && poll(&p, 1, 0) == 0;
}

static int suspend_guest(void *arg)
{
	struct vm_saver *s = arg;
	struct pollfd p[] = { { .fd = s->stopped_fd, .events = POLLIN },
			      { .fd = s->channel, .events = POLLIN } };
	int n;

	s->unasked = !vm_is_asked(s->vm);
	if (s->unasked)
		vm_suspend(s->vm);
	else
		say(s->channel, "suspend");
	do
		n = poll(p, 2, VM_SAVE_SUSPEND_S * 1000);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ETIMEDOUT;
	if (!(p[0].revents & POLLIN))
		return -ECANCELED;
	return vm_stop_reason(s->vm) == SHUTDOWN_suspend ? 0 : -ESRCH;
}

/* The machine is saved, and stands. */
static void decide(struct vm_saver *s, const struct save_job *job)
{
	char text[256];
	size_t len = 0;

	snprintf(text, sizeof(text),
		 "saved "
		 "{\"bytes\":%llu,\"pages\":%llu,\"rounds\":%u,\"standing_ms\":%llu}",
		 (unsigned long long)job->bytes, (unsigned long long)job->pages,
		 job->rounds, (unsigned long long)job->standing_ms);
	say(s->channel, text);
	if (packet_get(s, -1, &len))
		s->packet[0] = '\0';
	s->fate = FATE_RESUMES;
	if (!strcmp(s->packet, "again"))
		s->fate = FATE_WAKES;
	else if (!strcmp(s->packet, "pause"))
		s->fate = FATE_PAUSES;
	else if (!strcmp(s->packet, "stay"))
		s->fate = FATE_STAYS;
}

static int job_run(struct vm_saver *s)
{
	struct save_job job = { .fd = s->stream,
				.suspend = suspend_guest,
				.wanted = still_wanted,
				.arg = s };
	char *config = NULL;
	size_t len = 0, word;
	int err = packet_get(s, ASK_S * 1000, &len);

	word = err ? 0 : strnlen(s->packet, len);
	if (err || word == len)
		return -EPROTO;
	job.live = !strcmp(s->packet, "live");
	job.config_len = len - word - 1;
	config = malloc(job.config_len + 1);
	if (!config)
		return -ENOMEM;
	memcpy(config, s->packet + word + 1, job.config_len);
	job.config = config;
	err = vm_save(s->vm, &job);
	if (!err)
		decide(s, &job);
	else if (job.suspended)
		s->fate = FATE_RESUMES;
	free(config);
	return err;
}

static void *job_main(void *arg)
{
	struct vm_saver *s = arg;
	int err = job_run(s);

	if (err)
		say_error(s->channel, err);
	event_set(s->done_fd);
	return NULL;
}

/* --------------------------------------------------------------- the main thread */

/* The guest stands, its vcpus are joined. 0, or it cannot go on. */
static int go_on(struct vm_saver *s, bool cancelled)
{
	const bool renew = !cancelled && !s->unasked;
	int err = renew ? s->renew(s->renew_arg) : 0;

	event_clear(s->stopped_fd);
	if (renew && !err)
		err = xen_domain_renew(s->vm);
	if (!err)
		err = vm_resume(s->vm, cancelled);
	if (err)
		log_err("%s: cannot go on: %s", s->vm->name, strerror(-err));
	return err;
}

static void job_end(struct vm_saver *s)
{
	/* cannot fail: it was started, and is joined once */
	(void)pthread_join(s->thread, NULL);
	close(s->stream);
	free(s->packet);
	s->packet = NULL;
	s->busy = false;
	event_clear(s->stopped_fd);
	event_clear(s->done_fd);
}

static void on_done(void *arg, uint32_t events)
{
	struct vm_saver *s = arg;

	(void)events;
	job_end(s);
	switch (s->fate) {
	case FATE_STAYS:
		break;
	case FATE_RUNS: /* unless it has ended meanwhile */
		if (vm_stop_reason(s->vm) >= 0)
			event_set(s->vm->stop_fd); /* looked at once more */
		break;
	case FATE_PAUSES:
		vm_pause(s->vm); /* none of its vcpus is there */
		__attribute__((fallthrough));
	case FATE_RESUMES:
	case FATE_WAKES:
		if (go_on(s, s->fate != FATE_WAKES))
			evloop_stop(s->loop, 0);
	}
	close(s->channel); /* so it is done */
}

static void job_start(struct vm_saver *s, int channel, int stream)
{
	int err;

	s->channel = channel;
	s->stream = stream;
	s->fate = FATE_RUNS;
	s->packet = malloc(VM_SAVE_PACKET);
	err = s->packet ? -pthread_create(&s->thread, NULL, job_main, s) : -ENOMEM;
	s->busy = !err;
	if (!err)
		return;
	say_error(channel, err);
	free(s->packet);
	close(channel);
	close(stream);
}

static void on_request(void *arg, uint32_t events)
{
	struct vm_saver *s = arg;
	int fds[2] = { -1, -1 }, n = 2;
	char none[8];

	(void)events;
	if (fdpass_recv(s->sock, none, sizeof(none), fds, &n, MSG_DONTWAIT) < 0)
		return;
	if (n == 2 && !s->busy) {
		job_start(s, fds[0], fds[1]);
		return;
	}
	if (n == 2)
		say(fds[0], "error it is being saved already");
	while (n > 0)
		close(fds[--n]);
}

bool vm_saver_stopped(struct vm_saver *s)
{
	if (!s)
		return false;
	event_clear(s->vm->stop_fd);
	if (s->busy) {
		vm_join(s->vm);
		event_set(s->stopped_fd);
		return true;
	}
	/* told to by somebody else, or after whoever wanted it has gone */
	if (vm_stop_reason(s->vm) != SHUTDOWN_suspend)
		return false;
	s->unasked = s->vm->suspender == VM_NOBODY;
	vm_join(s->vm);
	return !go_on(s, true);
}

static int socket_make(struct vm_saver *s, domid_t domid)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char name[32];
	int err = statedir_path(s->path, sizeof(s->path), VM_SAVE_DIR);

	if (err)
		return err;
	if (mkdir(s->path, 0700) && errno != EEXIST)
		return -errno;
	snprintf(name, sizeof(name), VM_SAVE_DIR "/%u", domid);
	err = statedir_path(s->path, sizeof(s->path), name);
	if (err)
		return err;
	memcpy(sa.sun_path, s->path, sizeof(s->path));
	/* of a domain that had this id before */
	if (unlink(s->path) && errno != ENOENT)
		return -errno;
	s->sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return s->sock < 0 || bind(s->sock, (struct sockaddr *)&sa, sizeof(sa)) ? -errno
										: 0;
}

int vm_saver_open(struct vm_saver **out, struct vm *vm, struct evloop *loop,
		  domid_t domid, int (*renew)(void *arg), void *arg)
{
	struct vm_saver *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	*s = (struct vm_saver){
		.vm = vm, .loop = loop, .sock = -1, .renew = renew, .renew_arg = arg
	};
	s->stopped_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = s->stopped_fd < 0 || s->done_fd < 0 ? -EMFILE : socket_make(s, domid);
	if (!err)
		err = evloop_add(loop, s->sock, EPOLLIN, on_request, s, &s->sock_src);
	if (!err)
		err = evloop_add(loop, s->done_fd, EPOLLIN, on_done, s, &s->done_src);
	if (err)
		vm_saver_close(s);
	else
		*out = s;
	return err;
}

void vm_saver_close(struct vm_saver *s)
{
	if (!s)
		return;
	if (s->busy) {
		/* whatever it waits for ends */
		event_set(s->stopped_fd);
		(void)shutdown(s->channel, SHUT_RDWR);
		(void)shutdown(s->stream, SHUT_RDWR);
		job_end(s);
		close(s->channel);
	}
	if (s->sock_src)
		evloop_del(s->sock_src);
	if (s->done_src)
		evloop_del(s->done_src);
	if (s->sock >= 0)
		close(s->sock);
	if (s->stopped_fd >= 0)
		close(s->stopped_fd);
	if (s->done_fd >= 0)
		close(s->done_fd);
	free(s);
}
