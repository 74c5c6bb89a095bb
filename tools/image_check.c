/* SPDX-License-Identifier: MIT */
/* tandem image info and check: everything that looks at an image. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/image_int.h"

/* More damaged frames than this are only counted. */
#define TOLD_MAX 64

static int json_out(json_t *root)
{
	int err = json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	putchar('\n');
	json_decref(root);
	return err || fflush(stdout) ? image_fail("stdout", "cannot write") : IMAGE_GOOD;
}

static json_t *json_size(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* --------------------------------------------------------------------- info */

static json_t *info_overlay(const struct source *s, const struct image_opts *o, bool busy)
{
	cleanup_free char *path = image_overlay_path(s->path, o);
	struct overlay_stat st = { 0 };
	struct stat file;
	json_t *j = json_object();

	json_object_set_new(j, "file", json_string(path ? path : ""));
	json_object_set_new(j, "in_use", json_boolean(busy));
	if (busy)
		return j;
	overlay_stats(s->overlay, &st);
	json_object_set_new(j, "written",
			    json_size((st.settled + st.pending) * OVERLAY_SECTOR));
	json_object_set_new(j, "unflushed", json_size(st.pending * OVERLAY_SECTOR));
	if (fstat(overlay_fd(s->overlay), &file) == 0)
		json_object_set_new(j, "allocated",
				    json_size((uint64_t)file.st_blocks * 512));
	return j;
}

static json_t *info_json(const struct source *s, const struct image_opts *o, bool busy)
{
	const struct seektable *t = &s->image.table;
	bool zstd = s->format == IMAGE_ZSTD;
	json_t *j = json_object();
	struct stat st;

	json_object_set_new(j, "file", json_string(s->path));
	json_object_set_new(j, "format", json_string(zstd ? "zstd" : "raw"));
	json_object_set_new(j, "size", json_size(s->size));
	if (fstat(zstd ? s->image.fd : s->fd, &st) == 0) {
		json_object_set_new(j, "file_size", json_size((uint64_t)st.st_size));
		json_object_set_new(j, "allocated",
				    json_size((uint64_t)st.st_blocks * 512));
	}
	if (!zstd)
		return j;
	json_object_set_new(j, "frames", json_size(t->live));
	json_object_set_new(j, "frame_size", json_size(t->max_frame));
	json_object_set_new(j, "frame_size_varies", json_boolean(!t->uniform && t->live));
	json_object_set_new(j, "checksums", json_boolean(seektable_has_sums(t)));
	json_object_set_new(j, "compressed", json_size(t->data_len));
	if (s->overlay || busy)
		json_object_set_new(j, "overlay", info_overlay(s, o, busy));
	return j;
}

static uint64_t field(const json_t *j, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(j, key));
}

static void info_text(const json_t *j)
{
	const json_t *ov = json_object_get(j, "overlay");
	char a[32], b[32];

	printf("file:     %s\n", json_string_value(json_object_get(j, "file")));
	printf("format:   %s\n", json_string_value(json_object_get(j, "format")));
	printf("size:     %s (%" PRIu64 " bytes)\n",
	       image_human(field(j, "size"), a, sizeof(a)), field(j, "size"));
	printf("on disk:  %s of %s\n", image_human(field(j, "allocated"), a, sizeof(a)),
	       image_human(field(j, "file_size"), b, sizeof(b)));
	if (json_object_get(j, "frames"))
		printf("frames:   %" PRIu64 " of %s%s, %s checksums, ratio %.2f\n",
		       field(j, "frames"),
		       json_is_true(json_object_get(j, "frame_size_varies")) ? "up to "
									     : "",
		       image_human(field(j, "frame_size"), a, sizeof(a)),
		       json_is_true(json_object_get(j, "checksums")) ? "with" : "without",
		       (double)field(j, "size") / (double)(field(j, "compressed") + 1));
	if (!ov)
		return;
	printf("overlay:  %s", json_string_value(json_object_get(ov, "file")));
	if (json_is_true(json_object_get(ov, "in_use")))
		printf(", in use\n");
	else
		printf(", %s written, %s of it unflushed\n",
		       image_human(field(ov, "written"), a, sizeof(a)),
		       image_human(field(ov, "unflushed"), b, sizeof(b)));
}

int image_info(const struct image_opts *o)
{
	struct source s;
	bool busy = false;
	json_t *j;
	int status = source_open(&s, o->file[0], o, SOURCE_NO_OVERLAY, 1);

	if (status)
		return IMAGE_FAILED;
	if (s.format == IMAGE_ZSTD && !o->no_overlay)
		status = source_open_overlay(&s, o, false, &busy);
	if (status) {
		status = IMAGE_FAILED;
		goto out;
	}
	j = info_json(&s, o, busy);
	if (o->json) {
		status = json_out(j);
	} else {
		info_text(j);
		json_decref(j);
	}
out:
	source_close(&s);
	return status;
}

/* -------------------------------------------------------------------- check */

struct damage {
	uint32_t frame;
	int err;
};

struct check {
	struct source *src;
	atomic_uint next; /* frame */
	atomic_uint done;
	pthread_mutex_t lock;
	uint32_t damaged, unread; /* unread: I/O errors, which tell nothing */
	struct damage damage[TOLD_MAX];
	unsigned told;
	struct progress progress;
};

static void check_failed(struct check *c, uint32_t frame, int err)
{
	pthread_mutex_lock(&c->lock);
	if (err == -EBADMSG || err == -EILSEQ || err == -ENODATA)
		c->damaged++;
	else
		c->unread++;
	if (c->told < TOLD_MAX)
		c->damage[c->told++] = (struct damage){ frame, err };
	pthread_mutex_unlock(&c->lock);
}

static void *check_thread(void *arg)
{
	struct check *c = arg;
	const struct zimage *z = &c->src->image;
	struct zdec *dec = zdec_new();
	uint8_t *buf = malloc(z->table.max_frame + 1);
	uint32_t i;

	while (!image_signal && (i = atomic_fetch_add(&c->next, 1)) < z->table.live) {
		int err = dec && buf ? zdec_frame(dec, z, i, buf) : -ENOMEM;

		if (err)
			check_failed(c, i, err);
		atomic_fetch_add(&c->done, 1);
		if (c->progress.shown) {
			pthread_mutex_lock(&c->lock);
			progress_show(&c->progress, (uint64_t)atomic_load(&c->done) *
							    z->table.max_frame);
			pthread_mutex_unlock(&c->lock);
		}
	}
	free(buf);
	zdec_free(dec);
	return NULL;
}

static void check_frames(struct check *c, const struct image_opts *o)
{
	const struct seektable *t = &c->src->image.table;
	pthread_t thread[ZWRITER_THREADS_MAX];
	unsigned n = 0;

	pthread_mutex_init(&c->lock, NULL);
	progress_begin(&c->progress, "check", (uint64_t)t->live * t->max_frame,
		       o->progress);
	while (n + 1 < o->threads && !pthread_create(&thread[n], NULL, check_thread, c))
		n++;
	check_thread(c);
	while (n)
		pthread_join(thread[--n], NULL);
	progress_end(&c->progress);
	pthread_mutex_destroy(&c->lock);
}

static int damage_cmp(const void *a, const void *b)
{
	const struct damage *x = a, *y = b;

	return (x->frame > y->frame) - (x->frame < y->frame);
}

static void check_tell(const struct check *c)
{
	unsigned i;

	for (i = 0; i < c->told; i++) {
		struct seekframe f =
			seektable_frame(&c->src->image.table, c->damage[i].frame);

		image_fail(c->src->path,
			   "frame %u (bytes %" PRIu64 "-%" PRIu64
			   " of the disk, at %" PRIu64 " of the file): %s",
			   c->damage[i].frame, f.off, f.off + f.len - 1, f.file_off,
			   zdec_strerror(c->damage[i].err));
	}
	if (c->damaged + c->unread > c->told)
		image_fail(c->src->path, "and %u frames more",
			   c->damaged + c->unread - c->told);
}

static json_t *check_json(const struct check *c, int status, const char *overlay)
{
	static const char *const words[] = { "good", "damaged", "unknown" };
	json_t *list = json_array(), *j = json_object();
	unsigned i;

	for (i = 0; i < c->told; i++) {
		struct seekframe f =
			seektable_frame(&c->src->image.table, c->damage[i].frame);

		json_array_append_new(list,
				      json_pack("{s:I,s:I,s:I,s:I,s:s}", "frame",
						(json_int_t)c->damage[i].frame, "offset",
						(json_int_t)f.off, "length",
						(json_int_t)f.len, "file_offset",
						(json_int_t)f.file_off, "error",
						zdec_strerror(c->damage[i].err)));
	}
	json_object_set_new(j, "file", json_string(c->src->path));
	json_object_set_new(j, "status", json_string(words[status]));
	json_object_set_new(j, "frames", json_size(c->src->image.table.live));
	json_object_set_new(j, "damaged_frames", json_size(c->damaged));
	json_object_set_new(j, "unread_frames", json_size(c->unread));
	json_object_set_new(j, "checksums",
			    json_boolean(seektable_has_sums(&c->src->image.table)));
	json_object_set_new(j, "damage", list);
	json_object_set_new(j, "overlay", json_string(overlay));
	return j;
}

/* The worse of two: damage is certain, not knowing is not. */
static int worse(int a, int b)
{
	if (a == IMAGE_DAMAGED || b == IMAGE_DAMAGED)
		return IMAGE_DAMAGED;
	return a ? a : b;
}

static int check_source(struct source *s, const struct image_opts *o)
{
	struct check c = { .src = s };
	int overlay, status = IMAGE_GOOD;

	check_frames(&c, o);
	if (image_signal)
		return IMAGE_FAILED;
	qsort(c.damage, c.told, sizeof(c.damage[0]), damage_cmp);
	check_tell(&c);
	if (c.damaged)
		status = IMAGE_DAMAGED;
	else if (c.unread)
		status = IMAGE_FAILED;
	overlay = o->no_overlay ? 0 : source_open_overlay(s, o, false, NULL);
	status = worse(status, overlay);
	if (o->json) {
		int err = json_out(check_json(&c, status,
					      overlay == IMAGE_DAMAGED ? "damaged"
					      : overlay		       ? "unknown"
					      : s->overlay	       ? "good"
								       : "none"));

		return status ? status : err;
	}
	if (!status)
		printf("%s: good: %u frames%s%s\n", s->path, s->image.table.live,
		       seektable_has_sums(&s->image.table) ? "" : " (without checksums)",
		       s->overlay ? " and overlay" : "");
	return status;
}

int image_check(const struct image_opts *o)
{
	struct source s;
	int status = source_open(&s, o->file[0], o, SOURCE_NO_OVERLAY, 1);

	if (status)
		return status;
	if (s.format == IMAGE_ZSTD)
		status = check_source(&s, o);
	else
		status = image_fail(s.path, "raw: nothing to check it against");
	source_close(&s);
	return status;
}
