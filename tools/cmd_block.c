/* SPDX-License-Identifier: MIT */
/* tandem block-attach, block-detach, block-resize. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"
#include "tools/cmd_block.h"
#include "tools/cmds.h"

/* ------------------------------------------------------------------- attach */

struct answer {
	int state;
	char *error;
};

/* The backend has taken the device, or said why not, or closed it. */
static bool backend_answered(const struct disk_xs *d, void *arg)
{
	struct answer *a = arg;

	a->state = disk_xs_state(d);
	free(a->error);
	a->error = disk_xs_error(d);
	return a->error || a->state >= XenbusStateInitWait;
}

/* "target=/img,format=raw" is all target: worth a word when that fails. */
static const char *target_hint(const struct disk_spec *s)
{
	static const char *const keys[] = { ",format=", ",vdev=", ",access=",
					    ",backendtype=" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (strstr(s->target, keys[i]))
			return " (target= takes the rest of the string: put the other "
			       "keys "
			       "before it)";
	return "";
}

/* A backend that says why it fails then closes the device: not before that is
 * it safe to remove what it still writes to. */
static bool backend_finished(const struct disk_xs *d, void *arg)
{
	int state = disk_xs_state(d);

	(void)arg;
	return state == XenbusStateClosed || state == XenbusStateUnknown;
}

static int wait_for_backend(struct cli *c, const struct disk_xs *d,
			    const struct disk_spec *spec)
{
	struct answer a = { 0 };
	int err = disk_xs_wait(d, c->wait_ms, backend_answered, &a), status = 0;

	if (err == -ETIMEDOUT)
		status = cli_fail(c,
				  "%s: no backend answered within %g s: does "
				  "tandem-blkback run for domain %u?%s",
				  spec->vdev, c->wait_ms / 1000.0, d->backend,
				  target_hint(spec));
	else if (err)
		status = cli_fail(c, "%s: xenstore: %s", spec->vdev, cli_strerror(err));
	else if (a.error)
		status = cli_fail(c, "%s: %s%s", spec->vdev, a.error, target_hint(spec));
	else if (a.state >= XenbusStateClosing && a.state <= XenbusStateClosed)
		status = cli_fail(c, "%s: the backend closed the device", spec->vdev);
	free(a.error);
	return status;
}

int cli_attach(struct cli *c, const struct cli_domain *dom, const struct disk_spec *spec)
{
	struct cli_domain backend = { 0 };
	struct disk_xs d;
	int err;

	if (spec->backend && *spec->backend &&
	    cli_find_domain(c, spec->backend, &backend))
		return CLI_EXIT_FAILURE;
	disk_xs_init(&d, c->plat, dom->id, backend.id, spec->devid);
	err = disk_xs_create(&d, spec);
	if (err == -EEXIST)
		return cli_fail(c, "%s: %s has that device (%u) already", spec->vdev,
				dom->name, spec->devid);
	if (err)
		return cli_fail(c, "%s: xenstore: %s", spec->vdev, cli_strerror(err));
	if (!c->wait_ms || !wait_for_backend(c, &d, spec))
		return 0;
	if (disk_xs_state(&d) != XenbusStateInitialising)
		(void)disk_xs_wait(&d, 2000, backend_finished, NULL);
	err = disk_xs_remove(&d);
	if (err && err != -ENOTCONN) /* that was said */
		cli_warn(c, "%s: cannot take it back: %s", spec->vdev, cli_strerror(err));
	return CLI_EXIT_FAILURE;
}

int cli_parse_disk(struct cli *c, int n, const char *const *strings,
		   struct disk_spec *spec)
{
	char *why;
	int err = disk_spec_parse(n, strings, spec, &why), status;

	if (!err)
		return 0;
	status = cli_fail(c, "'%.200s': %s", strings[0], why ? why : strerror(-err));
	free(why);
	return status;
}

static int run_attach(struct cli *c)
{
	struct cli_domain dom;
	struct disk_spec spec;
	int status =
		cli_parse_disk(c, c->argc - 1, (const char *const *)c->argv + 1, &spec);

	if (status)
		return status;
	status = cli_need_plat(c);
	if (!status)
		status = cli_find_domain(c, c->argv[0], &dom);
	if (!status)
		status = cli_attach(c, &dom, &spec);
	disk_spec_clear(&spec);
	return status;
}

/* ------------------------------------------------------------- detach, resize */

/* DOM VDEV of the command line: 0, or 2; *served: a backend has it. */
static int find_disk(struct cli *c, struct cli_domain *dom, struct disk_xs *d,
		     bool *served)
{
	uint32_t devid;
	int err;

	if (disk_vdev_parse(c->argv[1], &devid))
		return cli_fail(c, "'%.64s' is no virtual device: xvda would be right",
				c->argv[1]);
	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], dom))
		return CLI_EXIT_FAILURE;
	err = disk_xs_find(d, c->plat, dom->id, devid);
	if (err && err != -ENOENT)
		return cli_fail(c, "xenstore: %s", cli_strerror(err));
	*served = !err;
	if (err && !disk_xs_exists(d))
		return cli_fail(c, "%s has no device %s: see tandem block-list %s",
				dom->name, c->argv[1], dom->name);
	return 0;
}

/* Asks and waits. A backend that never looked at the device need not be asked. */
static int close_backend(struct cli *c, const struct disk_xs *d)
{
	bool untouched = disk_xs_state(d) == XenbusStateInitialising;
	int err = disk_xs_close(d);

	if (!err && !untouched && !c->force)
		err = disk_xs_wait(d, c->wait_ms, backend_finished, NULL);
	if (err == -ETIMEDOUT)
		return cli_fail(c,
				"%s: the backend did not close it within %g s; --force "
				"removes it all the same",
				c->argv[1], c->wait_ms / 1000.0);
	if (err && err != -ENOENT)
		return cli_fail(c, "%s: xenstore: %s", c->argv[1], cli_strerror(err));
	return 0;
}

static int run_detach(struct cli *c)
{
	struct cli_domain dom;
	struct disk_xs d;
	bool served;
	int status = find_disk(c, &dom, &d, &served), err;

	if (!status && served)
		status = close_backend(c, &d);
	if (status)
		return status;
	err = disk_xs_remove(&d);
	return err ? cli_fail(c, "%s: xenstore: %s", c->argv[1], cli_strerror(err)) : 0;
}

static bool stats_written(const struct disk_xs *d, void *arg)
{
	cleanup_free char *stats = disk_xs_read(d, true, "stats");

	(void)arg;
	return stats != NULL;
}

int cli_request_stats(const struct disk_xs *d, uint32_t timeout_ms)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/stats", d->be_path);
	err = xenstore_rm(d->plat, XENSTORE_NO_TX, path);
	if (err && err != -ENOENT)
		return err;
	snprintf(path, sizeof(path), "%s/stats-request", d->be_path);
	err = xenstore_write(d->plat, XENSTORE_NO_TX, path, "1");
	return err ? err : disk_xs_wait(d, timeout_ms, stats_written, NULL);
}

/*
 * The backend takes requests in order: when it has answered a later one, for
 * its counters, it has looked at the size.
 */
static int request_resize(const struct disk_xs *d, uint32_t timeout_ms)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/resize-request", d->be_path);
	err = xenstore_write(d->plat, XENSTORE_NO_TX, path, "1");
	return err ? err : cli_request_stats(d, timeout_ms);
}

static int print_size(struct cli *c, const struct disk_xs *d)
{
	uint64_t bytes = disk_xs_number(d, "sectors") * 512;
	cleanup_free char *error = disk_xs_error(d);
	char size[16];

	if (error)
		return cli_fail(c, "%s: %s", c->argv[1], error);
	if (c->json)
		return cli_print_json(c, json_pack("{s:o, s:i, s:I}", "vdev",
						   cli_json_str(c->argv[1]), "devid",
						   (int)d->devid, "size",
						   (json_int_t)bytes));
	if (bytes)
		printf("%s: %s (%" PRIu64 " bytes)\n", c->argv[1], cli_size(bytes, size),
		       bytes);
	else
		printf("%s: the size is told when a frontend connects\n", c->argv[1]);
	return 0;
}

static int run_resize(struct cli *c)
{
	struct cli_domain dom;
	struct disk_xs d;
	bool served;
	int status = find_disk(c, &dom, &d, &served), err;

	if (status)
		return status;
	if (!served)
		return cli_fail(c, "%s: no backend has it", c->argv[1]);
	disk_xs_forget_error(&d);
	err = request_resize(&d, c->wait_ms);
	if (err == -ETIMEDOUT)
		return cli_fail(c, "%s: the backend did not answer within %g s",
				c->argv[1], c->wait_ms / 1000.0);
	if (err)
		return cli_fail(c, "%s: xenstore: %s", c->argv[1], cli_strerror(err));
	return print_size(c, &d);
}

/* -------------------------------------------------------------------- table */

static const struct argp_option wait_option[] = {
	{ "wait", CLI_WAIT, "SECONDS", 0,
	  "wait so long for the backend (10); 0: do not wait", 0 },
	{ 0 },
};

static const struct argp_option detach_options[] = {
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for the backend (10)", 0 },
	{ "force", CLI_FORCE, NULL, 0, "remove the device without waiting", 0 },
	{ 0 },
};

static const struct argp_option list_options[] = {
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ "stats", CLI_STATS, NULL, 0, "ask the backends for their counters", 0 },
	{ 0 },
};

static const struct argp_option resize_options[] = {
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for the backend (10)", 0 },
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ 0 },
};

const struct verb verbs_block[] = {
	{ .name = "block-attach",
	  .args = "DOM DISK...",
	  .summary = "give a virtual disk to a domain",
	  .doc = "DISK is a disk string, tandem-disk(5), such as "
		 "'format=raw,vdev=xvda,access=rw,backend=drv0,target=/path/image'. "
		 "Several strings describe one disk together.",
	  .options = wait_option,
	  .min_args = 2,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_attach },
	{ .name = "block-detach",
	  .args = "DOM VDEV",
	  .summary = "take a virtual disk away",
	  .options = detach_options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_detach },
	{ .name = "block-list",
	  .args = "DOM",
	  .summary = "list the virtual disks of a domain",
	  .options = list_options,
	  .min_args = 1,
	  .max_args = 1,
	  .run = cli_block_list },
	{ .name = "block-resize",
	  .args = "DOM VDEV",
	  .summary = "let the backend look at the image's size again",
	  .options = resize_options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_resize },
	{ 0 },
};
