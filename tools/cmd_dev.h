/* SPDX-License-Identifier: MIT */
/* What the verbs on virtual devices share, disks or vifs. */
#ifndef TANDEM_TOOLS_CMD_DEV_H
#define TANDEM_TOOLS_CMD_DEV_H

#include "tools/cli.h"
#include "tools/dev_xs.h"

/* How a device is spoken of. */
struct cli_dev_words {
	const char *name;    /* as the person gave it: "xvda" */
	const char *program; /* its backend's: "tandem-blkback" */
	const char *hint;    /* added to a backend's refusal, or "" */
};

/* Of the verbs that take a device away, and that list devices. */
extern const struct argp_option cli_detach_options[], cli_list_options[];

/*
 * Waits until the backend has taken a device that was just made, c->wait_ms at
 * most (0: not at all); takes the device back if it has not. 0, or 2 after saying why.
 */
int cli_dev_settle(struct cli *c, const struct dev_xs *d, const struct cli_dev_words *w);
/*
 * Asks the backend, if there is one, to close the device, and waits, unless
 * --force; then removes it. 0 or 2.
 */
int cli_dev_detach(struct cli *c, const struct dev_xs *d, bool served, const char *name);

/*
 * Calls fn for each device of a type in the guest's directory, until it returns
 * nonzero. What it returned, or -errno.
 */
int cli_each_dev(struct cli *c, const struct cli_domain *dom, const char *type,
		 int (*fn)(struct cli *c, struct dev_xs *d, bool served, void *arg),
		 void *arg);

/* Asks the backend for its counters and waits until the key is there. -errno */
int cli_request_stats(const struct dev_xs *d, uint32_t timeout_ms);
/* Its answer, or null. */
json_t *cli_dev_stats(const struct dev_xs *d);
/* The same in two steps, so that several are asked at once. -errno */
int cli_ask_stats(const struct dev_xs *d);
json_t *cli_stats_answer(const struct dev_xs *d, uint32_t timeout_ms);
/* The integers of "stats", a line each. */
void cli_print_stats(json_t *device);
/* A column's text from a device's object: never NULL, never a terminal's command. */
const char *cli_column(json_t *device, const char *key, char *buf, size_t size);
/* A key of the backend's directory; null if absent. */
json_t *cli_dev_string(const struct dev_xs *d, const char *key);
/* "state", "state_name", "backend_id", "backend_path" and, if there is one, "error". */
void cli_dev_add_state(json_t *o, const struct dev_xs *d);

#endif
