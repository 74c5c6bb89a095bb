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

static enum image_format parse_format(const char *arg, struct argp_state *state)
{
	if (!strcmp(arg, "raw"))
		return IMAGE_RAW;
	if (!strcmp(arg, "zstd"))
		return IMAGE_ZSTD;
	argp_error(state, "format '%s' is unknown: raw or zstd", arg);
	return IMAGE_AUTO;
}

static uint64_t parse_size(const char *arg, const char *what, uint64_t least,
			   uint64_t most, struct argp_state *state)
{
	uint64_t n = 0;
	int err = blkdrv_parse_size(arg, &n);

	if (err || n < least || n > most)
		argp_error(state, "%s '%s' is no size from %llu to %llu bytes", what, arg,
			   (unsigned long long)least, (unsigned long long)most);
	return n;
}

static long parse_int(const char *arg, const char *what, long least, long most,
		      struct argp_state *state)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(arg, &end, 10);
	if (errno || end == arg || *end || n < least || n > most)
		argp_error(state, "%s '%s' is no number from %ld to %ld", what, arg,
			   least, most);
	return n;
}

static error_t parse_arg(struct image_opts *o, char *arg, struct argp_state *state)
{
	if (o->nfiles == o->verb->files)
		argp_error(state, "too many arguments: '%s'", arg);
	else
		o->file[o->nfiles++] = arg;
	return 0;
}

static void parse_end(struct image_opts *o, struct argp_state *state)
{
	if (o->nfiles < o->verb->files)
		argp_error(state, "wants %s", o->verb->args);
	if (o->verb->run == image_create && !o->have_size)
		argp_error(state, "--size is missing");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct image_opts *o = state->input;

	switch (key) {
	case KEY_SIZE:
		o->size = parse_size(arg, "--size", 1, INT64_MAX, state);
		o->have_size = true;
		break;
	case 'F':
		o->format = parse_format(arg, state);
		break;
	case KEY_SOURCE_FORMAT:
		o->source_format = parse_format(arg, state);
		break;
	case KEY_LEVEL:
		o->level = (int)parse_int(arg, "--level", ZSTD_minCLevel(),
					  ZSTD_maxCLevel(), state);
		break;
	case KEY_FRAME:
		o->frame_size =
			(uint32_t)parse_size(arg, "--frame-size", ZIMAGE_FRAME_LEAST,
					     ZIMAGE_FRAME_MOST, state);
		if (o->frame_size % OVERLAY_SECTOR)
			argp_error(state, "--frame-size '%s' is no multiple of 512", arg);
		break;
	case 'j':
		o->threads =
			(unsigned)parse_int(arg, "--jobs", 1, ZWRITER_THREADS_MAX, state);
		break;
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
		return parse_arg(o, arg, state);
	case ARGP_KEY_END:
		parse_end(o, state);
		break;
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

static int usage(FILE *to)
{
	unsigned i;

	fprintf(to, "Usage: tandem image VERB ...\n\n");
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(to, "  %-8s %-16s %.*s\n", verbs[i].name, verbs[i].args,
			(int)strcspn(verbs[i].doc, "\v"), verbs[i].doc);
	fprintf(to, "\n`tandem image VERB --help' lists a verb's options.\n");
	return to == stdout ? IMAGE_GOOD : IMAGE_FAILED;
}

int image_main(int argc, char **argv)
{
	struct image_opts o = { .level = ZSTD_CLEVEL_DEFAULT,
				.threads = zpool_default_threads() };
	const struct image_verb *v = verbs;
	char name[64];

	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return usage(stdout);
	while (v < verbs + sizeof(verbs) / sizeof(verbs[0]) && strcmp(v->name, argv[1]))
		v++;
	if (v == verbs + sizeof(verbs) / sizeof(verbs[0]))
		return image_fail(argv[1],
				  "no such verb: create, convert, info, check or "
				  "commit");
	struct argp argp = { v->options, parse, v->args, v->doc, NULL, NULL, NULL };

	snprintf(name, sizeof(name), "tandem image %s", v->name);
	argv[1] = name;
	argp_err_exit_status = IMAGE_FAILED;
	o.verb = v;
	if (argp_parse(&argp, argc - 1, argv + 1, 0, NULL, &o))
		return IMAGE_FAILED;
	return run_verb(&o);
}
