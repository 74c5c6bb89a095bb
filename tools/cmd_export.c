/* SPDX-License-Identifier: MIT */
/* tandem export: a disk for programs that know nothing of tandem, over NBD. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/cmd_block.h"
#include "tools/cmds.h"

#define PLUGIN_FILE "nbdkit-tandem-plugin.so"

/*
 * Where the plugin of nbdkit is: told, or beside this program in a build tree,
 * or where it gets installed.
 */
static int find_plugin(struct cli *c, char *path, size_t size)
{
	char self[PATH_MAX], *dir;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!c->plugin)
		c->plugin = getenv("TANDEM_NBDKIT_PLUGIN");
	if (c->plugin) {
		snprintf(path, size, "%s", c->plugin);
		return access(path, R_OK) ? cli_fail(c, "%s: %s", path, strerror(errno))
					  : 0;
	}
	if (n > 0) {
		self[n] = '\0';
		dir = dirname(self);
		snprintf(path, size, "%s/../frontends/nbd/" PLUGIN_FILE, dir);
		if (!access(path, R_OK))
			return 0;
	}
	snprintf(path, size, "%s", TANDEM_PLUGIN_DIR "/" PLUGIN_FILE);
	if (!access(path, R_OK))
		return 0;
	return cli_fail(c, "%s: %s: give it by --plugin", path, strerror(errno));
}

/* Does DOM/VDEV exist? */
static int check_disk(struct cli *c, const char *name)
{
	const char *slash = strrchr(name, '/');
	char domain[HVCALL_NAME_MAX + 1];
	struct cli_domain dom;
	struct dev_xs d;
	uint32_t devid;
	int err;

	if (!slash || slash == name || slash - name > HVCALL_NAME_MAX)
		return cli_fail(c, "'%.100s' names no disk: guest0/xvda would be right",
				name);
	if (disk_vdev_parse(slash + 1, &devid))
		return cli_fail(c, "'%.64s' is no virtual device: xvda would be right",
				slash + 1);
	snprintf(domain, sizeof(domain), "%.*s", (int)(slash - name), name);
	if (cli_need_plat(c) || cli_find_domain(c, domain, &dom))
		return CLI_EXIT_FAILURE;
	err = dev_xs_find(&d, c->plat, "vbd", dom.id, devid);
	if (err == -ENOENT)
		return cli_fail(c, "%s has no device %s: see tandem block-list %s",
				dom.name, slash + 1, dom.name);
	return err ? cli_fail(c, "xenstore: %s", cli_strerror(err)) : 0;
}

static int run_export(struct cli *c)
{
	char plugin[PATH_MAX + 64], *disk = NULL;
	const char *args[12];
	int n = 0, status;

	if (!c->nbd || !*c->nbd)
		return cli_fail(c, "--nbd SOCKET is missing; see tandem export --help");
	if (!access(c->nbd, F_OK))
		return cli_fail(c,
				"%s exists already: remove it, or choose another "
				"socket",
				c->nbd);
	status = check_disk(c, c->argv[0]);
	if (!status)
		status = find_plugin(c, plugin, sizeof(plugin));
	if (status)
		return status;
	if (asprintf(&disk, "disk=%s", c->argv[0]) < 0)
		return cli_fail(c, "out of memory");
	args[n++] = "nbdkit";
	args[n++] = "--foreground";
	args[n++] = "--unix";
	args[n++] = c->nbd;
	/* clients that care for no logical block: read, change, write */
	args[n++] = "--filter=blocksize";
	if (c->readonly)
		args[n++] = "--readonly";
	args[n++] = plugin;
	args[n++] = disk;
	args[n] = NULL;
	execvp(args[0], (char *const *)args);
	status = cli_fail(c, "nbdkit: %s", strerror(errno));
	free(disk);
	return status;
}

static const struct argp_option options[] = {
	{ "nbd", CLI_NBD, "SOCKET", 0, "serve NBD on this unix socket (required)", 0 },
	{ "readonly", CLI_READONLY, NULL, 0, "allow no writes", 0 },
	{ "plugin", CLI_PLUGIN, "FILE", 0, "nbdkit's tandem plugin", 0 },
	{ 0 },
};

const struct verb verbs_export[] = {
	{ .name = "export",
	  .args = "DOM/VDEV",
	  .summary = "serve a disk to other programs, over NBD",
	  .doc = "Runs nbdkit in the foreground until it is ended. The disk is open as "
		 "long as a client is connected.",
	  .options = options,
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_export },
	{ 0 },
};
