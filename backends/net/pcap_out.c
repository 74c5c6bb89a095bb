/* SPDX-License-Identifier: MIT */
/* Recordings, by libpcap. */
#include "backends/net/pcap_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/log.h"

#define OUT_SNAPLEN 262144
#define OUT_BUF	    (256u << 10)

int pcap_out_open(struct pcap_out *out, int fd)
{
	FILE *f = NULL;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int err = -errno;

	if (copy < 0)
		return err;
	err = -ENOMEM;
	out->flat = malloc(NETPORT_MAX + NETBUF_TAG);
	out->buf = malloc(OUT_BUF);
	out->like = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, OUT_SNAPLEN,
							 PCAP_TSTAMP_PRECISION_NANO);
	if (out->flat && out->buf && out->like)
		f = fdopen(copy, "w");
	if (!f) {
		close(copy);
		goto undo;
	}
	setvbuf(f, out->buf, _IOFBF, OUT_BUF);
	/* cannot fail: the kind of link has a number, the header fits the buffer */
	out->file = pcap_dump_fopen(out->like, f);
	if (out->file) {
		out->dirty = true;
		return 0;
	}
	err = -EIO;
undo:
	if (out->like)
		pcap_close(out->like);
	free(out->buf);
	free(out->flat);
	*out = (struct pcap_out){ .name = out->name };
	return err;
}

void pcap_out_close(struct pcap_out *out)
{
	if (!out->file)
		return;
	pcap_out_flush(out);
	pcap_dump_close(out->file);
	pcap_close(out->like);
	free(out->buf);
	free(out->flat);
}

/* The stream keeps an error for ever, and libpcap writes nothing behind one. */
static void pcap_out_check(struct pcap_out *out, int err)
{
	if (out->failed || !ferror(pcap_dump_file(out->file)))
		return;
	out->failed = true;
	log_err("%s: %s; nothing more is recorded", out->name, strerror(err));
}

void pcap_out_flush(struct pcap_out *out)
{
	if (!out->dirty || out->failed)
		return;
	out->dirty = false;
	errno = EIO;
	(void)pcap_dump_flush(out->file); /* the stream says it */
	pcap_out_check(out, errno);
}

static bool pcap_out_one(struct pcap_out *out, const struct netbuf *b,
			 const struct timespec *now)
{
	struct pcap_pkthdr h = { .ts = { now->tv_sec, now->tv_nsec },
				 .caplen = b->len,
				 .len = b->len };
	const uint8_t *data = b->iov[0].iov_base;

	if (out->failed)
		return false;
	if (b->iov[0].iov_len < b->len) {
		netbuf_copy(b, 0, out->flat, b->len);
		data = out->flat;
	}
	errno = EIO;
	pcap_dump((u_char *)out->file, &h, data);
	pcap_out_check(out, errno);
	return !out->failed;
}

void pcap_out_put(struct pcap_out *out, struct netbuf *const *pkts, unsigned n)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (unsigned i = 0; i < n; i++) {
		if (!pcap_out_one(out, pkts[i], &now)) {
			netport_add(&out->lost, 1);
			continue;
		}
		netport_add(&out->packets, 1);
		netport_add(&out->bytes, pkts[i]->len);
		out->dirty = true;
	}
}
