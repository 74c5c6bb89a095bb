/* SPDX-License-Identifier: MIT */
/* The list of network drivers, and what drivers share about packets. */
#include "backends/net/netdrv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/net/drivers.h"

/* One const table a driver, by name; one a line. */
/* clang-format off */
static const struct netdrv_ops *const drivers[] = {
	&netdrv_fault,
	&drv_gen,
	&drv_packet,
	&drv_pcap,
	&drv_sink,
	&drv_switch,
	&drv_tap,
	&drv_xdp,
	NULL,
};
/* clang-format on */

const struct netdrv_ops *netdrv_nth(unsigned i)
{
	return i < sizeof(drivers) / sizeof(drivers[0]) ? drivers[i] : NULL;
}

const struct netdrv_ops *netdrv_find(const char *name)
{
	for (unsigned i = 0; drivers[i]; i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

char *netdrv_why(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

void netbuf_fill(struct netbuf *b, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (unsigned i = 0; len; i++) {
		size_t n = len < b->iov[i].iov_len ? len : b->iov[i].iov_len;

		memcpy(b->iov[i].iov_base, p, n);
		p += n;
		len -= n;
	}
}

void netbuf_copy(const struct netbuf *b, size_t from, void *data, size_t len)
{
	uint8_t *p = data;

	for (unsigned i = 0; len; i++) {
		size_t n = b->iov[i].iov_len;

		if (from >= n) {
			from -= n;
			continue;
		}
		n = n - from < len ? n - from : len;
		memcpy(p, (const uint8_t *)b->iov[i].iov_base + from, n);
		from = 0;
		p += n;
		len -= n;
	}
}

void netbuf_scatter(const struct netbuf *b, size_t from, const struct iovec *to)
{
	size_t at = 0;

	for (unsigned i = 0; i < b->iovcnt; i++) {
		const uint8_t *p = b->iov[i].iov_base;
		size_t left = b->iov[i].iov_len;
		size_t skip = from < left ? from : left;

		from -= skip;
		p += skip;
		left -= skip;
		while (left) {
			size_t n = to->iov_len - at < left ? to->iov_len - at : left;

			memcpy((uint8_t *)to->iov_base + at, p, n);
			p += n;
			left -= n;
			at += n;
			if (at == to->iov_len) {
				to++;
				at = 0;
			}
		}
	}
}

size_t netbuf_iov_bytes(const struct netbuf *b)
{
	size_t n = 0;

	for (unsigned i = 0; i < b->iovcnt; i++)
		n += b->iov[i].iov_len;
	return n;
}
