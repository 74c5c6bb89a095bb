/* SPDX-License-Identifier: MIT */
/* tandem list, destroy, domid, domname; create is in cmd_create.c. */
#include "tools/cmd_domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "hv/proc/hvclient.h"
#include "ringproto/xenbus.h"
#include "tools/cmd_block.h"
#include "tools/cmd_vm.h"
#include "tools/cmds.h"
#include "tools/create_life.h"
#include "tools/vm_xs.h"
#include "tools/vmctl_client.h"

#define DEVICES_MAX 1024

bool domain_name_ok(const char *s)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "0123456789_.-");

	return len > 0 && len < HVCALL_NAME_MAX && !s[len] &&
	       strspn(s, "0123456789") < len;
}

/* ------------------------------------------- the program that is the domain */

int domain_record(struct cli *c, domid_t domid, const struct spawned *s)
{
	char path[64], value[64];

	snprintf(path, sizeof(path), DOMAIN_RECORD, domid);
	snprintf(value, sizeof(value), "%d %" PRIu64, (int)s->pid, s->start);
	return xenstore_write(c->plat, XENSTORE_NO_TX, path, value);
}

int domain_program(struct cli *c, domid_t domid, struct spawned *s)
{
	cleanup_free char *value = NULL;
	char path[64];
	int pid;

	snprintf(path, sizeof(path), DOMAIN_RECORD, domid);
	if (xenstore_read(c->plat, XENSTORE_NO_TX, path, &value, NULL) ||
	    sscanf(value, "%d %" SCNu64, &pid, &s->start) != 2)
		return -ENOENT;
	s->pid = pid;
	return 0;
}

static void forget_record(struct cli *c, domid_t domid)
{
	cleanup_free char **names = NULL;
	char path[64];
	uint32_t n;

	/* cannot fail in a way that matters: a record without a domain says nothing */
	snprintf(path, sizeof(path), DOMAIN_RECORD, domid);
	(void)xenstore_rm(c->plat, XENSTORE_NO_TX, path);
	if (!xenstore_directory(c->plat, XENSTORE_NO_TX, DOMAIN_RECORDS, &names, &n) &&
	    !n)
		(void)xenstore_rm(c->plat, XENSTORE_NO_TX, DOMAIN_RECORDS);
}

/* ------------------------------------------------------------------ destroy */

struct devices {
	struct dev_xs device[DEVICES_MAX];
	bool used[DEVICES_MAX]; /* a backend has looked at it, and may answer */
	unsigned n;
};

static int note_device(struct cli *c, struct dev_xs *d, bool served, void *arg)
{
	struct devices *devices = arg;
	bool used = served && dev_xs_state(d) != XenbusStateInitialising;

	(void)c;
	if (!served || devices->n == DEVICES_MAX || dev_xs_close(d))
		return 0;
	devices->used[devices->n] = used;
	devices->device[devices->n++] = *d;
	return 0;
}

static bool closed(const struct dev_xs *d, void *arg)
{
	int state = dev_xs_state(d);

	(void)arg;
	return state == XenbusStateClosed || state == XenbusStateUnknown;
}

/* The backends' halves: given a moment to let go, then removed. */
static void remove_devices(struct cli *c, struct devices *devices)
{
	uint32_t wait_ms = 3000;

	for (unsigned i = 0; i < devices->n; i++) {
		int err;

		/* one backend that does not answer is waited for, not each device */
		if (devices->used[i] &&
		    dev_xs_wait(&devices->device[i], wait_ms, closed, NULL))
			wait_ms = 0;
		err = dev_xs_remove(&devices->device[i]);
		if (err && err != -ENOTCONN)
			cli_warn(c, "%s: %s", devices->device[i].be_path,
				 cli_strerror(err));
	}
}

/* A VM's process goes when it is asked; others see their connection end. */
static void vm_end(domid_t domid)
{
	struct vmctl_call call = { .op = VMCTL_END };
	cleanup_close int fd = vm_connect(domid);

	if (fd >= 0)
		(void)vmctl_send(fd, &call, NULL, 0); /* else it is killed */
}

int domain_destroy(struct cli *c, const struct cli_domain *dom)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_DESTROY, .domid = dom->id };
	struct devices *devices = calloc(1, sizeof(*devices));
	struct spawned program;
	struct hvreply reply;
	int err, has_program = !domain_program(c, dom->id, &program);
	char uuid[UUID_TEXT];

	if (!devices)
		return -ENOMEM;
	vm_xs_uuid(c, dom->id, uuid);
	/* what is not found is gone */
	(void)cli_each_dev(c, dom, "vbd", note_device, devices);
	(void)cli_each_dev(c, dom, "vif", note_device, devices);
	err = hvclient_call(c->hv, &call, &reply, NULL, NULL);
	if (!err) {
		vm_end(dom->id);
		remove_devices(c, devices);
		if (has_program)
			(void)spawn_end(&program); /* -ESRCH: it has ended */
		forget_record(c, dom->id);
		vm_xs_forget(c, uuid);
	}
	free(devices);
	return err;
}

static int run_destroy(struct cli *c)
{
	struct cli_domain dom;
	int err;

	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], &dom))
		return CLI_EXIT_FAILURE;
	if (dom.id == 0)
		return cli_fail(c, "domain 0 is the hypervisor's own: it ends with "
				   "tandem-hvd");
	err = domain_destroy(c, &dom);
	return err ? cli_fail(c, "%s: %s", dom.name, cli_strerror(err)) : 0;
}

/* ----------------------------------------------------------- domid, domname */

static int run_domid(struct cli *c)
{
	struct cli_domain dom;

	if (cli_find_domain(c, c->argv[0], &dom))
		return CLI_EXIT_FAILURE;
	printf("%u\n", dom.id);
	return 0;
}

static int run_domname(struct cli *c)
{
	struct cli_domain dom;
	uint64_t id;

	if (cli_parse_number(c->argv[0], UINT16_MAX, &id))
		return cli_fail(c, "'%.64s' is no domain id", c->argv[0]);
	if (cli_find_domain(c, c->argv[0], &dom))
		return CLI_EXIT_FAILURE;
	cli_clean(dom.name);
	printf("%s\n", dom.name);
	return 0;
}

static const struct argp_option json_option[] = {
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ 0 },
};

static const struct argp_option create_options[] = {
	{ "json", CLI_JSON, NULL, 0, "print the new domain as JSON", 0 },
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for each device's backend (10)",
	  0 },
	{ "paused", CLI_PAUSED, NULL, 0, "a VM: do not let it run yet", 0 },
	{ "console", CLI_CONSOLE, NULL, 0, "a VM: then show its console", 0 },
	{ 0 },
};

const struct verb verbs_domain[] = {
	{ .name = "create",
	  .args = "NAME|FILE.cfg [KEY=VALUE...]",
	  .summary = "create a domain",
	  .doc = "FILE.cfg is in xl.cfg's syntax; tandem(1) lists its keys. KEY=VALUE "
		 "arguments come after the file's lines, in the same syntax.",
	  .options = create_options,
	  .min_args = 1,
	  .max_args = CLI_ANY_ARGS,
	  .run = cli_create },
	{ .name = "list",
	  .args = "",
	  .summary = "list the domains",
	  .options = json_option,
	  .run = cli_list },
	{ .name = "destroy",
	  .args = "DOM",
	  .summary = "end a domain at once",
	  .doc = "Its connections end, its disks and vifs go, and a program that tandem "
		 "create "
		 "started is ended.",
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_destroy },
	{ .name = "domid",
	  .args = "NAME",
	  .summary = "print the id of a domain",
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_domid },
	{ .name = "domname",
	  .args = "ID",
	  .summary = "print the name of a domain",
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_domname },
	{ 0 },
};
