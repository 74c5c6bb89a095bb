/* SPDX-License-Identifier: MIT */
/* A domain made of a saved machine's stream. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/proc/hvclient.h"
#include "tools/cmd_domain.h"
#include "tools/saved.h"
#include "tools/vm_keeper.h"
#include "tools/vm_xs.h"

static int bad_stream(struct cli *c, const char *what, const char *why)
{
	return cli_fail(c, "%s: %s", what, why);
}

/* The head of all and the configuration; the rest is for the VM's process. */
static int read_config(struct cli *c, const char *what, int fd, struct saved_domain *s)
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
		s->place = save_place(r);
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

int saved_domain_read(struct cli *c, const char *what, int fd, struct saved_domain *s)
{
	int status;

	*s = (struct saved_domain){ .stream = fd, .wakes = true };
	status = read_config(c, what, fd, s);
	if (!status && saved_config_take(s->config, &s->name, &s->keys))
		status = bad_stream(c, what, "its configuration makes no sense");
	if (status)
		saved_domain_clear(s);
	return status;
}

/* The stream without close-on-exec: tandem-vm is the only program that is started. */
static int command_make(struct cli *c, struct saved_domain *s)
{
	vm_command_clear(&s->command); /* of the life before */
	if (!s->wakes)
		return vm_command_make(c, &s->keys, s->name, &s->command);
	if (fcntl(s->stream, F_SETFD, 0))
		return cli_fail(c, "%s", strerror(errno));
	snprintf(s->stream_text, sizeof(s->stream_text), "%d:%u:%u", s->stream,
		 s->place.chunks, s->place.sum);
	vm_command_restore(&s->keys, s->name, s->stream_text, &s->command);
	return 0;
}

static int drop(struct cli *c, const struct cli_domain *dom)
{
	int err = domain_destroy(c, dom);

	if (err && err != -ENOTCONN)
		cli_warn(c, "%s: cannot take it back: %s", dom->name, cli_strerror(err));
	return CLI_EXIT_FAILURE;
}

/* A machine that wakes up gets its devices when it is whole. */
static int build(struct cli *c, void *arg, struct cli_domain *dom)
{
	struct saved_domain *s = arg;
	int status = command_make(c, s);

	if (!status)
		status = saved_devices_check(c, s->config);
	if (!status)
		status = make_domain(c, s->name, dom);
	if (status)
		return status;
	status = vm_xs_make(c, dom->id, s->name, s->keys.life.uuid);
	if (!status)
		status = vm_keys_write(c, &s->keys, dom->id);
	if (!status && !s->wakes)
		status = saved_devices_attach(c, dom, s->config);
	return status ? drop(c, dom) : 0;
}

static int loaded(struct cli *c, void *arg, const struct cli_domain *dom)
{
	struct saved_domain *s = arg;
	int status = 0;

	if (!s->wakes)
		return 0;
	s->wakes = false;
	close(take_fd(s->stream));
	if (s->ready)
		status = s->ready(c);
	return status ? status : saved_devices_attach(c, dom, s->config);
}

int saved_domain_keep(struct cli *c, struct saved_domain *s, int (*ready)(struct cli *c))
{
	const struct vm_plan plan = { .name = s->name,
				      .argv = s->command.argv,
				      .keys = &s->keys,
				      .paused = c->paused,
				      .build = build,
				      .loaded = loaded,
				      .arg = s };

	s->ready = ready;
	return vm_keep(c, &plan);
}

void saved_domain_clear(struct saved_domain *s)
{
	vm_command_clear(&s->command);
	vm_keys_clear(&s->keys);
	json_decref(s->config);
	s->config = NULL;
}
