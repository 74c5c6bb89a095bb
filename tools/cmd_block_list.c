/* SPDX-License-Identifier: MIT */
/* tandem block-list: a domain's disks, from both ends' directories. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"
#include "tools/cmd_block.h"

#define STATS_WAIT_MS 2000

int cli_each_disk(struct cli *c, const struct cli_domain *dom,
		  int (*fn)(struct cli *c, struct disk_xs *d, bool served, void *arg),
		  void *arg)
{
	cleanup_free char **names = NULL;
	char path[80];
	uint32_t n;
	int err, status = 0;

	snprintf(path, sizeof(path), "/local/domain/%u/device/vbd", dom->id);
	err = xenstore_directory(c->plat, XENSTORE_NO_TX, path, &names, &n);
	if (err == -ENOENT)
		return 0;
	if (err)
		return err;
	for (uint32_t i = 0; !status && i < n; i++) {
		struct disk_xs d;
		uint64_t devid;

		if (cli_parse_number(names[i], INT32_MAX, &devid))
			continue; /* the guest's own doing */
		err = disk_xs_find(&d, c->plat, dom->id, (uint32_t)devid);
		status = fn(c, &d, !err, arg);
	}
	return status;
}

static json_t *stats_object(const struct disk_xs *d)
{
	cleanup_free char *text = NULL;
	json_t *o;

	if (cli_request_stats(d, STATS_WAIT_MS))
		return json_null();
	text = disk_xs_read(d, true, "stats");
	o = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	return o ? o : json_null();
}

static json_t *key_string(const struct disk_xs *d, const char *key)
{
	cleanup_free char *s = disk_xs_read(d, true, key);

	return cli_json_str(s);
}

static void add_backend(json_t *o, struct cli *c, const struct disk_xs *d)
{
	cleanup_free char *error = disk_xs_error(d);
	uint64_t bytes = disk_xs_number(d, "sectors") * 512;
	int state = disk_xs_state(d);

	json_object_set_new(o, "vdev", key_string(d, "dev"));
	json_object_set_new(o, "backend_id", json_integer(d->backend));
	json_object_set_new(o, "backend_path", json_string(d->be_path));
	json_object_set_new(o, "state", json_integer(state));
	json_object_set_new(o, "state_name",
			    json_string(xenbus_state_name((enum xenbus_state)state)));
	json_object_set_new(o, "driver", key_string(d, "driver"));
	json_object_set_new(o, "type", key_string(d, "type"));
	json_object_set_new(o, "mode", key_string(d, "mode"));
	json_object_set_new(o, "device_type", key_string(d, "device-type"));
	json_object_set_new(o, "target", key_string(d, "params"));
	json_object_set_new(o, "size", json_integer((json_int_t)bytes));
	json_object_set_new(o, "sector_size",
			    json_integer((json_int_t)disk_xs_number(d, "sector-size")));
	if (error)
		json_object_set_new(o, "error", cli_json_str(error));
	if (c->stats)
		json_object_set_new(o, "stats", stats_object(d));
}

static int add_disk(struct cli *c, struct disk_xs *d, bool served, void *arg)
{
	cleanup_free char *state = disk_xs_read(d, false, "state");
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

/* A column's text: never NULL, never a terminal's command. */
static const char *text(json_t *o, const char *key, char *buf, size_t size)
{
	const char *s = json_string_value(json_object_get(o, key));

	snprintf(buf, size, "%s", s ? s : "-");
	cli_clean(buf);
	return buf;
}

static void print_row(json_t *o)
{
	json_int_t size = json_integer_value(json_object_get(o, "size"));
	char vdev[64], state[16], driver[32], mode[8], target[DISK_SPEC_MAX + 8], sz[16];

	printf("%-8s %9" JSON_INTEGER_FORMAT " %7" JSON_INTEGER_FORMAT
	       " %-12s %-8s %-4s %7s %s\n",
	       text(o, "vdev", vdev, sizeof(vdev)),
	       json_integer_value(json_object_get(o, "devid")),
	       json_integer_value(json_object_get(o, "backend_id")),
	       text(o, "state_name", state, sizeof(state)),
	       text(o, "driver", driver, sizeof(driver)),
	       text(o, "mode", mode, sizeof(mode)),
	       size ? cli_size((uint64_t)size, sz) : "-",
	       text(o, "target", target, sizeof(target)));
}

static void print_stats(json_t *o)
{
	json_t *stats = json_object_get(o, "stats"), *v;
	const char *key;
	char name[64];

	json_object_foreach(stats, key, v)
	{
		if (!json_is_integer(v))
			continue;
		snprintf(name, sizeof(name), "%s", key);
		cli_clean(name);
		printf("    %-20s %" JSON_INTEGER_FORMAT "\n", name,
		       json_integer_value(v));
	}
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
		status = cli_each_disk(c, &dom, add_disk, list);
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
			print_stats(o);
		}
	}
	json_decref(list);
	return status;
}
