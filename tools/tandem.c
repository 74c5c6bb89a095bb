/* SPDX-License-Identifier: MIT */
/* tandem: the operator's program. Finds the verb and reads its command line. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ringproto/capring.h"
#include "tools/cli.h"
#include "tools/cmds.h"
#include "tools/disk_spec.h"
#include "tools/image.h"

static const struct verb verbs_image[] = {
	{ .name = "image",
	  .summary = "create, convert and check disk images",
	  .run_raw = image_main },
	{ 0 },
};

const struct verb *const verb_groups[] = { verbs_domain,  verbs_life,	 verbs_pc,
					   verbs_vm,	  verbs_save,	 verbs_block,
					   verbs_network, verbs_capture, verbs_replay,
					   verbs_image,	  verbs_export,	 verbs_xs,
					   verbs_top,	  verbs_info,	 NULL };

static void usage_error(struct cli *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void usage_error(struct cli *c, const char *fmt, ...)
{
	va_list ap;

	if (c->usage_error)
		return;
	va_start(ap, fmt);
	if (vasprintf(&c->usage_error, fmt, ap) < 0)
		c->usage_error = NULL;
	va_end(ap);
}

/* ---------------------------------------------------------------- one verb */

static void print_help(const struct argp *argp, char *name)
{
	argp_help(argp, stdout,
		  ARGP_HELP_STD_HELP & ~(ARGP_HELP_EXIT_ERR | ARGP_HELP_EXIT_OK), name);
	exit(fflush(stdout) ? CLI_EXIT_FAILURE : 0);
}

static error_t take_seconds(struct cli *c, const char *option, const char *arg,
			    double min, uint32_t *ms)
{
	char *end;
	double seconds = strtod(arg, &end);

	if (end == arg || *end || !(seconds >= min && seconds <= 86400)) {
		usage_error(c, "--%s '%.40s' is no number of seconds from %g to 86400",
			    option, arg, min);
		return EINVAL;
	}
	*ms = (uint32_t)(seconds * 1000);
	return 0;
}

static error_t take_speed(struct cli *c, const char *arg)
{
	char *end;
	double speed = strtod(arg, &end);

	if (end == arg || *end || !(speed >= 0.001 && speed <= 1000000)) {
		usage_error(c, "--speed '%.40s' is no number from 0.001 to 1000000", arg);
		return EINVAL;
	}
	c->speed = speed;
	return 0;
}

static error_t take_number(struct cli *c, const char *option, const char *arg,
			   uint32_t min, uint32_t max, uint32_t *field)
{
	uint64_t n;

	if (cli_parse_number(arg, max, &n) || n < min) {
		usage_error(c, "--%s '%.40s' is no number from %u to %u", option, arg,
			    min, max);
		return EINVAL;
	}
	*field = (uint32_t)n;
	return 0;
}

static error_t take_size(struct cli *c, const char *option, const char *arg,
			 uint64_t *field)
{
	if (!disk_size_parse(arg, field) && *field)
		return 0;
	usage_error(c, "--%s '%.40s' is no size such as 100M", option, arg);
	return EINVAL;
}

/* getopt stopped behind the option that it does not know, or in front of it. */
static void bad_option(struct cli *c, const struct argp_state *state)
{
	int i = state->next;

	if (i > 1 && state->argv[i - 1][0] == '-')
		i--;
	usage_error(c, "%.64s: no such option, or its value is missing",
		    i < state->argc ? state->argv[i] : "the command line");
}

static bool take_flag(struct cli *c, int key)
{
	switch (key) {
	case CLI_JSON:
		c->json = true;
		return true;
	case CLI_STATS:
		c->stats = true;
		return true;
	case CLI_FORCE:
		c->force = true;
		return true;
	case CLI_READONLY:
		c->readonly = true;
		return true;
	case CLI_RECURSIVE:
		c->recursive = true;
		return true;
	case CLI_PAUSED:
		c->paused = true;
		return true;
	case CLI_CONSOLE: /* and CLI_CHECKPOINT: the verb says which */
		c->console = c->checkpoint = true;
		return true;
	case CLI_FALLBACK:
		c->fallback = true;
		return true;
	case CLI_ALL:
		c->all = true;
		return true;
	case CLI_BATCH:
		c->batch = true;
		return true;
	default:
		return false;
	}
}

static error_t parse_verb(int key, char *arg, struct argp_state *state)
{
	struct cli *c = state->input;

	if (take_flag(c, key))
		return 0;
	switch (key) {
	case '?':
		print_help(state->root_argp, state->name);
		return 0;
	case CLI_WAIT:
		c->wait_end = !arg;
		return arg ? take_seconds(c, "wait", arg, 0, &c->wait_ms) : 0;
	case CLI_DELAY:
		return take_seconds(c, "delay", arg, 0.1, &c->delay_ms);
	case CLI_COUNT:
		return take_number(c, "count", arg, 1, UINT32_MAX, &c->count);
	case CLI_SNAPLEN:
		return take_number(c, "snaplen", arg, 1, CAPRING_SNAPLEN_MAX,
				   &c->snaplen);
	case CLI_ROTATE_SECONDS:
		return take_number(c, "rotate-seconds", arg, 1, INT32_MAX,
				   &c->rotate_seconds);
	case CLI_ROTATE_SIZE:
		return take_size(c, "rotate-size", arg, &c->rotate_size);
	case CLI_RATE:
		c->has_rate = true;
		return take_number(c, "rate", arg, 0, 1000000000, &c->rate);
	case CLI_SPEED:
		return take_speed(c, arg);
	case CLI_LOOP:
		return take_number(c, "loop", arg, 0, UINT32_MAX, &c->loop);
	case CLI_FILTER:
		c->filter = arg;
		return 0;
	case CLI_TEXT:
		c->text = arg;
		return 0;
	case CLI_NBD:
		c->nbd = arg;
		return 0;
	case CLI_PLUGIN:
		c->plugin = arg;
		return 0;
	case ARGP_KEY_ARG:
		c->argv[c->argc++] = arg;
		return 0;
	case ARGP_KEY_ERROR:
		bad_option(c, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define MAX_OPTIONS 8

/* --help and the verb's own options. */
static void gather_options(const struct verb *v, struct argp_option *options)
{
	static const struct argp_option help = {
		"help", '?', NULL, 0, "show this and exit", -1
	};
	int n = 0;

	options[n++] = help;
	for (const struct argp_option *o = v->options; o && o->name && n < MAX_OPTIONS;
	     o++)
		options[n++] = *o;
	memset(&options[n], 0, sizeof(options[n]));
}

static int run_verb(struct cli *c, int argc, char **argv)
{
	const struct verb *v = c->verb;
	struct argp_option options[MAX_OPTIONS + 1];
	struct argp argp = { .options = options,
			     .parser = parse_verb,
			     .args_doc = v->args };
	char name[64], *doc = NULL;
	int err;

	gather_options(v, options);
	if (asprintf(&doc, "%s%s%s", v->summary, v->doc ? "\v" : "",
		     v->doc ? v->doc : "") < 0)
		return cli_fail(c, "out of memory");
	argp.doc = doc;
	snprintf(name, sizeof(name), "tandem %s", v->name);
	argv[0] = name;
	err = argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP,
			 NULL, c);
	if (!err && (c->argc < v->min_args || c->argc > v->max_args))
		usage_error(c, "%d argument%s given, want: %s", c->argc,
			    c->argc == 1 ? "" : "s", *v->args ? v->args : "none");
	free(doc);
	if (err || c->usage_error)
		return cli_fail(c, "%s; see %s --help",
				c->usage_error ? c->usage_error : "bad usage", name);
	return v->run(c);
}

/* ------------------------------------------------------------- the program */

static const struct verb *find_verb(const char *first, const char *second, int *words)
{
	char both[64];

	snprintf(both, sizeof(both), "%s %s", first, second ? second : "");
	for (const struct verb *const *g = verb_groups; *g; g++)
		for (const struct verb *v = *g; v->name; v++) {
			*words = strchr(v->name, ' ') ? 2 : 1;
			if (!strcmp(v->name, *words == 2 ? both : first))
				return v;
		}
	return NULL;
}

static bool is_family(const char *word)
{
	size_t len = strlen(word);

	for (const struct verb *const *g = verb_groups; *g; g++)
		for (const struct verb *v = *g; v->name; v++)
			if (!strncmp(v->name, word, len) && v->name[len] == ' ')
				return true;
	return false;
}

/* family: NULL, or "xs": only its verbs */
static void print_overview(const char *family)
{
	size_t len = family ? strlen(family) : 0;

	printf("Usage: tandem [--dir=DIR] %s [ARGUMENT...]\n"
	       "       tandem VERB --help\n\n"
	       "Domains, their virtual disks and networks, and xenstore of a "
	       "tandem-hvd.\n\n",
	       family ? family : "VERB");
	for (const struct verb *const *g = verb_groups; *g; g++)
		for (const struct verb *v = *g; v->name; v++)
			if (!family ||
			    (!strncmp(v->name, family, len) && v->name[len] == ' '))
				printf("  %-14s %s\n", v->name, v->summary);
	printf("\n"
	       "      --dir=DIR  state directory of the hypervisor (default: "
	       "TANDEM_DIR)\n"
	       "      --help     show this and exit\n"
	       "      --version  show the version and exit\n");
	exit(fflush(stdout) ? CLI_EXIT_FAILURE : 0);
}

/* Options before the verb: the index of the verb, or -1 after saying what is wrong. */
static int parse_globals(struct cli *c, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *dir = NULL;

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-?"))
			print_overview(NULL);
		if (!strcmp(argv[i], "--version") || !strcmp(argv[i], "-V")) {
			puts("tandem " TANDEM_VERSION);
			exit(fflush(stdout) ? CLI_EXIT_FAILURE : 0);
		}
		if (!strncmp(argv[i], "--dir=", 6))
			dir = argv[i] + 6;
		else if (!strcmp(argv[i], "--dir") && i + 1 < argc)
			dir = argv[++i];
		if (!dir || !*dir || setenv("TANDEM_DIR", dir, 1)) {
			cli_fail(c,
				 "%.64s: no such option, or its value is missing; see "
				 "tandem --help",
				 argv[i]);
			return -1;
		}
	}
	return i;
}

static int dispatch(struct cli *c, int argc, char **argv)
{
	int i = parse_globals(c, argc, argv), words = 1;
	const char *second;

	if (i < 0)
		return CLI_EXIT_FAILURE;
	if (i == argc)
		return cli_fail(c, "a verb is missing; see tandem --help");
	second = i + 1 < argc ? argv[i + 1] : NULL;
	c->verb = find_verb(argv[i], second, &words);
	if (!c->verb) {
		bool family = is_family(argv[i]);

		if (family && second &&
		    (!strcmp(second, "--help") || !strcmp(second, "-?")))
			print_overview(argv[i]);
		return cli_fail(c, "no verb '%.32s%s%.32s'; see tandem %s--help", argv[i],
				family && second ? " " : "",
				family && second ? second : "", family ? "xs " : "");
	}
	i += words - 1;
	if (c->verb->run_raw)
		return c->verb->run_raw(argc - i, argv + i);
	return run_verb(c, argc - i, argv + i);
}

int main(int argc, char **argv)
{
	struct cli c = { .hv = -1, .wait_ms = 10000, .delay_ms = 3000, .loop = 1 };
	int status;

	signal(SIGPIPE, SIG_IGN);
	c.argv = calloc((size_t)argc + 1, sizeof(*c.argv));
	if (!c.argv)
		return cli_fail(&c, "out of memory");
	status = dispatch(&c, argc, argv);
	if ((fflush(stdout) || ferror(stdout)) && !status)
		status = cli_fail(&c, "standard output: %s", strerror(errno));
	plat_close(c.plat);
	if (c.hv >= 0)
		close(c.hv);
	free(c.usage_error);
	free(c.argv);
	return status;
}
