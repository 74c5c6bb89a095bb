/* SPDX-License-Identifier: MIT */
/* Captures, by libpcap. */
#include "backends/net/pcap_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NS UINT64_C(1000000000)

int pcap_in_open(struct pcap_in *in, char *err)
{
	const char *link;
	FILE *f = NULL;
	int fd;

	in->have = false;
	in->p = NULL;
	fd = fcntl(in->fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && !lseek(fd, 0, SEEK_SET))
		f = fdopen(fd, "r");
	if (!f) {
		snprintf(err, PCAP_ERRBUF_SIZE, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EINVAL;
	}
	in->p = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO,
							 err);
	if (!in->p) {
		fclose(f);
		return -EINVAL;
	}
	if (pcap_datalink(in->p) == DLT_EN10MB)
		return 0;
	link = pcap_datalink_val_to_name(pcap_datalink(in->p));
	snprintf(err, PCAP_ERRBUF_SIZE, "its packets are of kind %d (%s)",
		 pcap_datalink(in->p), link ? link : "unknown");
	pcap_in_close(in);
	return -EINVAL;
}

void pcap_in_close(struct pcap_in *in)
{
	if (in->p)
		pcap_close(in->p);
	in->p = NULL;
	in->have = false;
}

static uint64_t pcap_in_time(const struct pcap_pkthdr *h)
{
	uint64_t sec = (uint64_t)h->ts.tv_sec;

	if (sec >= INT64_MAX / NS || (uint64_t)h->ts.tv_usec >= NS)
		return 0;
	return sec * NS + (uint64_t)h->ts.tv_usec; /* nanoseconds, as asked for */
}

int pcap_in_next(struct pcap_in *in, char *err)
{
	struct pcap_pkthdr *h;
	int ret;

	if (in->have)
		return 1;
	ret = pcap_next_ex(in->p, &h, &in->data);
	if (ret == PCAP_ERROR_BREAK)
		return 0;
	if (ret != 1) {
		snprintf(err, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(in->p));
		return -EINVAL;
	}
	in->len = h->caplen;
	in->cut = h->caplen < h->len;
	in->time = pcap_in_time(h);
	in->have = true;
	return 1;
}

int pcap_in_check(struct pcap_in *in, uint64_t bytes, char *err)
{
	int ret = pcap_in_open(in, err);

	if (ret)
		return ret;
	for (uint64_t n = 0; n < bytes; n += in->len + sizeof(struct pcap_pkthdr)) {
		in->have = false;
		ret = pcap_in_next(in, err);
		if (ret <= 0)
			break;
	}
	pcap_in_close(in);
	return ret < 0 ? ret : pcap_in_open(in, err);
}
