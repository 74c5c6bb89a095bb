/* SPDX-License-Identifier: MIT */
/* tandem image: the verbs and their options. */
#include "tools/image.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "backends/block/blkdrv.h"
#include "backends/block/zimage/zpool.h"
#include "tools/image_int.h"

volatile sig_atomic_t image_signal;

enum {
	KEY_SIZE = 256,
	KEY_JSON,
	KEY_LEVEL,
	KEY_FRAME,
	KEY_PROGRESS,
	KEY_OVERLAY,
	KEY_NO_OVERLAY,
	KEY_SOURCE_FORMAT,
};

static const struct argp_option opt_create[] = {
	{ "size", KEY_SIZE, "N", 0,
	  "size of the disk: bytes, or with K, M, G, T (required)", 0 },
	{ "format", 'F', "FORMAT", 0, "raw or zstd; default: zstd for *.zst, else raw",
	  0 },
	{ "level", KEY_LEVEL, "N", 0, "zstd's level, default 3", 0 },
	{ "frame-size", KEY_FRAME, "N", 0, "16K to 1M, default 64K", 0 },
	{ "force", 'f', NULL, 0, "replace FILE if it exists", 0 },
	{ 0 },
};

static const struct argp_option opt_convert[] = {
	{ "format", 'F', "FORMAT", 0,
	  "of DST: raw or zstd; default: zstd for *.zst, else raw", 0 },
	{ "source-format", KEY_SOURCE_FORMAT, "FORMAT", 0,
	  "of SRC: raw or zstd; default: by its content", 0 },
	{ "level", KEY_LEVEL, "N", 0, "zstd's level, default 3", 0 },
	{ "frame-size", KEY_FRAME, "N", 0, "16K to 1M, default 64K", 0 },
	{ "jobs", 'j', "N", 0, "threads, default: one a CPU", 0 },
	{ "overlay", KEY_OVERLAY, "PATH", 0, "SRC's overlay, default SRC.overlay", 0 },
	{ "no-overlay", KEY_NO_OVERLAY, NULL, 0, "the base of SRC alone", 0 },
	{ "force", 'f', NULL, 0, "replace DST if it exists", 0 },
	{ "progress", KEY_PROGRESS, NULL, 0,
	  "show progress even if stderr is no terminal", 0 },
	{ 0 },
};

static const struct argp_option opt_info[] = {
	{ "json", KEY_JSON, NULL, 0, "as one JSON object", 0 },
	{ "overlay", KEY_OVERLAY, "PATH", 0, "default FILE.overlay", 0 },
	{ "no-overlay", KEY_NO_OVERLAY, NULL, 0, "the base alone", 0 },
	{ 0 },
};

static const struct argp_option opt_check[] = {
	{ "jobs", 'j', "N", 0, "threads, default: one a CPU", 0 },
	{ "json", KEY_JSON, NULL, 0, "as one JSON object", 0 },
	{ "overlay", KEY_OVERLAY, "PATH", 0, "default FILE.overlay", 0 },
	{ "no-overlay", KEY_NO_OVERLAY, NULL, 0, "the base alone", 0 },
	{ "progress", KEY_PROGRESS, NULL, 0,
	  "show progress even if stderr is no terminal", 0 },
	{ 0 },
};

static const struct argp_option opt_commit[] = {
	{ "level", KEY_LEVEL, "N", 0, "zstd's level, default 3", 0 },
	{ "frame-size", KEY_FRAME, "N", 0, "16K to 1M, default: as it is", 0 },
	{ "jobs", 'j', "N", 0, "threads, default: one a CPU", 0 },
	{ "overlay", KEY_OVERLAY, "PATH", 0, "default FILE.overlay", 0 },
	{ "progress", KEY_PROGRESS, NULL, 0,
	  "show progress even if stderr is no terminal", 0 },
	{ 0 },
};

struct image_verb {
	const char *name;
	int files;
	const char *args, *doc;
	const struct argp_option *options;
	int (*run)(const struct image_opts *o);
};

static const struct image_verb verbs[] = {
	{ "create", 1, "FILE --size N", "Makes an empty disk image.", opt_create,
	  image_create },
	{ "convert", 2, "SRC DST",
	  "Copies a disk into another format; holes and zeros take no room.", opt_convert,
	  image_convert },
	{ "info", 1, "FILE", "Shows what an image is.", opt_info, image_info },
	{ "check", 1, "FILE",
	  "Reads and verifies every frame and the overlay.\v"
	  "Exit status: 0 good, 1 damaged, 2 cannot tell.",
	  opt_check, image_check },
	{ "commit", 1, "FILE", "Merges the overlay into a new base, then empties it.",
	  opt_commit, image_commit },
};

int image_fail(const char *file, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "tandem image: %s: ", file);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return IMAGE_FAILED;
}

const char *image_human(uint64_t bytes, char *buf, size_t size)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double n = (double)bytes;
	unsigned i = 0;

	for (; n >= 1024 && i < 5; i++)
		n /= 1024;
	snprintf(buf, size, i && n < 100 ? "%.1f %s" : "%.0f %s", n, unit[i]);
	return buf;
}

static error_t bad(struct image_opts *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Keeps the first complaint about the command line. */
static error_t bad(struct image_opts *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!o->bad && vasprintf(&o->bad, fmt, ap) < 0)
		o->bad = NULL;
	va_end(ap);
	return EINVAL;
}

static error_t parse_format(struct image_opts *o, const char *arg, enum image_format *f)
{
	*f = strcmp(arg, "raw") ? IMAGE_ZSTD : IMAGE_RAW;
	if (*f == IMAGE_ZSTD && strcmp(arg, "zstd"))
		return bad(o, "format '%s' is unknown: raw or zstd", arg);
	return 0;
}

static error_t parse_size(struct image_opts *o, const char *arg, uint64_t least,
			  uint64_t most, uint64_t *n)
{
	if (!blkdrv_parse_size(arg, n) && *n >= least && *n <= most)
		return 0;
	return bad(o, "'%s' is no size from %llu to %llu bytes", arg,
		   (unsigned long long)least, (unsigned long long)most);
}

static error_t parse_int(struct image_opts *o, const char *arg, long least, long most,
			 long *n)
{
	char *end;

	errno = 0;
	*n = strtol(arg, &end, 10);
	if (!errno && end != arg && !*end && *n >= least && *n <= most)
		return 0;
	return bad(o, "'%s' is no number from %ld to %ld", arg, least, most);
}

static error_t parse_frame_size(struct image_opts *o, const char *arg)
{
	uint64_t n;
	error_t err = parse_size(o, arg, ZIMAGE_FRAME_LEAST, ZIMAGE_FRAME_MOST, &n);

	if (err)
		return err;
	o->frame_size = (uint32_t)n;
	return n % OVERLAY_SECTOR ? bad(o, "'%s' is no multiple of 512", arg) : 0;
}

static error_t parse_arg(struct image_opts *o, char *arg)
{
	if (o->nfiles == o->verb->files)
		return bad(o, "'%s': too many arguments: wants %s", arg, o->verb->args);
	o->file[o->nfiles++] = arg;
	return 0;
}

static error_t parse_end(struct image_opts *o)
{
	if (o->nfiles < o->verb->files)
		return bad(o, "wants %s", o->verb->args);
	if (o->verb->run == image_create && !o->have_size)
		return bad(o, "--size is missing");
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct image_opts *o = state->input;
	error_t err = 0;
	long n = 0;

	switch (key) {
	case KEY_SIZE:
		o->have_size = true;
		return parse_size(o, arg, 1, INT64_MAX, &o->size);
	case 'F':
		return parse_format(o, arg, &o->format);
	case KEY_SOURCE_FORMAT:
		return parse_format(o, arg, &o->source_format);
	case KEY_LEVEL:
		err = parse_int(o, arg, ZSTD_minCLevel(), ZSTD_maxCLevel(), &n);
		o->level = (int)n;
		return err;
	case KEY_FRAME:
		return parse_frame_size(o, arg);
	case 'j':
		err = parse_int(o, arg, 1, ZWRITER_THREADS_MAX, &n);
		o->threads = (unsigned)n;
		return err;
	case 'f':
		o->force = true;
		break;
	case KEY_JSON:
		o->json = true;
		break;
	case KEY_PROGRESS:
		o->progress = true;
		break;
	case KEY_OVERLAY:
		o->overlay = arg;
		break;
	case KEY_NO_OVERLAY:
		o->no_overlay = true;
		break;
	case ARGP_KEY_ARG:
		return parse_arg(o, arg);
	case ARGP_KEY_END:
		return parse_end(o);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void on_signal(int sig)
{
	image_signal = sig;
}

/* Runs the verb with signals noted, so that it can clean up; then obeys them. */
static int run_verb(const struct image_opts *o)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction act = { .sa_handler = on_signal }, old[3];
	unsigned i;
	int status;

	image_signal = 0;
	sigemptyset(&act.sa_mask);
	for (i = 0; i < 3; i++) {
		sigaction(sigs[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN)
			sigaction(sigs[i], &act, NULL);
	}
	status = o->verb->run(o);
	for (i = 0; i < 3; i++)
		sigaction(sigs[i], &old[i], NULL);
	return image_signal ? 128 + image_signal : status;
}

static void usage(FILE *to)
{
	unsigned i;

	fprintf(to, "Usage: tandem image VERB ...\n\n");
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(to, "  %-8s %-16s %.*s\n", verbs[i].name, verbs[i].args,
			(int)strcspn(verbs[i].doc, "\v"), verbs[i].doc);
	fprintf(to, "\n`tandem image VERB --help' lists a verb's options.\n");
}

/* What argp_help() is to print, 0: no help is wanted. */
static unsigned wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-?"))
			return ARGP_HELP_LONG | ARGP_HELP_DOC | ARGP_HELP_USAGE;
		if (!strcmp(argv[i], "--usage"))
			return ARGP_HELP_USAGE;
	}
	return 0;
}

/* The options of one verb; then runs it. argv[0] is the verb. */
static int verb_main(const struct image_verb *v, int argc, char **argv)
{
	struct image_opts o = { .verb = v,
				.level = ZSTD_CLEVEL_DEFAULT,
				.threads = zpool_default_threads() };
	struct argp argp = { v->options, parse, v->args, v->doc, NULL, NULL, NULL };
	unsigned help = wants_help(argc, argv);
	int at = 0, status = IMAGE_FAILED;
	char name[64];

	snprintf(name, sizeof(name), "tandem image %s", v->name);
	if (help) {
		argp_help(&argp, stdout, help, name);
		return fflush(stdout) ? IMAGE_FAILED : IMAGE_GOOD;
	}
	if (!argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, &at, &o))
		status = run_verb(&o);
	else if (o.bad)
		image_fail(v->name, "%s", o.bad);
	else
		image_fail(v->name, "%s: no such option, or its value is missing",
			   argv[at > 1 && at <= argc ? at - 1 : argc - 1]);
	free(o.bad);
	return status;
}

int image_main(int argc, char **argv)
{
	unsigned i;

	if (argc < 2) {
		usage(stderr);
		return IMAGE_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return fflush(stdout) ? IMAGE_FAILED : IMAGE_GOOD;
	}
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, argv[1]))
			return verb_main(&verbs[i], argc - 1, argv + 1);
	return image_fail(argv[1],
			  "no such verb: create, convert, info, check or commit");
}
