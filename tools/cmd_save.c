/* SPDX-License-Identifier: MIT */
/* tandem save, restore: a VM's whole state in a file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_domain.h"
#include "tools/cmd_vm.h"
#include "tools/cmds.h"
#include "tools/saved.h"

/* --------------------------------------------------------------------- save */

/* Beside the file, which is either whole or not there. */
struct part {
	char path[PATH_MAX];
	int fd;
};

static int part_open(struct cli *c, const char *file, struct part *p)
{
	int n = snprintf(p->path, sizeof(p->path), "%s.XXXXXX", file);
	struct stat st;

	p->fd = -1;
	/* a device or pipe would be replaced, not written to */
	if (!stat(file, &st) && !S_ISREG(st.st_mode))
		return cli_fail(c, "%s: is no regular file", file);
	if (n < 0 || (size_t)n >= sizeof(p->path))
		return cli_fail(c, "%.80s...: the name is too long", file);
	p->fd = mkostemp(p->path, O_CLOEXEC);
	return p->fd < 0 ? cli_fail(c, "%s: %s", file, strerror(errno)) : 0;
}

static int part_keep(struct cli *c, const char *file, struct part *p)
{
	if (fsync(p->fd) || rename(p->path, file))
		return cli_fail(c, "%s: %s", file, strerror(errno));
	p->path[0] = '\0';
	return 0;
}

static void part_close(struct part *p)
{
	if (p->fd < 0)
		return;
	close(p->fd);
	if (p->path[0])
		(void)unlink(p->path); /* cannot fail in a way that could be mended */
}

static int report(struct cli *c, const struct cli_domain *dom, const char *json)
{
	json_t *o = json_loads(json, 0, NULL);
	char size[16];

	if (!o)
		return cli_fail(c, "%s: its process says nonsense", dom->name);
	if (c->json)
		return cli_print_json(c, o);
	printf("%s: %s, the guest stood for %lld ms\n", dom->name,
	       cli_size((uint64_t)json_integer_value(json_object_get(o, "bytes")), size),
	       (long long)json_integer_value(json_object_get(o, "standing_ms")));
	json_decref(o);
	return 0;
}

/* The guest stands, and all is in the file. */
static int save_end(struct cli *c, const struct cli_domain *dom, int channel)
{
	const char *fate = c->paused ? "pause" : c->checkpoint ? "resume" : "stay";
	int err = saved_decide(channel, fate);

	if (!err && !c->checkpoint && !c->paused)
		err = domain_destroy(c, dom);
	return err ? cli_fail(c, "%s: %s", dom->name, cli_strerror(err)) : 0;
}

static int run_save(struct cli *c)
{
	const char *file = c->argv[1];
	cleanup_close int channel = -1;
	struct part part = { .fd = -1 };
	struct cli_domain dom;
	json_t *config = NULL;
	char text[256];
	int status;

	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], &dom))
		return CLI_EXIT_FAILURE;
	config = saved_config_make(c, &dom);
	status = config ? part_open(c, file, &part) : CLI_EXIT_FAILURE;
	if (!status)
		status = saved_write(c, &dom, "save", config, part.fd, &channel, text,
				     sizeof(text));
	if (!status)
		status = part_keep(c, file, &part);
	if (!status)
		status = save_end(c, &dom, channel);
	if (!status)
		status = report(c, &dom, text);
	part_close(&part);
	json_decref(config);
	return status;
}

/* ------------------------------------------------------------------- restore */

/* What is read waits for nobody: no pipe, no device. */
static int open_file(struct cli *c, const char *file, int *fd)
{
	struct stat st;

	*fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, &st))
		return cli_fail(c, "%s: %s", file, strerror(errno));
	return S_ISREG(st.st_mode) ? 0 : cli_fail(c, "%s: is no regular file", file);
}

static int run_restore(struct cli *c)
{
	cleanup_close int fd = -1;
	struct saved_domain s;
	int status = open_file(c, c->argv[0], &fd);

	if (!status)
		status = saved_domain_read(c, c->argv[0], fd, &s);
	if (status)
		return status;
	status = saved_domain_keep(c, &s, NULL);
	if (!status && c->console)
		status = console_attach(c, s.name);
	saved_domain_clear(&s);
	return status;
}

static const struct argp_option save_options[] = {
	{ "checkpoint", CLI_CHECKPOINT, NULL, 0, "let the guest go on", 0 },
	{ "paused", CLI_PAUSED, NULL, 0, "leave it paused", 0 },
	{ "json", CLI_JSON, NULL, 0, "print what it took as JSON", 0 },
	{ 0 },
};

static const struct argp_option restore_options[] = {
	{ "json", CLI_JSON, NULL, 0, "print the new domain as JSON", 0 },
	{ "paused", CLI_PAUSED, NULL, 0, "do not let it run yet", 0 },
	{ "console", CLI_CONSOLE, NULL, 0, "then show its console", 0 },
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for each device's backend (10)",
	  0 },
	{ 0 },
};

static const struct argp_option receive_options[] = {
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for each device's backend (10)",
	  0 },
	{ 0 },
};

static const struct argp_option migrate_options[] = {
	{ "json", CLI_JSON, NULL, 0, "print what it took as JSON", 0 },
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for each device's backend (10)",
	  0 },
	{ 0 },
};

const struct verb verbs_save[] = {
	{ .name = "save",
	  .args = "DOM FILE",
	  .summary = "put a virtual machine into a file, and end it",
	  .doc = "The guest is asked to suspend itself; then its memory, vcpus and "
		 "devices go into FILE, compressed and with checksums. FILE appears "
		 "when it is whole.",
	  .options = save_options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_save },
	{ .name = "restore",
	  .args = "FILE",
	  .summary = "make a virtual machine of a file of tandem save",
	  .doc = "All of FILE is checked before the guest runs. Its disks must be as "
		 "they "
		 "were.",
	  .options = restore_options,
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_restore },
	{ .name = "migrate",
	  .args = "DOM unix:DIR|exec:COMMAND|-",
	  .summary = "move a running virtual machine to another hypervisor",
	  .doc = "unix:DIR is the state directory of another tandem-hvd of this machine; "
		 "exec:COMMAND a shell's command whose standard input and output are "
		 "tandem migrate-receive's, such as 'exec:ssh HOST tandem "
		 "migrate-receive'; - this program's own. Its disks must be reachable "
		 "there by the same names. Until the other side has all of it, the guest "
		 "goes on here if anything fails.",
	  .options = migrate_options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = cli_migrate },
	{ .name = "migrate-receive",
	  .args = "",
	  .summary = "take a virtual machine from tandem migrate, on stdin and stdout",
	  .options = receive_options,
	  .min_args = 0,
	  .max_args = 0,
	  .run = cli_migrate_receive },
	{ 0 },
};
