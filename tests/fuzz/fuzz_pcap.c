/* SPDX-License-Identifier: MIT */
/* A hostile capture: opened as a port, and replayed. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/net/netdrv.h"
#include "hv/base/log.h"
#include "tests/fuzz/fuzz_worker.h"

#define MOST 2000u /* packets and looks: few bytes can be read again and again */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ready(struct netdrv_client *c)
{
	(void)c;
}

static void replay(struct netdrv *dev, struct worker *w, size_t room)
{
	struct netdrv_client client = { .ready = ready };
	struct netdrv_queue *q;
	uint8_t *mem = malloc(room); /* the exact size: ASan sees each byte beyond */
	struct netbuf b = { .iovcnt = 2,
			    .iov = { { mem, NETBUF_HDR },
				     { mem + NETBUF_HDR, room - NETBUF_HDR } } };
	int ret;

	if (dev->ops->queue_start(dev, 0, w, &client, &q))
		abort();
	for (unsigned i = 0; i < MOST; i++) {
		b.len = 0;
		ret = dev->ops->recv(q, &b);
		if (ret == 1 &&
		    (b.len < 14 || b.len > room || b.meta.csum_blank || b.meta.gso_type))
			abort();
		if (ret)
			continue;
		/* none now: at its end, or later */
		(void)dev->ops->arm(q, true);
		fuzz_worker_round();
		if (i > MOST / 2)
			break;
	}
	dev->ops->queue_stop(q);
	free(mem);
}

static void one(const uint8_t *data, size_t size, const char *options)
{
	struct netdrv_params p = { .driver = "pcap",
				   .target = "fuzz",
				   .options = options };
	const struct netdrv_ops *ops = netdrv_find(p.driver);
	struct worker *w = fuzz_worker();
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct netdrv *dev;
	char *why = NULL;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	p.fds[p.nfds++] = fd;
	if (ops->open(&p, &dev, &why)) {
		if (!why)
			abort();
		free(why);
		close(fd);
		return;
	}
	replay(dev, w, 65536);
	replay(dev, w, 200);
	ops->close(dev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_level(LOG_ERROR);
	one(data, size, "rate=0,loop=3");
	one(data, size, "loop=0");
	return 0;
}
