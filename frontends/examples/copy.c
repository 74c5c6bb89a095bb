/* SPDX-License-Identifier: MIT */
/*
 * Copies one disk to another with many requests in flight: the asynchronous
 * calls, batched. A buffer is one disk's granted memory; the other disk copies
 * from it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tandem.h>

#define CHUNK (256u << 10)
#define DEPTH 16

struct copier {
	struct tandem_disk *from, *to;
	struct tandem_queue *in, *out;
	struct tandem_io io[DEPTH];
	uint64_t next, size;
	unsigned busy;
};

static struct tandem_disk *open_or_exit(const char *name, bool readonly)
{
	const struct tandem_opts opts = { .readonly = readonly };
	struct tandem_disk *disk;
	char *why;

	if (tandem_open(name, &opts, &disk, &why)) {
		fprintf(stderr, "copy: %s\n", why);
		exit(2);
	}
	return disk;
}

/* Starts to read the next piece with io; false at the end. */
static int read_next(struct copier *c, struct tandem_io *io)
{
	if (c->next == c->size)
		return 0;
	io->op = TANDEM_READ;
	io->offset = c->next;
	io->len = c->size - c->next < CHUNK ? c->size - c->next : CHUNK;
	c->next += io->len;
	c->busy++;
	return tandem_submit(c->in, io);
}

/* What was read is written, what was written makes room for more. */
static int step(struct copier *c, struct tandem_io *io)
{
	if (io->result)
		return io->result;
	if (io->op == TANDEM_READ) {
		io->op = TANDEM_WRITE;
		return tandem_submit(c->out, io);
	}
	c->busy--;
	return read_next(c, io);
}

/* Sleeps until one of the two disks has something. */
static void wait_both(struct copier *c)
{
	struct pollfd fds[] = {
		{ .fd = tandem_queue_fd(c->in), .events = POLLIN },
		{ .fd = tandem_queue_fd(c->out), .events = POLLIN },
	};

	if (!tandem_queue_arm(c->in) && !tandem_queue_arm(c->out))
		poll(fds, 2, -1);
}

static int copy(struct copier *c)
{
	struct tandem_io *done[2 * DEPTH];
	int err = 0;

	for (unsigned i = 0; i < DEPTH && !err; i++) {
		c->io[i].buf = tandem_alloc(c->from, CHUNK);
		err = c->io[i].buf ? read_next(c, &c->io[i]) : -ENOMEM;
	}
	while (c->busy && !err) {
		int n = tandem_poll(c->in, done, DEPTH);

		n += tandem_poll(c->out, done + n, DEPTH);
		for (int i = 0; i < n && !err; i++)
			err = step(c, done[i]);
		tandem_kick(c->in);
		tandem_kick(c->out);
		if (!n && !err)
			wait_both(c);
	}
	return err;
}

int main(int argc, char **argv)
{
	struct copier c = { 0 };
	struct tandem_info from, to;
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: %s FROM TO (each DOMAIN/VDEV)\n", argv[0]);
		return 2;
	}
	c.from = open_or_exit(argv[1], true);
	c.to = open_or_exit(argv[2], false);
	tandem_get_info(c.from, &from);
	tandem_get_info(c.to, &to);
	if (to.size < from.size) {
		fprintf(stderr, "copy: %s is smaller than %s\n", argv[2], argv[1]);
		return 2;
	}
	c.in = tandem_queue(c.from, 0);
	c.out = tandem_queue(c.to, 0);
	c.size = from.size;
	err = copy(&c);
	if (!err && to.flush)
		err = tandem_flush(c.to);
	if (err)
		fprintf(stderr, "copy: %s\n", strerror(-err));
	tandem_close(c.to);
	tandem_close(c.from);
	return err ? 1 : 0;
}
