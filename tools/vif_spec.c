/* SPDX-License-Identifier: MIT */
/* The syntax of vif strings: from text to struct vif_spec. */
#include "tools/vif_spec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vif_scan.h"

/* ------------------------------------------------------------------- setters */

struct vif_key {
	const char *name;
	int (*set)(struct vif_scan *s, const struct vif_key *k, const char *value);
	size_t field; /* its offset in struct vif_spec, if set() is generic */
	uint32_t min, max;
};

static void *field_of(struct vif_scan *s, const struct vif_key *k)
{
	return (char *)s->v + k->field;
}

static int set_string(struct vif_scan *s, const struct vif_key *k, const char *value)
{
	char **field = field_of(s, k);

	if (!*value)
		return spec_why(&s->scan, -EINVAL,
				"%s is empty: give a value or leave it out", k->name);
	if (*field && !strcmp(*field, value))
		return 0;
	return spec_set_string(&s->scan, k->name, field, value);
}

static int set_number(struct vif_scan *s, const struct vif_key *k, const char *value)
{
	uint32_t *field = field_of(s, k);
	uint32_t unset = k->min ? 0 : VIF_DEVID_NONE; /* what is no number of it */
	uint64_t v = 0;
	const char *p = value;

	while (*p >= '0' && *p <= '9' && v <= k->max)
		v = v * 10 + (uint64_t)(*p++ - '0');
	if (p == value || *p || v < k->min || v > k->max)
		return spec_why(&s->scan, -EINVAL,
				"%s '%.80s' is no number from %u to %u", k->name, value,
				k->min, k->max);
	if (*field != unset && *field != v)
		return spec_why(&s->scan, -EINVAL, "%s given twice: %u and %u", k->name,
				*field, (unsigned)v);
	*field = (uint32_t)v;
	return 0;
}

static int set_bool(struct vif_scan *s, const struct vif_key *k, const char *value)
{
	enum vif_tristate *field = field_of(s, k), v;

	if (strcmp(value, "0") && strcmp(value, "1"))
		return spec_why(&s->scan, -EINVAL,
				"%s '%.80s' is unknown: 0 or 1 would be right", k->name,
				value);
	v = *value == '1' ? VIF_YES : VIF_NO;
	if (*field != VIF_UNSET && *field != v)
		return spec_why(&s->scan, -EINVAL, "%s given twice: 0 and 1", k->name);
	*field = v;
	return 0;
}

static int set_mac(struct vif_scan *s, const struct vif_key *k, const char *value)
{
	static const uint8_t zero[6];
	char was[VIF_MAC_TEXT], text[VIF_MAC_TEXT];
	uint8_t mac[6];

	(void)k;
	if (vif_mac_parse(value, mac))
		return spec_why(&s->scan, -EINVAL,
				"mac '%.80s' is no MAC address: six pairs of hexadecimal "
				"digits with colons, such as 00:16:3e:01:02:03, would be "
				"right",
				value);
	if (mac[0] & 1)
		return spec_why(&s->scan, -EINVAL,
				"mac '%.80s' is a multicast address: an even first byte, "
				"such as in 00:16:3e:01:02:03, would be right",
				value);
	if (!memcmp(mac, zero, 6))
		return spec_why(&s->scan, -EINVAL,
				"mac '%.80s' is nobody's: leave it out to have one made",
				value);
	if (s->v->has_mac && memcmp(mac, s->v->mac, 6))
		return spec_why(&s->scan, -EINVAL, "mac given twice: %s and %s",
				vif_mac_text(s->v->mac, was), vif_mac_text(mac, text));
	memcpy(s->v->mac, mac, 6);
	s->v->has_mac = true;
	return 0;
}

static int set_type(struct vif_scan *s, const struct vif_key *k, const char *value)
{
	enum vif_type t = !strcmp(value, "vif")	    ? VIF_TYPE_VIF
			  : !strcmp(value, "ioemu") ? VIF_TYPE_IOEMU
						    : VIF_TYPE_UNSET;

	(void)k;
	if (t == VIF_TYPE_UNSET)
		return spec_why(&s->scan, -EINVAL,
				"type '%.80s' is unknown: vif would be right", value);
	if (s->v->type != VIF_TYPE_UNSET && s->v->type != t)
		return spec_why(&s->scan, -EINVAL, "type given twice: vif and ioemu");
	s->v->type = t;
	return 0;
}

static int set_rate(struct vif_scan *s, const struct vif_key *k, const char *value)
{
	struct vif_rate r, *was = &s->v->rate;
	int err = vif_rate_parse(value, &r);

	(void)k;
	if (err)
		return spec_why(&s->scan, -EINVAL, "rate '%.80s' is %s: " VIF_RATE_WANT,
				value, err == -ERANGE ? "too large" : "no rate");
	if (was->usec && (was->usec != r.usec || was->bytes != r.bytes))
		return spec_why(&s->scan, -EINVAL,
				"rate given twice, not the same: '%.80s' is "
				"the second",
				value);
	*was = r;
	return 0;
}

/* ---------------------------------------------------------------------- keys */

#define STRING(n)                                                  \
	{                                                          \
#n, set_string, offsetof(struct vif_spec, n), 0, 0 \
	}
#define NUMBER(n, lo, hi)                                            \
	{                                                            \
#n, set_number, offsetof(struct vif_spec, n), lo, hi \
	}
#define BOOL(n)                                                  \
	{                                                        \
#n, set_bool, offsetof(struct vif_spec, n), 0, 0 \
	}
#define OTHER(n)                     \
	{                            \
#n, set_##n, 0, 0, 0 \
	}
#define NOT_SUPPORTED(n)          \
	{                         \
#n, NULL, 0, 0, 0 \
	}

static const struct vif_key keys[] = {
	OTHER(mac),
	STRING(bridge),
	STRING(gatewaydev),
	{ "netdev", set_string, offsetof(struct vif_spec, gatewaydev), 0, 0 },
	OTHER(type),
	STRING(model),
	STRING(vifname),
	STRING(script),
	STRING(ip),
	STRING(backend),
	OTHER(rate),
	NUMBER(devid, 0, INT32_MAX),
	NUMBER(mtu, VIF_MTU_MIN, VIF_MTU_MAX),
	BOOL(trusted),
	STRING(port),
	NUMBER(queues, 1, VIF_QUEUES_MAX),
	BOOL(antispoof),
	NUMBER(vlan, 1, VIF_VLAN_MAX),
	BOOL(isolated),
	NOT_SUPPORTED(accel),
	NOT_SUPPORTED(forwarddev),
};

static const struct vif_key *find_key(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(name, keys[i].name))
			return &keys[i];
	return NULL;
}

static int set_key(struct vif_scan *s, const char *name, const char *value)
{
	const struct vif_key *k = find_key(name);

	if ((k && !k->set) || !strncmp(name, "colo_", 5))
		return spec_why(&s->scan, -ENOTSUP, "not supported: %.80s", name);
	if (!k)
		return spec_why(&s->scan, -EINVAL,
				"unknown key '%.80s' with value '%.80s': mac, bridge, "
				"backend, rate, port and others would be right, see "
				"tandem-network(5)",
				name, value);
	return k->set(s, k, value);
}

static int take_parameter(struct vif_scan *s, char *token)
{
	char *equals = strchr(token, '=');

	if (spec_check_printable(&s->scan, token))
		return s->scan.err;
	if (equals) {
		*equals = '\0';
		return set_key(s, token, equals + 1);
	}
	if (!strcmp(token, "trusted"))
		return set_key(s, "trusted", "1");
	if (!strcmp(token, "untrusted"))
		return set_key(s, "trusted", "0");
	return spec_why(
		&s->scan, -EINVAL,
		"'%.80s' is no key=value: bridge=xenbr0 and the like, with commas "
		"between them, would be right",
		token);
}

static void take_string(struct spec_scan *scan, char *text)
{
	struct vif_scan *s = (struct vif_scan *)scan;
	char *save = NULL;

	for (char *p = strtok_r(text, ",", &save); p && !scan->err;
	     p = strtok_r(NULL, ",", &save)) {
		p += strspn(p, " \t\n");
		if (*p)
			(void)take_parameter(s, p); /* its error is in scan->err */
	}
}

int vif_spec_scan(int n, const char *const *strings, struct vif_spec *v, char **why)
{
	struct vif_scan s = { .scan = { "vif string", VIF_SPEC_MAX, why, 0 }, .v = v };

	*v = (struct vif_spec){ .devid = VIF_DEVID_NONE };
	*why = NULL;
	if (spec_each(&s.scan, n, strings, take_string))
		vif_spec_clear(v);
	return s.scan.err;
}

void vif_spec_clear(struct vif_spec *v)
{
	char *strings[] = { v->bridge,	    v->gatewaydev,  v->model,	    v->vifname,
			    v->script,	    v->ip,	    v->backend,	    v->port,
			    v->port_driver, v->port_target, v->port_options };

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		free(strings[i]);
	*v = (struct vif_spec){ .devid = VIF_DEVID_NONE };
}

int vif_spec_parse(int n, const char *const *strings, struct vif_spec *v, char **why)
{
	int err = vif_spec_scan(n, strings, v, why);

	if (err)
		return err;
	err = vif_spec_check(v, why);
	if (err)
		vif_spec_clear(v);
	return err;
}
