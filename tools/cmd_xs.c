/* SPDX-License-Identifier: MIT */
/* tandem xs ...: shortcuts to xenstore, with dom0's rights. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "tools/cmds.h"

static int xs_fail(struct cli *c, const char *path, int err)
{
	return cli_fail(c, "%.200s: %s", path, cli_strerror(err));
}

static int run_read(struct cli *c)
{
	json_t *all = json_object();
	int status = cli_need_plat(c);

	for (int i = 0; !status && i < c->argc; i++) {
		cleanup_free char *value = NULL;
		int err =
			xenstore_read(c->plat, XENSTORE_NO_TX, c->argv[i], &value, NULL);

		if (err) {
			status = xs_fail(c, c->argv[i], err);
		} else if (c->json) {
			json_object_set_new(all, c->argv[i], cli_json_str(value));
		} else {
			cli_clean(value);
			puts(value);
		}
	}
	if (!status && c->json)
		return cli_print_json(c, all);
	json_decref(all);
	return status;
}

static int write_pairs(struct cli *c, xenstore_tx_t tx, const char **path)
{
	int err = 0;

	for (int i = 0; !err && i + 1 < c->argc; i += 2) {
		*path = c->argv[i];
		err = xenstore_write(c->plat, tx, c->argv[i], c->argv[i + 1]);
	}
	return err;
}

/* All or nothing. */
static int run_write(struct cli *c)
{
	const char *path = c->argv[0];
	xenstore_tx_t tx;
	int err;

	if (c->argc % 2)
		return cli_fail(c, "a value is missing for %.200s", c->argv[c->argc - 1]);
	if (cli_need_plat(c))
		return CLI_EXIT_FAILURE;
	do {
		err = xenstore_tx_start(c->plat, &tx);
		if (err)
			break;
		err = write_pairs(c, tx, &path);
		if (err) {
			(void)xenstore_tx_end(c->plat, tx, false);
			break;
		}
		err = xenstore_tx_end(c->plat, tx, true);
	} while (err == -EAGAIN);
	return err ? xs_fail(c, path, err) : 0;
}

static int each_path(struct cli *c,
		     int (*fn)(struct plat *, xenstore_tx_t, const char *path))
{
	int status = cli_need_plat(c);

	for (int i = 0; !status && i < c->argc; i++) {
		int err = fn(c->plat, XENSTORE_NO_TX, c->argv[i]);

		if (err)
			status = xs_fail(c, c->argv[i], err);
	}
	return status;
}

/* xenstore itself does not mind an absent node; whoever mistyped it does. */
static int remove_present(struct plat *p, xenstore_tx_t tx, const char *path)
{
	cleanup_free char *value = NULL;
	int err = xenstore_read(p, tx, path, &value, NULL);

	return err ? err : xenstore_rm(p, tx, path);
}

static int run_rm(struct cli *c)
{
	return each_path(c, remove_present);
}

static int run_mkdir(struct cli *c)
{
	return each_path(c, xenstore_mkdir);
}

static int run_chmod(struct cli *c)
{
	char perms[1024] = "";
	size_t len = 0;
	int err;

	for (int i = 1; i < c->argc; i++) {
		const char *p = c->argv[i];
		uint64_t id;

		if (!*p || !strchr("nrwb", *p) ||
		    cli_parse_number(p + 1, UINT16_MAX, &id) ||
		    len + strlen(p) + 2 > sizeof(perms))
			return cli_fail(
				c,
				"'%.40s' is no permission: n, r, w or b and a domain "
				"id, such as r5, would be right",
				p);
		len += (size_t)snprintf(perms + len, sizeof(perms) - len, "%s%s",
					len ? " " : "", p);
	}
	if (cli_need_plat(c))
		return CLI_EXIT_FAILURE;
	err = xenstore_set_perms(c->plat, XENSTORE_NO_TX, c->argv[0], perms);
	return err ? xs_fail(c, c->argv[0], err) : 0;
}

/* ----------------------------------------------------------------------- ls */

/* One node: a line, or an entry of the array. */
static int show(struct cli *c, json_t *list, const char *name, const char *path)
{
	char *value = NULL;
	int err = xenstore_read(c->plat, XENSTORE_NO_TX, path, &value, NULL);
	cleanup_free char *shown = strdup(name);

	if (err || !shown) { /* gone meanwhile, or unreadable */
		free(value);
		return err == -ENOTCONN ? err : 0;
	}
	if (c->json) {
		json_array_append_new(list,
				      json_pack("{s:o, s:o}", "path", cli_json_str(name),
						"value", cli_json_str(value)));
	} else {
		cli_clean(shown);
		cli_clean(value);
		printf("%s = \"%s\"\n", shown, value);
	}
	free(value);
	return 0;
}

static int list_dir(struct cli *c, json_t *list, const char *dir)
{
	cleanup_free char **names = NULL;
	uint32_t n;
	int err = xenstore_directory(c->plat, XENSTORE_NO_TX, dir, &names, &n);

	for (uint32_t i = 0; !err && i < n; i++) {
		cleanup_free char *path = NULL;

		if (asprintf(&path, "%s%s%s", dir, !strcmp(dir, "/") ? "" : "/",
			     names[i]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		err = show(c, list, c->recursive ? path : names[i], path);
		if (!err && c->recursive) {
			err = list_dir(c, list, path);
			if (err == -ENOENT || err == -EACCES) /* gone meanwhile */
				err = 0;
		}
	}
	return err;
}

static int run_ls(struct cli *c)
{
	const char *dir = c->argc ? c->argv[0] : "/";
	json_t *list;
	int err, status = cli_need_plat(c);

	if (status)
		return status;
	list = json_array();
	err = list_dir(c, list, dir);
	if (!err && c->json)
		return cli_print_json(c, list);
	json_decref(list);
	return err ? xs_fail(c, dir, err) : 0;
}

/* -------------------------------------------------------------------- watch */

static void show_event(struct cli *c, char *path)
{
	json_t *o;

	if (!c->json) {
		cli_clean(path);
		puts(path);
	} else {
		o = json_pack("{s:o}", "path", cli_json_str(path));
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	}
	fflush(stdout);
}

static int watch_loop(struct cli *c)
{
	uint32_t left = c->count;

	for (;;) {
		struct pollfd pfd = { .fd = xenstore_fd(c->plat), .events = POLLIN };
		char *path, *token;
		int err = xenstore_next_event(c->plat, &path, &token);

		if (!err) {
			show_event(c, path);
			free(path);
			if (ferror(stdout) || (c->count && !--left))
				return 0;
		} else if (err != -EAGAIN) {
			return err;
		} else if (poll(&pfd, 1, -1) < 0 && errno != EINTR) {
			return -errno;
		}
	}
}

static int run_watch(struct cli *c)
{
	int err, status = cli_need_plat(c);

	for (int i = 0; !status && i < c->argc; i++) {
		err = xenstore_watch(c->plat, c->argv[i], c->argv[i]);
		if (err)
			status = xs_fail(c, c->argv[i], err);
	}
	if (status)
		return status;
	err = watch_loop(c);
	return err ? xs_fail(c, c->argv[0], err) : 0;
}

/* -------------------------------------------------------------------- table */

static const struct argp_option json_option[] = {
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ 0 },
};

static const struct argp_option ls_options[] = {
	{ "recursive", CLI_RECURSIVE, NULL, 0, "all below, with whole paths", 0 },
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ 0 },
};

static const struct argp_option watch_options[] = {
	{ "count", CLI_COUNT, "N", 0, "end after N events", 0 },
	{ "json", CLI_JSON, NULL, 0, "print JSON, one object a line", 0 },
	{ 0 },
};

const struct verb verbs_xs[] = {
	{ .name = "xs read",
	  .args = "PATH...",
	  .summary = "print values of xenstore",
	  .options = json_option,
	  .min_args = 1,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_read },
	{ .name = "xs write",
	  .args = "PATH VALUE [PATH VALUE...]",
	  .summary = "write values, all or none",
	  .min_args = 2,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_write },
	{ .name = "xs ls",
	  .args = "[PATH]",
	  .summary = "list a directory with its values",
	  .options = ls_options,
	  .max_args = 1,
	  .run = run_ls },
	{ .name = "xs rm",
	  .args = "PATH...",
	  .summary = "remove nodes and all below them",
	  .min_args = 1,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_rm },
	{ .name = "xs mkdir",
	  .args = "PATH...",
	  .summary = "make directories",
	  .min_args = 1,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_mkdir },
	{ .name = "xs chmod",
	  .args = "PATH PERM...",
	  .summary = "set permissions: n0 r5 is domain 0's, and 5 reads",
	  .doc = "PERM is n (none), r (read), w (write) or b (both) and a domain id. The "
		 "first names the owner and what everybody else may do.",
	  .min_args = 2,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_chmod },
	{ .name = "xs watch",
	  .args = "PATH...",
	  .summary = "print each path that changes; the first line comes at once",
	  .options = watch_options,
	  .min_args = 1,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_watch },
	{ 0 },
};
