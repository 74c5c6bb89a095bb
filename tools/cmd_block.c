/* SPDX-License-Identifier: MIT */
/* tandem block-attach, block-detach, block-resize. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_block.h"
#include "tools/cmds.h"

/* ------------------------------------------------------------------- attach */

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

int cli_attach(struct cli *c, const struct cli_domain *dom, const struct disk_spec *spec)
{
	struct cli_dev_words words = { spec->vdev, "tandem-blkback", "" };
	struct cli_domain backend = { 0 };
	struct dev_xs d;
	int err;

	if (!spec->driver)
		return cli_fail(c,
				"%s: not supported: a CD-ROM drive without a disc, but "
				"for a PC's; give the image as target=",
				spec->vdev);
	if (spec->backend && *spec->backend &&
	    cli_find_domain(c, spec->backend, &backend))
		return CLI_EXIT_FAILURE;
	dev_xs_init(&d, c->plat, "vbd", dom->id, backend.id, spec->devid);
	err = disk_xs_create(&d, spec);
	if (err == -EEXIST)
		return cli_fail(c, "%s: %s has that device (%u) already", spec->vdev,
				dom->name, spec->devid);
	if (err)
		return cli_fail(c, "%s: xenstore: %s", spec->vdev, cli_strerror(err));
	words.hint = target_hint(spec);
	return cli_dev_settle(c, &d, &words);
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
static int find_disk(struct cli *c, struct cli_domain *dom, struct dev_xs *d,
		     bool *served)
{
	uint32_t devid;
	int err;

	if (disk_vdev_parse(c->argv[1], &devid))
		return cli_fail(c, "'%.64s' is no virtual device: xvda would be right",
				c->argv[1]);
	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], dom))
		return CLI_EXIT_FAILURE;
	err = dev_xs_find(d, c->plat, "vbd", dom->id, devid);
	if (err && err != -ENOENT)
		return cli_fail(c, "xenstore: %s", cli_strerror(err));
	*served = !err;
	if (err && !dev_xs_exists(d, XENSTORE_NO_TX))
		return cli_fail(c, "%s has no device %s: see tandem block-list %s",
				dom->name, c->argv[1], dom->name);
	return 0;
}

static int run_detach(struct cli *c)
{
	struct cli_domain dom;
	struct dev_xs d;
	bool served;
	int status = find_disk(c, &dom, &d, &served);

	return status ? status : cli_dev_detach(c, &d, served, c->argv[1]);
}

/*
 * The backend takes requests in order: when it has answered a later one, for
 * its counters, it has looked at the size.
 */
static int request_resize(const struct dev_xs *d, uint32_t timeout_ms)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/resize-request", d->be_path);
	err = xenstore_write(d->plat, XENSTORE_NO_TX, path, "1");
	return err ? err : cli_request_stats(d, timeout_ms);
}

static int print_size(struct cli *c, const struct dev_xs *d)
{
	uint64_t bytes = dev_xs_number(d, "sectors") * 512;
	cleanup_free char *error = dev_xs_error(d);
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
	struct dev_xs d;
	bool served;
	int status = find_disk(c, &dom, &d, &served), err;

	if (status)
		return status;
	if (!served)
		return cli_fail(c, "%s: no backend has it", c->argv[1]);
	dev_xs_forget_error(&d);
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
	  .options = cli_detach_options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_detach },
	{ .name = "block-list",
	  .args = "DOM",
	  .summary = "list the virtual disks of a domain",
	  .options = cli_list_options,
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
