/* SPDX-License-Identifier: MIT */
/* A domain made of a saved machine's stream. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/proc/hvclient.h"
#include "tools/cmd_domain.h"
#include "tools/saved.h"
#include "tools/vm_xs.h"

static int bad_stream(struct cli *c, const char *what, const char *why)
{
	return cli_fail(c, "%s: %s", what, why);
}

/* The head of all and the configuration; the rest is for the VM's process. */
static int read_config(struct cli *c, const char *what, int fd, struct saved_domain *s,
		       struct save_place *place)
{
	struct save_reader *r = save_reader_new(fd, NULL);
	const uint8_t *data = NULL;
	uint32_t kind = 0;
	size_t len = 0;
	int err = r ? save_read_start(r) : -ENOMEM, status = 0;

	if (!err)
		err = save_read(r, &kind, &data, &len);
	if (err)
		status = bad_stream(c, what, r ? save_why(r) : "out of memory");
	else if (kind != SAVE_CONFIG)
		status = bad_stream(c, what, "does not begin with a configuration");
	else
		s->config =
			json_loadb((const char *)data, len, JSON_REJECT_DUPLICATES, NULL);
	if (!status && !s->config)
		status = bad_stream(c, what, "its configuration is no JSON");
	if (r)
		*place = save_place(r);
	save_reader_free(r);
	return status;
}

static int make_domain(struct cli *c, const char *name, struct cli_domain *dom)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_CREATE, .flags = HVCALL_DOMAIN_VM };
	struct hvreply reply;
	int err = hvclient_str(&call, name);

	if (!err)
		err = hvclient_call(c->hv, &call, &reply, NULL, NULL);
	if (err == -EEXIST)
		return cli_fail(c, "there is a domain '%s' already", name);
	if (err)
		return cli_fail(c, "%s: %s", name, cli_strerror(err));
	dom->id = (domid_t)reply.domid;
	snprintf(dom->name, sizeof(dom->name), "%s", name);
	return 0;
}

struct command {
	char program[PATH_MAX], memory[24], maxmem[24], vcpus[24], restore[64];
};

static int start_vm(struct cli *c, const struct saved_domain *s,
		    const struct vm_keys *keys, int stream, int channel,
		    const struct save_place *place)
{
	struct command cmd;
	char *const argv[] = {
		cmd.program,	     (char *)"--name",	(char *)(uintptr_t)s->dom.name,
		(char *)"--memory",  cmd.memory,	(char *)"--maxmem",
		cmd.maxmem,	     (char *)"--vcpus", cmd.vcpus,
		(char *)"--restore", cmd.restore,	NULL
	};
	cleanup_close int conn = -1;
	const char *what = "connection";
	struct spawned program;
	int err = hvclient_domain_connect(c->hv, s->dom.id, NULL, &conn);

	vm_program_find(cmd.program, sizeof(cmd.program));
	snprintf(cmd.memory, sizeof(cmd.memory), "%llu",
		 (unsigned long long)keys->memory);
	snprintf(cmd.maxmem, sizeof(cmd.maxmem), "%llu",
		 (unsigned long long)keys->maxmem);
	snprintf(cmd.vcpus, sizeof(cmd.vcpus), "%llu",
		 (unsigned long long)keys->maxvcpus);
	snprintf(cmd.restore, sizeof(cmd.restore), "%d:%d:%u:%u", stream, channel,
		 place->chunks, place->sum);
	if (!err)
		err = spawn_program(argv, conn, s->dom.name, &program, &what);
	if (!err)
		err = domain_record(c, s->dom.id, &program);
	return err ? cli_fail(c, "starting its VM: %s: %s", what, cli_strerror(err)) : 0;
}

/* Waits until the VM has read all of the stream. */
static int wait_ready(struct cli *c, const char *what, int channel)
{
	char text[256];
	int err = saved_recv(channel, text, sizeof(text), -1);

	if (err)
		return cli_fail(c, "%s: %s", what, strerror(-err));
	if (!strcmp(text, "ready"))
		return 0;
	return cli_fail(c, "%s: %s", what,
			strncmp(text, "error ", 6) ? "its VM does not start: see its log"
						   : text + 6);
}

static int start_and_wait(struct cli *c, const char *what, int fd, struct saved_domain *s,
			  const struct vm_keys *keys, const struct save_place *place)
{
	/* for the program: without close-on-exec */
	cleanup_close int stream = fcntl(fd, F_DUPFD, 3), end = -1;
	int pair[2], status;

	if (stream < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return cli_fail(c, "%s: %s", what, strerror(errno));
	s->channel = pair[0];
	end = fcntl(pair[1], F_DUPFD, 3);
	close(pair[1]);
	status = start_vm(c, s, keys, stream, end, place);
	close(take_fd(end)); /* or its end would not be seen */
	return status ? status : wait_ready(c, what, s->channel);
}

int saved_domain_make(struct cli *c, const char *what, int fd, struct saved_domain *s)
{
	struct save_place place = { 0 };
	struct vm_keys keys = { 0 };
	const char *name;
	int status;

	*s = (struct saved_domain){ .channel = -1 };
	status = read_config(c, what, fd, s, &place);
	if (!status && saved_config_check(s->config, &name, &keys))
		status = bad_stream(c, what, "its configuration makes no sense");
	if (!status)
		status = saved_devices_check(c, s->config);
	if (!status)
		status = make_domain(c, name, &s->dom);
	if (status) {
		saved_domain_clear(s);
		return status;
	}
	status = vm_xs_make(c, s->dom.id, name, keys.life.uuid);
	if (!status)
		status = vm_keys_write(c, &keys, s->dom.id);
	if (!status)
		status = start_and_wait(c, what, fd, s, &keys, &place);
	if (status)
		saved_domain_drop(c, s);
	return status;
}

int saved_domain_go(struct cli *c, struct saved_domain *s)
{
	int status = saved_devices_attach(c, &s->dom, s->config), err;

	if (!status) {
		err = saved_send(s->channel, "go");
		status = err ? cli_fail(c, "%s: %s", s->dom.name, strerror(-err)) : 0;
	}
	if (status)
		saved_domain_drop(c, s);
	return status;
}

void saved_domain_drop(struct cli *c, struct saved_domain *s)
{
	int err;

	if (s->channel >= 0)
		close(take_fd(s->channel)); /* its VM ends */
	err = domain_destroy(c, &s->dom);
	if (err && err != -ENOTCONN)
		cli_warn(c, "%s: cannot take it back: %s", s->dom.name,
			 cli_strerror(err));
	saved_domain_clear(s);
}

void saved_domain_clear(struct saved_domain *s)
{
	if (s->channel >= 0)
		close(take_fd(s->channel));
	json_decref(s->config);
	s->config = NULL;
}
