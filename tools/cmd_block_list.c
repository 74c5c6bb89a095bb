/* SPDX-License-Identifier: MIT */
/* tandem block-list: a domain's disks, from both ends' directories. */
#include <stdio.h>
#include <stdlib.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_block.h"

static void add_backend(json_t *o, struct cli *c, const struct dev_xs *d)
{
	uint64_t bytes = dev_xs_number(d, "sectors") * 512;

	json_object_set_new(o, "vdev", cli_dev_string(d, "dev"));
	cli_dev_add_state(o, d);
	json_object_set_new(o, "driver", cli_dev_string(d, "driver"));
	json_object_set_new(o, "type", cli_dev_string(d, "type"));
	json_object_set_new(o, "mode", cli_dev_string(d, "mode"));
	json_object_set_new(o, "device_type", cli_dev_string(d, "device-type"));
	json_object_set_new(o, "target", cli_dev_string(d, "params"));
	json_object_set_new(o, "size", json_integer((json_int_t)bytes));
	json_object_set_new(o, "sector_size",
			    json_integer((json_int_t)dev_xs_number(d, "sector-size")));
	if (c->stats)
		json_object_set_new(o, "stats", cli_dev_stats(d));
}

static int add_disk(struct cli *c, struct dev_xs *d, bool served, void *arg)
{
	cleanup_free char *state = dev_xs_read(d, false, "state");
	json_t *o = json_object();

	json_object_set_new(o, "devid", json_integer((json_int_t)d->devid));
	json_object_set_new(o, "frontend_id", json_integer(d->frontend));
	json_object_set_new(o, "frontend_state", cli_json_str(state));
	if (served)
		add_backend(o, c, d);
	if (json_array_append_new(arg, o))
		return cli_fail(c, "out of memory");
	return 0;
}

/* --------------------------------------------------------------------- text */

static void print_row(json_t *o)
{
	json_int_t size = json_integer_value(json_object_get(o, "size"));
	char vdev[64], state[16], driver[32], mode[8], target[DISK_SPEC_MAX + 8], sz[16];

	printf("%-8s %9" JSON_INTEGER_FORMAT " %7" JSON_INTEGER_FORMAT
	       " %-12s %-8s %-4s %7s %s\n",
	       cli_column(o, "vdev", vdev, sizeof(vdev)),
	       json_integer_value(json_object_get(o, "devid")),
	       json_integer_value(json_object_get(o, "backend_id")),
	       cli_column(o, "state_name", state, sizeof(state)),
	       cli_column(o, "driver", driver, sizeof(driver)),
	       cli_column(o, "mode", mode, sizeof(mode)),
	       size ? cli_size((uint64_t)size, sz) : "-",
	       cli_column(o, "target", target, sizeof(target)));
}

int cli_block_list(struct cli *c)
{
	json_t *list = json_array(), *o;
	struct cli_domain dom;
	size_t i;
	int status = cli_need_plat(c);

	if (!status)
		status = cli_find_domain(c, c->argv[0], &dom);
	if (!status)
		status = cli_each_dev(c, &dom, "vbd", add_disk, list);
	if (status < 0)
		status = cli_fail(c, "%s: %s", dom.name, cli_strerror(status));
	if (!status && c->json)
		return cli_print_json(c, list);
	if (!status) {
		printf("%-8s %9s %7s %-12s %-8s %-4s %7s %s\n", "Vdev", "Devid",
		       "Backend", "State", "Driver", "Mode", "Size", "Target");
		json_array_foreach(list, i, o)
		{
			print_row(o);
			cli_print_stats(o);
		}
	}
	json_decref(list);
	return status;
}
