/* SPDX-License-Identifier: MIT */
/*
 * tandem migrate, migrate-receive. One stream to the receiver, that of tandem save, and
 * lines behind it and back:
 *
 *   stream ->, <- "ready"    the receiver has all of it; its machine waits
 *   "go" ->, <- "done"       the sender's backends have let go of the devices; the
 *                            receiver's have them, and the guest runs there
 *   <- "failed TEXT"         in either place. Before "go" the guest just goes on here;
 *                            behind it it gets its devices anew, and wakes up here as it
 *                            would have there
 *
 * Two sides that lose sight of each other between "go" and "done" cannot both know what
 * is true: the sender then keeps the machine, standing, and says so.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/clock.h"
#include "tools/cmd_domain.h"
#include "tools/saved.h"

#define LINE_MAX_BYTES 300
#define ANSWER_S       120 /* for the receiver to read the rest, or to attach devices */

struct peer {
	int in, out;
	pid_t pid; /* 0: none was started */
};

/* ------------------------------------------------------------------------ lines */

static int line_put(int fd, const char *word, const char *text)
{
	char line[LINE_MAX_BYTES];
	int n = snprintf(line, sizeof(line) - 1, "%s%s%s", word, *text ? " " : "", text);

	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	return write(fd, line, (size_t)n) == n ? 0 : -EPIPE;
}

/* Without its end. Byte by byte: what follows is not ours. */
static int line_get(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&p, 1, ANSWER_S * 1000) <= 0)
			return -ETIMEDOUT;
		got = read(fd, line + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EPIPE;
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	cli_clean(line);
	return 0;
}

/* ------------------------------------------------------------------- the receiver */

/* Its standard input and output are one socket, whose other end we have. */
static void run_child(int sock, const char *command, const char *dir)
{
	const char *shell[] = { "/bin/sh", "-c", command, NULL };
	const char *self[] = { "/proc/self/exe", "--dir", dir, "migrate-receive", NULL };
	const char **argv = command ? shell : self;

	signal(SIGPIPE, SIG_DFL);
	if (dup2(sock, 0) >= 0 && dup2(sock, 1) >= 0)
		execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int peer_start(struct cli *c, struct peer *p, const char *command, const char *dir)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return cli_fail(c, "%s", strerror(errno));
	p->pid = fork();
	if (!p->pid)
		run_child(pair[1], command, dir);
	close(pair[1]);
	p->in = pair[0];
	p->out = dup(pair[0]);
	if (p->pid > 0 && p->out >= 0)
		return 0;
	return cli_fail(c, "starting the receiver: %s", strerror(errno));
}

static int peer_open(struct cli *c, struct peer *p, const char *to)
{
	if (!strncmp(to, "unix:", 5) && to[5])
		return peer_start(c, p, NULL, to + 5);
	if (!strncmp(to, "exec:", 5) && to[5])
		return peer_start(c, p, to + 5, NULL);
	if (strcmp(to, "-"))
		return cli_fail(
			c,
			"'%.80s' is no place: unix:DIR, exec:COMMAND or - would be "
			"right",
			to);
	p->in = dup(STDIN_FILENO);
	p->out = dup(STDOUT_FILENO);
	return p->in < 0 || p->out < 0 ? cli_fail(c, "%s", strerror(errno)) : 0;
}

static void peer_close(struct peer *p)
{
	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0)
		close(p->out);
	if (p->pid > 0)
		(void)waitpid(p->pid, NULL, 0); /* cannot fail: it is our child */
}

/* The receiver's word, or -errno: -ECANCELED it says that it failed, after a line. */
static int expect(struct cli *c, const struct peer *p, const char *word)
{
	char line[LINE_MAX_BYTES];
	int err = line_get(p->in, line, sizeof(line));

	if (err || !strcmp(line, word))
		return err;
	if (strncmp(line, "failed ", 7))
		return -EPROTO;
	(void)cli_fail(c, "the receiver: %s", line + 7);
	return -ECANCELED;
}

static int lost(struct cli *c, int err)
{
	if (err == -ECANCELED)
		return CLI_EXIT_FAILURE; /* that was said */
	return cli_fail(c, "the receiver: %s",
			err == -EPIPE	 ? "has ended"
			: err == -EPROTO ? "speaks another language"
					 : strerror(-err));
}

/* ----------------------------------------------------------------------- migrate */

/* It could not be taken there, and its devices are closed here. */
static int take_back(struct cli *c, const struct cli_domain *dom, json_t *config,
		     int channel)
{
	int status = saved_devices_again(c, dom, config);
	int err = saved_decide(channel, "again");

	return status || err ? cli_fail(c, "%s stands without its devices", dom->name)
			     : CLI_EXIT_FAILURE;
}

/* It may run there. Twice it must not, so here it stands. */
static int unsure(struct cli *c, const struct cli_domain *dom, int channel, int err)
{
	(void)saved_decide(channel, "stay"); /* its process has ended: as good */
	(void)lost(c, err);
	return cli_fail(c,
			"%s may run there: here it stands, without devices, until "
			"tandem destroy",
			dom->name);
}

/* All is there, and the guest stands here. */
static int hand_over(struct cli *c, const struct cli_domain *dom, const struct peer *p,
		     json_t *config, int channel)
{
	int err = expect(c, p, "ready");

	if (err)
		return lost(c, err); /* the channel's end says "resume" */
	if (saved_devices_close(c, dom) || line_put(p->out, "go", ""))
		return take_back(c, dom, config, channel);
	err = expect(c, p, "done");
	if (err == -ECANCELED)
		return take_back(c, dom, config, channel);
	if (err)
		return unsure(c, dom, channel, err);
	err = saved_decide(channel, "stay");
	if (!err)
		err = domain_destroy(c, dom);
	return err ? cli_fail(c, "%s runs there; here: %s", dom->name, cli_strerror(err))
		   : 0;
}

/* ms: from "saved" to "done", in which the guest stood, too. */
static int migrate_report(struct cli *c, const struct cli_domain *dom, const char *text,
			  uint64_t ms)
{
	json_t *o = json_loads(text, 0, NULL);
	json_int_t down =
		json_integer_value(json_object_get(o, "standing_ms")) + (json_int_t)ms;
	char size[16];

	if (strcmp(c->argv[1], "-")) { /* standard output is not the stream */
		json_object_set_new(o, "downtime_ms", json_integer(down));
		if (c->json)
			return cli_print_json(c, o);
		printf("%s: %s in %lld rounds, the guest stood for %lld ms\n", dom->name,
		       cli_size((uint64_t)json_integer_value(json_object_get(o, "bytes")),
				size),
		       (long long)json_integer_value(json_object_get(o, "rounds")),
		       (long long)down);
	}
	json_decref(o);
	return 0;
}

int cli_migrate(struct cli *c)
{
	struct peer p = { .in = -1, .out = -1 };
	cleanup_close int channel = -1;
	struct cli_domain dom;
	json_t *config;
	char text[256];
	int64_t start;
	int status;

	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], &dom))
		return CLI_EXIT_FAILURE;
	config = saved_config_make(c, &dom);
	status = config ? peer_open(c, &p, c->argv[1]) : CLI_EXIT_FAILURE;
	if (!status)
		status = saved_write(c, &dom, "live", config, p.out, &channel, text,
				     sizeof(text));
	start = clock_ms();
	if (!status)
		status = hand_over(c, &dom, &p, config, channel);
	if (!status)
		status = migrate_report(c, &dom, text, (uint64_t)(clock_ms() - start));
	peer_close(&p);
	json_decref(config);
	return status;
}

/* ----------------------------------------------------------------------- receive */

/* All is here; the sender says whether it is ours. */
static int receive_ready(struct cli *c)
{
	char line[LINE_MAX_BYTES];

	if (line_put(STDOUT_FILENO, "ready", "") ||
	    line_get(STDIN_FILENO, line, sizeof(line)) || strcmp(line, "go"))
		return cli_fail(c, "the sender has given it up");
	return 0;
}

/* What cli_fail() said stands on stderr, which the sender may not see. */
int cli_migrate_receive(struct cli *c)
{
	cleanup_close int fd = dup(STDIN_FILENO);
	struct saved_domain s;
	int status = saved_domain_read(c, "the stream", fd, &s);

	if (!status) {
		status = saved_domain_keep(c, &s, receive_ready);
		saved_domain_clear(&s);
	}
	/* the sender may be gone; a guest that runs, runs */
	(void)line_put(STDOUT_FILENO, status ? "failed" : "done",
		       status ? "cannot take the machine: see its own messages" : "");
	return status;
}
