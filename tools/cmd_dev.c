/* SPDX-License-Identifier: MIT */
/* Devices of any kind: waiting for their backends, listing them, letting go. */
#include "tools/cmd_dev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"

#define STATS_WAIT_MS 2000

const struct argp_option cli_detach_options[] = {
	{ "wait", CLI_WAIT, "SECONDS", 0, "wait so long for the backend (10)", 0 },
	{ "force", CLI_FORCE, NULL, 0, "remove the device without waiting", 0 },
	{ 0 },
};

const struct argp_option cli_list_options[] = {
	{ "json", CLI_JSON, NULL, 0, "print JSON", 0 },
	{ "stats", CLI_STATS, NULL, 0, "ask the backends for their counters", 0 },
	{ 0 },
};

/* ------------------------------------------------------------------- attach */

struct answer {
	int state;
	char *error;
};

/* The backend has taken the device, or said why not, or closed it. */
static bool backend_answered(const struct dev_xs *d, void *arg)
{
	struct answer *a = arg;

	a->state = dev_xs_state(d);
	free(a->error);
	a->error = dev_xs_error(d);
	return a->error || a->state >= XenbusStateInitWait;
}

/* A backend that says why it fails then closes the device: not before that is
 * it safe to remove what it still writes to. */
static bool backend_finished(const struct dev_xs *d, void *arg)
{
	int state = dev_xs_state(d);

	(void)arg;
	return state == XenbusStateClosed || state == XenbusStateUnknown;
}

static int wait_for_backend(struct cli *c, const struct dev_xs *d,
			    const struct cli_dev_words *w)
{
	struct answer a = { 0 };
	int err = dev_xs_wait(d, c->wait_ms, backend_answered, &a), status = 0;

	if (err == -ETIMEDOUT)
		status = cli_fail(c,
				  "%s: no backend answered within %g s: does %s run for "
				  "domain %u?%s",
				  w->name, c->wait_ms / 1000.0, w->program, d->backend,
				  w->hint);
	else if (err)
		status = cli_fail(c, "%s: xenstore: %s", w->name, cli_strerror(err));
	else if (a.error)
		status = cli_fail(c, "%s: %s%s", w->name, a.error, w->hint);
	else if (a.state >= XenbusStateClosing && a.state <= XenbusStateClosed)
		status = cli_fail(c, "%s: the backend closed the device", w->name);
	free(a.error);
	return status;
}

int cli_dev_settle(struct cli *c, const struct dev_xs *d, const struct cli_dev_words *w)
{
	int err;

	if (!c->wait_ms || !wait_for_backend(c, d, w))
		return 0;
	if (dev_xs_state(d) != XenbusStateInitialising)
		(void)dev_xs_wait(d, 2000, backend_finished, NULL);
	err = dev_xs_remove(d);
	if (err && err != -ENOTCONN) /* that was said */
		cli_warn(c, "%s: cannot take it back: %s", w->name, cli_strerror(err));
	return CLI_EXIT_FAILURE;
}

/* ------------------------------------------------------------------- detach */

/* A backend that never looked at the device need not be asked. */
static int close_backend(struct cli *c, const struct dev_xs *d, const char *name)
{
	bool untouched = dev_xs_state(d) == XenbusStateInitialising;
	int err = dev_xs_close(d);

	if (!err && !untouched && !c->force)
		err = dev_xs_wait(d, c->wait_ms, backend_finished, NULL);
	if (err == -ETIMEDOUT)
		return cli_fail(c,
				"%s: the backend did not close it within %g s; --force "
				"removes it all the same",
				name, c->wait_ms / 1000.0);
	if (err && err != -ENOENT)
		return cli_fail(c, "%s: xenstore: %s", name, cli_strerror(err));
	return 0;
}

int cli_dev_detach(struct cli *c, const struct dev_xs *d, bool served, const char *name)
{
	int err, status = served ? close_backend(c, d, name) : 0;

	if (status)
		return status;
	err = dev_xs_remove(d);
	return err ? cli_fail(c, "%s: xenstore: %s", name, cli_strerror(err)) : 0;
}

/* ------------------------------------------------------------------ listing */

int cli_each_dev(struct cli *c, const struct cli_domain *dom, const char *type,
		 int (*fn)(struct cli *c, struct dev_xs *d, bool served, void *arg),
		 void *arg)
{
	cleanup_free char **names = NULL;
	char path[80];
	uint32_t n;
	int err, status = 0;

	snprintf(path, sizeof(path), "/local/domain/%u/device/%s", dom->id, type);
	err = xenstore_directory(c->plat, XENSTORE_NO_TX, path, &names, &n);
	if (err == -ENOENT)
		return 0;
	if (err)
		return err;
	for (uint32_t i = 0; !status && i < n; i++) {
		struct dev_xs d;
		uint64_t devid;

		if (cli_parse_number(names[i], INT32_MAX, &devid))
			continue; /* the guest's own doing */
		err = dev_xs_find(&d, c->plat, type, dom->id, (uint32_t)devid);
		status = fn(c, &d, !err, arg);
	}
	return status;
}

static bool stats_written(const struct dev_xs *d, void *arg)
{
	cleanup_free char *stats = dev_xs_read(d, true, "stats");

	(void)arg;
	return stats != NULL;
}

int cli_ask_stats(const struct dev_xs *d)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/stats", d->be_path);
	err = xenstore_rm(d->plat, XENSTORE_NO_TX, path);
	if (err && err != -ENOENT)
		return err;
	snprintf(path, sizeof(path), "%s/stats-request", d->be_path);
	return xenstore_write(d->plat, XENSTORE_NO_TX, path, "1");
}

int cli_request_stats(const struct dev_xs *d, uint32_t timeout_ms)
{
	int err = cli_ask_stats(d);

	return err ? err : dev_xs_wait(d, timeout_ms, stats_written, NULL);
}

json_t *cli_dev_stats(const struct dev_xs *d)
{
	return cli_ask_stats(d) ? json_null() : cli_stats_answer(d, STATS_WAIT_MS);
}

json_t *cli_stats_answer(const struct dev_xs *d, uint32_t timeout_ms)
{
	cleanup_free char *text = NULL;
	json_t *o;

	/* most have answered already: a watch costs more than a look */
	if (!stats_written(d, NULL) && dev_xs_wait(d, timeout_ms, stats_written, NULL))
		return json_null();
	text = dev_xs_read(d, true, "stats");
	o = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	return o ? o : json_null();
}

json_t *cli_dev_string(const struct dev_xs *d, const char *key)
{
	cleanup_free char *s = dev_xs_read(d, true, key);

	return cli_json_str(s);
}

void cli_dev_add_state(json_t *o, const struct dev_xs *d)
{
	cleanup_free char *error = dev_xs_error(d);
	int state = dev_xs_state(d);

	json_object_set_new(o, "backend_id", json_integer(d->backend));
	json_object_set_new(o, "backend_path", json_string(d->be_path));
	json_object_set_new(o, "state", json_integer(state));
	json_object_set_new(o, "state_name",
			    json_string(xenbus_state_name((enum xenbus_state)state)));
	if (error)
		json_object_set_new(o, "error", cli_json_str(error));
}

const char *cli_column(json_t *device, const char *key, char *buf, size_t size)
{
	const char *s = json_string_value(json_object_get(device, key));

	snprintf(buf, size, "%s", s ? s : "-");
	cli_clean(buf);
	return buf;
}

static void print_counters(json_t *counters, const char *prefix)
{
	char name[64];
	const char *key;
	json_t *v;

	json_object_foreach(counters, key, v)
	{
		if (!json_is_integer(v))
			continue;
		snprintf(name, sizeof(name), "%s%s", prefix, key);
		cli_clean(name);
		printf("    %-20s %" JSON_INTEGER_FORMAT "\n", name,
		       json_integer_value(v));
	}
}

void cli_print_stats(json_t *device)
{
	json_t *stats = json_object_get(device, "stats");

	print_counters(stats, "");
	print_counters(json_object_get(stats, "port"), "port.");
}
