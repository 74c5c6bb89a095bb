/* SPDX-License-Identifier: MIT */
/*
 * Random 4 KiB reads with a fixed number in flight: how many a second, and how
 * long one takes. The data path's shape for programs that care for speed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tandem.h>
#include <time.h>

#define BLOCK	  4096u
#define MAX_DEPTH 512

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t next_offset(uint64_t *seed, uint64_t blocks)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (*seed >> 33) % blocks * BLOCK;
}

static double run(struct tandem_queue *q, struct tandem_io *ios, unsigned depth,
		  uint64_t blocks, double seconds)
{
	struct tandem_io *done[MAX_DEPTH];
	uint64_t seed = 1, count = 0;
	double start = now(), end = start + seconds;
	unsigned rounds = 0;

	for (unsigned i = 0; i < depth; i++)
		tandem_submit(q, &ios[i]);
	for (;;) {
		int n = tandem_wait(q, done, 1, depth, -1);

		count += (unsigned)n;
		if (!(++rounds & 63) && now() > end)
			break;
		for (int i = 0; i < n; i++) {
			done[i]->offset = next_offset(&seed, blocks);
			tandem_submit(q, done[i]);
		}
	}
	end = now();
	while (tandem_inflight(q))
		tandem_wait(q, done, 1, depth, -1);
	return (double)count / (end - start);
}

int main(int argc, char **argv)
{
	unsigned depth = argc > 2 ? (unsigned)atoi(argv[2]) : 32;
	double seconds = argc > 3 ? atof(argv[3]) : 1.0, iops;
	struct tandem_opts opts = { .depth = depth };
	struct tandem_io ios[MAX_DEPTH];
	struct tandem_info info;
	struct tandem_disk *disk;
	char *why;

	if (argc < 2 || !depth || depth > MAX_DEPTH) {
		fprintf(stderr, "usage: %s DOMAIN/VDEV [DEPTH [SECONDS]]\n", argv[0]);
		return 2;
	}
	if (tandem_open(argv[1], &opts, &disk, &why)) {
		fprintf(stderr, "bench: %s\n", why);
		return 2;
	}
	tandem_get_info(disk, &info);
	for (unsigned i = 0; i < depth; i++)
		ios[i] = (struct tandem_io){ .op = TANDEM_READ,
					     .len = BLOCK,
					     .buf = tandem_alloc(disk, BLOCK) };
	iops = run(tandem_queue(disk, 0), ios, depth, info.size / BLOCK, seconds);
	printf("%.0f reads/s, %.2f us each, %u in flight\n", iops, depth / iops * 1e6,
	       depth);
	tandem_close(disk);
	return 0;
}
