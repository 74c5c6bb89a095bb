/* SPDX-License-Identifier: MIT */
/* Rates and addresses of vifs, between text and numbers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/vif_spec.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int vif_mac_parse(const char *s, uint8_t mac[6])
{
	for (int i = 0; i < 6; i++, s += 3) {
		int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);

		if (low < 0 || s[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

const char *vif_mac_text(const uint8_t mac[6], char *buf)
{
	snprintf(buf, VIF_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

/* A positive 32-bit number; *s moves behind it. A leading 0 would be octal to xl. */
static int take_number(const char **s, uint64_t *v)
{
	const char *p = *s;

	if (*p < '1' || *p > '9')
		return -EINVAL;
	for (*v = 0; *p >= '0' && *p <= '9'; p++) {
		*v = *v * 10 + (uint64_t)(*p - '0');
		if (*v > UINT32_MAX)
			return -ERANGE;
	}
	*s = p;
	return 0;
}

/* "KB/s" and the like. */
static int take_unit(const char **s, uint64_t *bytes)
{
	const char *p = *s;

	switch (*p) {
	case 'G':
		*bytes *= 1000;
		__attribute__((fallthrough));
	case 'M':
		*bytes *= 1000;
		__attribute__((fallthrough));
	case 'K':
		*bytes *= 1000; /* fits: it was below 2^32 */
		p++;
	}
	if (*p == 'b')
		*bytes /= 8;
	else if (*p != 'B')
		return -EINVAL;
	if (p[1] != '/' || p[2] != 's')
		return -EINVAL;
	*s = p + 3;
	return 0;
}

/* "20ms"; a number alone is seconds, as in xl. */
static int parse_interval(const char *s, uint32_t *usec)
{
	uint64_t v, unit = 1000000;
	int err = take_number(&s, &v);

	if (err)
		return err;
	if (*s == 'm')
		unit = 1000;
	else if (*s == 'u')
		unit = 1;
	if (unit != 1000000)
		s++;
	if (*s == 's')
		s++;
	if (*s)
		return -EINVAL;
	if (v * unit > UINT32_MAX)
		return -ERANGE;
	*usec = (uint32_t)(v * unit);
	return 0;
}

int vif_rate_parse(const char *s, struct vif_rate *rate)
{
	uint64_t bytes, credit;
	uint32_t usec = 50000;
	int err = take_number(&s, &bytes);

	if (!err)
		err = take_unit(&s, &bytes);
	if (!err && *s)
		err = *s == '@' ? parse_interval(s + 1, &usec) : -EINVAL;
	if (err)
		return err;
	if (__builtin_mul_overflow(bytes, usec, &credit))
		return -ERANGE;
	credit /= 1000000;
	if (!credit)
		return -EINVAL; /* it would let nothing through */
	*rate = (struct vif_rate){ credit, usec };
	return 0;
}

const char *vif_rate_text(const struct vif_rate *rate, char *buf)
{
	snprintf(buf, VIF_RATE_TEXT, "%" PRIu64 ",%" PRIu32, rate->bytes, rate->usec);
	return buf;
}
