/* SPDX-License-Identifier: MIT */
/* A recording that is written: pcap with nanoseconds. */
#ifndef TANDEM_BACKENDS_NET_PCAP_OUT_H
#define TANDEM_BACKENDS_NET_PCAP_OUT_H

#include <pcap/pcap.h>

#include "backends/net/netdrv.h"
#include "backends/net/netport.h"

struct pcap_out {
	const char *name; /* for log lines; the caller's */
	pcap_t *like;
	pcap_dumper_t *file; /* NULL: not open */
	char *buf;
	uint8_t *flat; /* a packet in one piece */
	bool dirty;    /* the file does not have all yet */
	bool failed;
	netport_count packets, bytes, lost;
};

/* *out is all zero but its name. A copy of fd is used. -errno, *out as it was */
int pcap_out_open(struct pcap_out *out, int fd);
void pcap_out_close(struct pcap_out *out);
/* Records them as of now. What cannot be written is counted, and told once. */
void pcap_out_put(struct pcap_out *out, struct netbuf *const *pkts, unsigned n);
void pcap_out_flush(struct pcap_out *out);

#endif
