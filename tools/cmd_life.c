/* SPDX-License-Identifier: MIT */
/* tandem console, pause, shutdown and what else is done with a VM that runs. */
#include "tools/cmd_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_pc.h"
#include "tools/cmds.h"
#include "tools/vmctl_client.h"

#define CALL_MS	  10000
#define POLL_MS	  100
#define ANSWER_MS 10000 /* a guest that knows control/shutdown takes it in this */

int cli_find_vm(struct cli *c, const char *name, struct cli_domain *dom, int *fd)
{
	if (cli_find_domain(c, name, dom))
		return CLI_EXIT_FAILURE;
	*fd = vm_connect(dom->id);
	if (*fd == -ENOENT)
		return cli_fail(c, "%s is no VM", dom->name);
	if (*fd < 0)
		return cli_fail(c, "%s: its tandem-vm does not answer: %s", dom->name,
				strerror(-*fd));
	return 0;
}

/* One operation without arguments. */
static int simple_call(struct cli *c, enum vmctl_op op)
{
	struct vmctl_call call = { .op = op };
	struct vmctl_reply reply;
	struct cli_domain dom;
	cleanup_close int fd = -1;
	int err;

	if (cli_find_vm(c, c->argv[0], &dom, &fd))
		return CLI_EXIT_FAILURE;
	err = vmctl_call(fd, &call, &reply, CALL_MS);
	if (err == -ESRCH)
		return cli_fail(c, "%s has stopped", dom.name);
	return err ? cli_fail(c, "%s: its tandem-vm: %s", dom.name, strerror(-err)) : 0;
}

static int run_pause(struct cli *c)
{
	return simple_call(c, VMCTL_PAUSE);
}

static int run_unpause(struct cli *c)
{
	return simple_call(c, VMCTL_UNPAUSE);
}

/* ----------------------------------------------------------- shutdown, reboot */

static int control_write(struct cli *c, const struct cli_domain *dom, const char *key,
			 const char *value)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/local/domain/%u/control/%s", dom->id, key);
	err = xenstore_write(c->plat, XENSTORE_NO_TX, path, value);
	return err ? cli_fail(c, "xenstore: %s: %s", path, cli_strerror(err)) : 0;
}

/* The guest takes a request by emptying its key. */
static bool taken(struct cli *c, const struct cli_domain *dom)
{
	cleanup_free char *value = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", dom->id);
	return xenstore_read(c->plat, XENSTORE_NO_TX, path, &value, NULL) || !*value;
}

static bool gone(struct cli *c, const struct cli_domain *dom)
{
	struct cli_domain now;
	int err = cli_next_domain(c, dom->id, &now);

	return err == -ENOENT || err == -ENOTCONN || (!err && now.id != dom->id);
}

/* Until the domain has ended; one that is preserved, until it has stopped. */
static void wait_end(struct cli *c, const struct cli_domain *dom, int fd)
{
	struct vm_look l;

	while (!gone(c, dom)) {
		if (!vm_look(fd, &l) && l.stopped && !gone(c, dom)) {
			/* whoever keeps it has a moment to take it away */
			usleep(20 * POLL_MS * 1000);
			if (!gone(c, dom) && !vm_look(fd, &l))
				return;
		}
		usleep(POLL_MS * 1000);
	}
}

/* What a guest is told that nobody can ask by xenstore. */
static int press(struct cli *c, const struct cli_domain *dom, int fd, const char *what)
{
	if (strcmp(what, "poweroff"))
		return cli_fail(c,
				"%s has no paravirtual drivers that could be asked, and "
				"not supported: a reset button: tandem send-key %s "
				"ctrl-alt-delete would be right",
				dom->name, dom->name);
	if (!c->fallback)
		return cli_fail(c,
				"%s has no paravirtual drivers that could be asked: -F, "
				"which presses its power button, would be right",
				dom->name);
	return cli_power_button(c, dom, fd);
}

/* Asks by xenstore; with -F, what is not taken is followed by more. */
static int ask(struct cli *c, const struct cli_domain *dom, int fd, const char *what,
	       bool is_pc)
{
	if (control_write(c, dom, "shutdown", what))
		return CLI_EXIT_FAILURE;
	for (int ms = 0; c->fallback && !taken(c, dom) && !gone(c, dom); ms += POLL_MS) {
		if (ms >= ANSWER_MS && is_pc)
			return press(c, dom, fd, what);
		if (ms >= ANSWER_MS)
			return cli_fail(c,
					"%s does not read control/shutdown, and not "
					"supported: -F: a PVH guest has no power button",
					dom->name);
		usleep(POLL_MS * 1000);
	}
	return 0;
}

static int request_one(struct cli *c, const char *name, const char *what)
{
	struct vmctl_call call = { .op = VMCTL_INFO };
	struct vmctl_reply reply;
	struct cli_domain dom;
	cleanup_close int fd = -1;
	int err, status;

	if (cli_find_vm(c, name, &dom, &fd))
		return CLI_EXIT_FAILURE;
	err = vmctl_call(fd, &call, &reply, CALL_MS);
	if (err)
		return cli_fail(c, "%s: its tandem-vm: %s", dom.name, strerror(-err));
	if ((reply.flags & (VMCTL_PC | VMCTL_PV)) == VMCTL_PC)
		status = press(c, &dom, fd, what);
	else
		status = ask(c, &dom, fd, what, reply.flags & VMCTL_PC);
	if (!status && c->wait_end)
		wait_end(c, &dom, fd);
	return status;
}

static int request_all(struct cli *c, const char *what)
{
	struct cli_domain dom;
	uint32_t from = 1;
	int err, status = 0;

	while (!status && !(err = cli_next_domain(c, from, &dom))) {
		int fd = vm_connect(dom.id);

		if (fd >= 0) {
			close(fd);
			status = request_one(c, dom.name, what);
		}
		from = dom.id + 1u;
	}
	return status;
}

static int request(struct cli *c, const char *what)
{
	if (c->all ? c->argc != 0 : c->argc != 1)
		return cli_fail(c, "want either one domain, or --all");
	if (cli_need_plat(c))
		return CLI_EXIT_FAILURE;
	return c->all ? request_all(c, what) : request_one(c, c->argv[0], what);
}

static int run_shutdown(struct cli *c)
{
	return request(c, "poweroff");
}

static int run_reboot(struct cli *c)
{
	return request(c, "reboot");
}

/* ------------------------------------------------------------- sysrq, trigger */

static int run_sysrq(struct cli *c)
{
	struct cli_domain dom;
	cleanup_close int fd = -1;

	if (strlen(c->argv[1]) != 1 || c->argv[1][0] <= ' ' || c->argv[1][0] > '~')
		return cli_fail(c, "'%.40s' is no letter", c->argv[1]);
	if (cli_need_plat(c) || cli_find_vm(c, c->argv[0], &dom, &fd))
		return CLI_EXIT_FAILURE;
	return control_write(c, &dom, "sysrq", c->argv[1]);
}

static int run_trigger(struct cli *c)
{
	static const char *const known[] = { "nmi",	 "reset", "init",
					     "s3resume", "power", "sleep" };
	cleanup_close int fd = -1;
	struct cli_domain dom;
	struct vm_look l;

	if (!strcmp(c->argv[1], "power") && !cli_find_domain(c, c->argv[0], &dom)) {
		fd = vm_connect(dom.id);
		if (fd >= 0 && !vm_look(fd, &l) && l.pc)
			return cli_power_button(c, &dom, fd);
	}

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(c->argv[1], known[i]))
			return cli_fail(c,
					"not supported: trigger %s: only a PC has a "
					"button, power; see tandem shutdown, reboot and "
					"sysrq",
					known[i]);
	return cli_fail(c, "trigger '%.40s' is unknown", c->argv[1]);
}

/* ------------------------------------------------------------------ dump-core */

static int dump_call(int fd, int file, bool pause)
{
	struct vmctl_call call = { .op = VMCTL_PAUSE };
	struct vmctl_reply reply;
	int err = pause ? vmctl_call(fd, &call, &reply, CALL_MS) : 0;

	if (err)
		return err;
	call = (struct vmctl_call){ .op = VMCTL_DUMP };
	err = vmctl_send(fd, &call, &file, 1);
	if (!err)
		err = vmctl_receive(fd, &reply, -1);
	call = (struct vmctl_call){ .op = VMCTL_UNPAUSE };
	if (pause) /* it runs on, whatever came of it */
		(void)vmctl_call(fd, &call, &reply, CALL_MS);
	return err;
}

static int run_dump_core(struct cli *c)
{
	const char *path = c->argv[1];
	cleanup_close int fd = -1, file = -1;
	struct cli_domain dom;
	struct vm_look l;
	int err;

	if (cli_find_vm(c, c->argv[0], &dom, &fd))
		return CLI_EXIT_FAILURE;
	err = vm_look(fd, &l);
	if (err)
		return cli_fail(c, "%s: its tandem-vm: %s", dom.name, strerror(-err));
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return cli_fail(c, "%s: %s", path, strerror(errno));
	err = dump_call(fd, file, !l.paused && !l.stopped);
	if (!err)
		return 0;
	(void)unlink(path); /* cannot fail in a way that matters: it is no core */
	return cli_fail(c, "%s: %s: %s", dom.name, path, strerror(-err));
}

/* --------------------------------------------------------------------- verbs */

static const struct argp_option end_options[] = {
	{ "all", CLI_ALL, NULL, 0, "every VM", 0 },
	{ "wait", CLI_WAIT, NULL, 0, "until it has ended", 0 },
	{ "fallback", CLI_FALLBACK, NULL, 0,
	  "if the guest does not take the request, press a PC's power button, or fail",
	  0 },
	{ 0 },
};

static const struct argp_option json_option[] = {
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ 0 },
};

const struct verb verbs_life[] = {
	{ .name = "console",
	  .args = "DOM",
	  .summary = "a VM's console; ^] leaves it",
	  .min_args = 1,
	  .max_args = 1,
	  .run = cli_console },
	{ .name = "pause",
	  .args = "DOM",
	  .summary = "stop a VM where it is",
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_pause },
	{ .name = "unpause",
	  .args = "DOM",
	  .summary = "let a paused VM go on",
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_unpause },
	{ .name = "shutdown",
	  .args = "DOM",
	  .summary = "ask a VM to power off",
	  .options = end_options,
	  .max_args = 1,
	  .run = run_shutdown },
	{ .name = "reboot",
	  .args = "DOM",
	  .summary = "ask a VM to reboot",
	  .options = end_options,
	  .max_args = 1,
	  .run = run_reboot },
	{ .name = "sysrq",
	  .args = "DOM LETTER",
	  .summary = "send a Linux guest a magic SysRq",
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_sysrq },
	{ .name = "trigger",
	  .args = "DOM NAME",
	  .summary = "press the power button of a PC: NAME is power",
	  .min_args = 2,
	  .max_args = 3,
	  .run = run_trigger },
	{ .name = "vcpu-list",
	  .args = "[DOM...]",
	  .summary = "list the virtual CPUs of VMs",
	  .options = json_option,
	  .max_args = CLI_ANY_ARGS,
	  .run = cli_vcpu_list },
	{ .name = "dump-core",
	  .args = "DOM FILE",
	  .summary = "write a VM's memory and registers to an ELF core file",
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_dump_core },
	{ .name = "dmesg",
	  .args = "[DOM]",
	  .summary = "print the messages of VMs' processes",
	  .max_args = 1,
	  .run = cli_dmesg },
	{ 0 },
};
