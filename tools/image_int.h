/* SPDX-License-Identifier: MIT */
/* What the verbs of `tandem image` share. */
#ifndef TANDEM_TOOLS_IMAGE_INT_H
#define TANDEM_TOOLS_IMAGE_INT_H

#include <argp.h>
#include <signal.h>

#include "backends/block/zimage/overlay.h"
#include "backends/block/zimage/zimage.h"
#include "backends/block/zimage/zwriter.h"

enum image_format { IMAGE_AUTO, IMAGE_RAW, IMAGE_ZSTD };

/* Exit statuses. */
#define IMAGE_GOOD    0
#define IMAGE_DAMAGED 1
#define IMAGE_FAILED  2

struct image_verb;

/* What was asked for; one for all verbs. */
struct image_opts {
	const struct image_verb *verb;
	char *file[2];
	int nfiles;
	enum image_format format, source_format;
	uint64_t size;
	bool have_size, json, force, no_overlay, progress;
	const char *overlay; /* path; NULL: beside the image */
	int level;
	uint32_t frame_size;
	unsigned threads;
	char *bad; /* what is wrong with the command line */
};

int image_create(const struct image_opts *o);
int image_convert(const struct image_opts *o);
int image_info(const struct image_opts *o);
int image_check(const struct image_opts *o);
int image_commit(const struct image_opts *o);

/* One line to stderr, "tandem image: file: text"; returns IMAGE_FAILED. */
int image_fail(const char *file, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The signal that asks us to stop, or 0. */
extern volatile sig_atomic_t image_signal;

/* ------------------------------------------------------- sources, read only */

/* A disk to read: raw file or device, or zstd image with its overlay. */
struct source {
	const char *path;
	enum image_format format; /* AUTO: nothing but zeros */
	int fd;			  /* zstd: image.fd */
	uint64_t size;		  /* of the disk */
	struct zimage image;	  /* ZSTD */
	struct overlay *overlay;  /* or NULL */
	struct source_thread *thread;
	unsigned threads;
};

enum source_overlay { SOURCE_NO_OVERLAY, SOURCE_OVERLAY, SOURCE_OVERLAY_RW };

/* Opens for `threads` concurrent readers. 0, or IMAGE_FAILED or IMAGE_DAMAGED
 * (then nothing is open) with its line told. */
int source_open(struct source *s, const char *path, const struct image_opts *o,
		enum source_overlay how, unsigned threads);
void source_close(struct source *s);
/* zwriter's read: ctx is a struct source. */
int source_read(void *ctx, unsigned thread, uint64_t off, void *buf, size_t len);
/* A disk of nothing but zeros. */
int source_zeros(struct source *s, uint64_t size);
/* path.overlay or what --overlay says; malloc'd, NULL: no memory. */
char *image_overlay_path(const char *path, const struct image_opts *o);
/*
 * Opens the overlay of s, which has its image. Left NULL if there is none. As
 * source_open(); *busy (or NULL: then it fails) if somebody else has it.
 */
int source_open_overlay(struct source *s, const struct image_opts *o, bool rw,
			bool *busy);
/* Format by the file's first and last bytes, or as wanted. -errno */
int image_format(int fd, enum image_format want, enum image_format *format);
/* The format of a new file by its name. */
enum image_format image_format_named(const char *path, enum image_format want);

/* ------------------------------------------------------------------ outputs */

/* A file under a temporary name; it gets its own when it is complete. */
struct output {
	const char *path;
	char *temp;
	int fd;
};

/* Beside path. like: a file whose mode and owner it gets, or -1. */
int output_open(struct output *out, const char *path, bool force, int like);
/* Makes it durable under its name. 0 or IMAGE_FAILED; the temporary is gone. */
int output_commit(struct output *out, bool force);
/* Removes the temporary; after output_commit() nothing. */
void output_drop(struct output *out);

/* ----------------------------------------------------------------- progress */

struct progress {
	const char *what;
	uint64_t total;
	bool shown;
	int permille;
	uint64_t begun, last; /* ns */
};

void progress_begin(struct progress *p, const char *what, uint64_t total, bool force);
void progress_show(struct progress *p, uint64_t done);
void progress_end(struct progress *p);

/* "1.5 GiB" into buf. */
const char *image_human(uint64_t bytes, char *buf, size_t size);

#endif
