/* SPDX-License-Identifier: MIT */
/* A capture that is read: pcap or pcapng, Ethernet only. */
#ifndef TANDEM_BACKENDS_NET_PCAP_IN_H
#define TANDEM_BACKENDS_NET_PCAP_IN_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

struct pcap_in {
	int fd;	       /* stays the caller's */
	pcap_t *p;     /* NULL: closed, or at its end */
	bool have;     /* data is the next packet, until it is taken */
	uint32_t len;  /* what was captured of it */
	uint64_t time; /* ns; of no use where it is absurd, but never more than INT64_MAX
			*/
	bool cut;      /* it was longer than what was captured */
	const uint8_t *data;
};

/* From the file's start. -EINVAL, -ENOMEM, with err filled (PCAP_ERRBUF_SIZE). */
int pcap_in_open(struct pcap_in *in, char *err);
void pcap_in_close(struct pcap_in *in);
/* Reads the next packet, unless there is one. 1; 0: the end; -EINVAL: what is
 * there is no packet (err as above), nothing can be read behind it. */
int pcap_in_next(struct pcap_in *in, char *err);
/* Reads so many bytes of packets ahead, and opens again. As pcap_in_open. */
int pcap_in_check(struct pcap_in *in, uint64_t bytes, char *err);

#endif
