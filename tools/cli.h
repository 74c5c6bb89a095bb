/* SPDX-License-Identifier: MIT */
/*
 * What the verbs of the tandem program share: the table of verbs, their
 * options, the connections to the hypervisor, and how they speak.
 *
 * A verb returns the exit status: 0, or 2 after cli_fail() said why in one line.
 */
#ifndef TANDEM_TOOLS_CLI_H
#define TANDEM_TOOLS_CLI_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/plat/plat.h"
#include "hv/proc/hvcall.h"

#define CLI_EXIT_FAILURE 2
#define CLI_ANY_ARGS	 INT32_MAX

struct cli;

struct verb {
	const char *name; /* as typed: "block-attach", "xs read" */
	const char *args; /* for the usage line */
	const char *summary;
	const char *doc;		   /* more for --help, or NULL */
	const struct argp_option *options; /* of its own, or NULL; keys: enum cli_key */
	int min_args, max_args;
	int (*run)(struct cli *c);
	/* If set, the verb reads its own command line; argv[0] is its name. */
	int (*run_raw)(int argc, char **argv);
};

/* Option keys: one meaning each, for all verbs. */
enum cli_key {
	CLI_JSON = 'j',
	CLI_STATS = 's',
	CLI_FORCE = 'f',
	CLI_WAIT = 'w',
	CLI_READONLY = 'r',
	CLI_COUNT = 'n',
	CLI_RECURSIVE = 'R',
	CLI_PAUSED = 'p',
	CLI_BATCH = 'b',
	CLI_DELAY = 'd',
	CLI_CONSOLE = 'c',    /* of create */
	CLI_CHECKPOINT = 'c', /* of save */
	CLI_FALLBACK = 'F',
	CLI_ALL = 'a',
	CLI_NBD = 256,
	CLI_PLUGIN,
	CLI_FILTER,
	CLI_SNAPLEN,
	CLI_ROTATE_SIZE,
	CLI_ROTATE_SECONDS,
	CLI_RATE,
	CLI_SPEED,
	CLI_LOOP,
	CLI_TEXT,
};

struct cli {
	const struct verb *verb;
	int argc; /* arguments without options */
	char **argv;
	bool json, stats, force, readonly, recursive, paused, console, fallback, all;
	bool checkpoint, batch;
	bool wait_end; /* CLI_WAIT without a number */
	uint32_t wait_ms, delay_ms;
	uint32_t count;
	const char *nbd, *plugin, *filter, *text;
	uint32_t snaplen, rotate_seconds;
	uint64_t rotate_size;
	bool has_rate;
	uint32_t rate, loop; /* loop: 1, unless given; 0: for ever */
	double speed;	     /* 0: not given */
	char *usage_error;   /* the first */
	/* Opened when first asked for, closed by main. */
	int hv;
	struct plat *plat;
};

extern const struct verb *const verb_groups[]; /* each ends with a NULL name */

/* ------------------------------------------------------------------ speaking */

/* "tandem: VERB: text" on stderr, control characters made harmless. Returns 2. */
int cli_fail(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same without failing. */
void cli_warn(struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* In place: what a terminal could take for a command becomes '?'. */
void cli_clean(char *s);
/* Prints and frees. 0 or 2. */
int cli_print_json(struct cli *c, json_t *o);
/* A JSON string of untrusted bytes; JSON null for NULL. */
json_t *cli_json_str(const char *s);
/* "64M", "1.5G". buf: 16 bytes. */
const char *cli_size(uint64_t bytes, char *buf);

/* ------------------------------------------------------------ the hypervisor */

/* Connects; 0, or 2 after saying why not. Both may be called again. */
int cli_need_hv(struct cli *c);
int cli_need_plat(struct cli *c);

struct cli_domain {
	domid_t id;
	uint32_t connections;
	char name[HVCALL_NAME_MAX];
};

/* What a failed call to the hypervisor or to xenstore means. */
const char *cli_strerror(int err);
/* By name or by decimal id. 0, or 2 after saying so. */
int cli_find_domain(struct cli *c, const char *name, struct cli_domain *dom);
/* The first domain with an id of at least `from`: 0, -ENOENT, -errno. */
int cli_next_domain(struct cli *c, uint32_t from, struct cli_domain *dom);
/* Decimal digits only, at most max. -EINVAL */
int cli_parse_number(const char *s, uint64_t max, uint64_t *value);

#endif
