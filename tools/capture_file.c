/* SPDX-License-Identifier: MIT */
/* Capture files, by libpcap. Timestamps have nanoseconds. */
#include "tools/capture_file.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct capture_file {
	struct capture_options o;
	pcap_t *pcap;
	struct bpf_program filter;
	pcap_dumper_t *out;
	unsigned number; /* of the file */
	int64_t opened;	 /* seconds, monotonic */
};

__attribute__((format(printf, 3, 4))) static int fail(char **why, int err,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(why, fmt, ap) < 0)
		*why = NULL;
	va_end(ap);
	return err;
}

int capture_file_new(const struct capture_options *o, struct capture_file **file,
		     char **why)
{
	struct capture_file *f = calloc(1, sizeof(*f));

	*why = NULL;
	if (!f)
		return -ENOMEM;
	f->o = *o;
	f->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, (int)o->snaplen,
						       PCAP_TSTAMP_PRECISION_NANO);
	if (!f->pcap) {
		free(f);
		return -ENOMEM;
	}
	if (o->filter &&
	    pcap_compile(f->pcap, &f->filter, o->filter, 1, PCAP_NETMASK_UNKNOWN)) {
		int err =
			fail(why, -EINVAL,
			     "filter '%.200s': %s; such as 'udp port 53' would be right",
			     o->filter, pcap_geterr(f->pcap));

		pcap_close(f->pcap);
		free(f);
		return err;
	}
	*file = f;
	return 0;
}

static int64_t now_seconds(void)
{
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

int capture_file_start(struct capture_file *f, char **why)
{
	char *path;
	int n = f->number ? asprintf(&path, "%s%u", f->o.path, f->number)
			  : asprintf(&path, "%s", f->o.path);

	*why = NULL;
	if (n < 0)
		return -ENOMEM;
	if (f->out)
		pcap_dump_close(f->out);
	f->out = pcap_dump_open(f->pcap, path);
	free(path);
	if (!f->out) /* it names the file */
		return fail(why, -EIO, "%s", pcap_geterr(f->pcap));
	f->number++;
	f->opened = now_seconds();
	return 0;
}

static bool full(const struct capture_file *f)
{
	if (f->o.rotate_size && (uint64_t)pcap_dump_ftell64(f->out) >= f->o.rotate_size)
		return true;
	return f->o.rotate_seconds &&
	       now_seconds() - f->opened >= (int64_t)f->o.rotate_seconds;
}

int capture_file_add(struct capture_file *f, const struct capring_record *rec,
		     const void *bytes, char **why)
{
	struct pcap_pkthdr h = {
		.ts = { .tv_sec = (time_t)(rec->ns / 1000000000u),
			.tv_usec = (suseconds_t)(rec->ns % 1000000000u) }, /* ns */
		.caplen = rec->caplen,
		.len = rec->len,
	};

	*why = NULL;
	if (f->o.filter && !pcap_offline_filter(&f->filter, &h, bytes))
		return 0;
	if (full(f)) {
		int err = capture_file_flush(f, why);

		if (!err)
			err = capture_file_start(f, why);
		if (err)
			return err;
	}
	pcap_dump((u_char *)f->out, &h, bytes);
	if (ferror(pcap_dump_file(f->out)))
		return fail(why, -EIO, "%s: cannot write: %s", f->o.path,
			    strerror(errno));
	return 1;
}

int capture_file_flush(struct capture_file *f, char **why)
{
	*why = NULL;
	if (!pcap_dump_flush(f->out))
		return 0;
	return fail(why, -EIO, "%s: cannot write: %s", f->o.path, strerror(errno));
}

void capture_file_free(struct capture_file *f)
{
	if (!f)
		return;
	if (f->out)
		pcap_dump_close(f->out);
	if (f->o.filter)
		pcap_freecode(&f->filter);
	pcap_close(f->pcap);
	free(f);
}
