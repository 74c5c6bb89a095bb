/* SPDX-License-Identifier: MIT */
/* tandem info: what runs here. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "hv/base/statedir.h"
#include "hv/proc/hvcall.h"
#include "tools/cmd_block.h"
#include "tools/cmds.h"

struct counts {
	unsigned domains, connections, disks, vifs;
};

static int count_one(struct cli *c, struct dev_xs *d, bool served, void *arg)
{
	(void)c;
	(void)d;
	(void)served;
	++*(unsigned *)arg;
	return 0;
}

static int count_all(struct cli *c, struct counts *n)
{
	struct cli_domain dom;
	uint32_t from = 0;
	int err, status = 0;

	while (!status && !(err = cli_next_domain(c, from, &dom))) {
		n->domains++;
		n->connections += dom.connections;
		status = cli_each_dev(c, &dom, "vbd", count_one, &n->disks);
		if (!status)
			status = cli_each_dev(c, &dom, "vif", count_one, &n->vifs);
		from = dom.id + 1u;
	}
	if (status < 0)
		return cli_fail(c, "%s: %s", dom.name, cli_strerror(status));
	if (!status && err != -ENOENT)
		status = cli_fail(c, "asking for the domains: %s", cli_strerror(err));
	return status;
}

static int run_info(struct cli *c)
{
	char dir[PATH_MAX], xs[PATH_MAX];
	struct counts n = { 0 };
	int status = cli_need_plat(c);

	if (!status)
		status = count_all(c, &n);
	if (!status && (statedir_path(dir, sizeof(dir), "") ||
			statedir_path(xs, sizeof(xs), STATEDIR_XS_SOCKET)))
		status = cli_fail(c, "the state directory's path is too long");
	if (status)
		return status;
	if (c->json)
		return cli_print_json(
			c, json_pack("{s:s, s:i, s:o, s:o, s:i, s:i, s:i, s:i}",
				     "version", TANDEM_VERSION, "protocol",
				     (int)HVCALL_VERSION, "directory", cli_json_str(dir),
				     "xenstored_path", cli_json_str(xs), "domains",
				     (int)n.domains, "connections", (int)n.connections,
				     "disks", (int)n.disks, "vifs", (int)n.vifs));
	printf("version         %s\n"
	       "protocol        %u\n"
	       "directory       %s\n"
	       "XENSTORED_PATH  %s\n"
	       "domains         %u\n"
	       "connections     %u\n"
	       "disks           %u\n"
	       "vifs            %u\n",
	       TANDEM_VERSION, HVCALL_VERSION, dir, xs, n.domains, n.connections, n.disks,
	       n.vifs);
	return 0;
}

static const struct argp_option json_option[] = {
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ 0 },
};

const struct verb verbs_info[] = {
	{ .name = "info",
	  .args = "",
	  .summary = "print versions, the state directory and counts",
	  .options = json_option,
	  .run = run_info },
	{ 0 },
};
