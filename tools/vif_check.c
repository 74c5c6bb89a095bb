/* SPDX-License-Identifier: MIT */
/* What of a vif string tandem can serve. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vif_scan.h"

/* As Linux wants it, less what would confuse a person or a path. */
static bool name_ok(const char *s)
{
	size_t n = strcspn(s, " /:;%\"'");

	return n > 0 && n < 16 && !s[n] && strcmp(s, ".") && strcmp(s, "..");
}

static int check_name(struct vif_scan *s, const char *key, const char *value)
{
	if (!value || name_ok(value))
		return 0;
	return spec_why(&s->scan, -EINVAL,
			"%s '%.80s' is no name of an interface: 1 to 15 letters, digits "
			"and the like, such as xenbr0, would be right",
			key, value);
}

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::1". Changes its argument. */
static bool address_ok(char *s)
{
	struct in6_addr a6;
	struct in_addr a4;
	char *slash = strchr(s, '/');
	unsigned bits = 0, max;

	if (slash)
		*slash++ = '\0';
	if (inet_pton(AF_INET, s, &a4) == 1)
		max = 32;
	else if (inet_pton(AF_INET6, s, &a6) == 1)
		max = 128;
	else
		return false;
	if (!slash)
		return true;
	for (char *p = slash; *p; p++) {
		if (*p < '0' || *p > '9' || bits > max)
			return false;
		bits = bits * 10 + (unsigned)(*p - '0');
	}
	return *slash && bits <= max;
}

static int check_ip(struct vif_scan *s)
{
	char *copy = s->v->ip ? strdup(s->v->ip) : NULL, *save = NULL;
	bool good = false;

	if (!s->v->ip)
		return 0;
	if (!copy)
		return s->scan.err = -ENOMEM;
	for (char *a = strtok_r(copy, " ", &save); a; a = strtok_r(NULL, " ", &save)) {
		good = address_ok(a);
		if (!good)
			break;
	}
	if (!good)
		(void)spec_why(&s->scan, -EINVAL,
			       "ip '%.80s' is no address: 192.0.2.1 or 2001:db8::1, "
			       "several with blanks between them, would be right",
			       s->v->ip);
	free(copy);
	return s->scan.err;
}

/* The bridge is joined by the backend itself: that is vif-bridge's whole work. */
static int check_script(struct vif_scan *s)
{
	const char *script = s->v->script;
	const char *slash = script ? strrchr(script, '/') : NULL;

	if (!script || !strcmp(slash ? slash + 1 : script, "vif-bridge"))
		return 0;
	return spec_why(
		&s->scan, -ENOTSUP,
		"not supported: script=%.80s; vif-bridge is what the backend does "
		"itself, or port= says where packets go",
		script);
}

/* ---------------------------------------------------------------------- port */

enum port_target { TARGET_NONE, TARGET_MAY, TARGET_MUST };

static const struct port_kind {
	const char *name;
	enum port_target target;
	const char *example; /* of one; where there is none, what to give instead */
	bool bridge;	     /* bridge= says something */
} ports[] = {
	{ "tap", TARGET_MAY, "tnd0", true },
	{ "switch", TARGET_MUST, "lan0", true },
	{ "packet", TARGET_MUST, "eth0", false },
	{ "xdp", TARGET_MUST, "eth0", false },
	{ "pcap", TARGET_MAY, "/path/in.pcap", false },
	{ "gen", TARGET_NONE, "its options come behind ;", false },
	{ "sink", TARGET_NONE, "port=sink is all", false },
	{ "fault", TARGET_NONE, "port=fault;inner=DRIVER:TARGET would be right", true },
};

static const struct port_kind *find_port(const char *name)
{
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		if (!strcmp(name, ports[i].name))
			return &ports[i];
	return NULL;
}

/* A ';' stands for ',', which would end the parameter, and two for itself. */
static void convert_options(char *s)
{
	char *to = s;

	for (; s && *s; s++) {
		bool twice = s[0] == ';' && s[1] == ';';

		*to++ = *s == ';' && !twice ? ',' : *s;
		s += twice;
	}
	if (to)
		*to = '\0';
}

/* "DRIVER[:TARGET[;key=value...]]" or "DRIVER[;key=value...]" */
static int split_port(struct vif_scan *s)
{
	struct vif_spec *v = s->v;
	size_t driver = strcspn(v->port, ":;");
	const char *target = v->port[driver] == ':' ? v->port + driver + 1 : "";
	size_t len = strcspn(target, ";");
	const char *options = strchr(v->port, ';');

	v->port_driver = strndup(v->port, driver);
	if (len)
		v->port_target = strndup(target, len);
	if (options && options[1])
		v->port_options = strdup(options + 1);
	if (!v->port_driver || (len && !v->port_target) ||
	    (options && options[1] && !v->port_options))
		return s->scan.err = -ENOMEM;
	convert_options(v->port_options);
	return 0;
}

/* A switch is the one that bridge= names, if port= does not. */
static int check_switch(struct vif_scan *s)
{
	struct vif_spec *v = s->v;

	if (v->bridge && !v->port_target) {
		v->port_target = strdup(v->bridge);
		return v->port_target ? 0 : (s->scan.err = -ENOMEM);
	}
	if (v->bridge && strcmp(v->bridge, v->port_target))
		return spec_why(
			&s->scan, -EINVAL,
			"bridge=%.80s and port=%.80s contradict: give one of them",
			v->bridge, v->port);
	return 0;
}

static int check_port(struct vif_scan *s)
{
	struct vif_spec *v = s->v;
	const struct port_kind *k;

	if (split_port(s))
		return s->scan.err;
	k = find_port(v->port_driver);
	if (!k)
		return spec_why(
			&s->scan, -EINVAL,
			"port '%.80s' is unknown: tap, switch, packet, xdp, pcap, "
			"gen, sink or fault would be right",
			v->port);
	if (v->bridge && !k->bridge)
		return spec_why(
			&s->scan, -EINVAL,
			"bridge=%.80s and port=%.80s contradict: give one of them",
			v->bridge, v->port);
	if (!strcmp(k->name, "switch") && check_switch(s))
		return s->scan.err;
	if (k->target == TARGET_NONE && v->port_target)
		return spec_why(&s->scan, -EINVAL, "port '%.80s': %s has no target: %s",
				v->port, k->name, k->example);
	if (k->target == TARGET_MUST && !v->port_target)
		return spec_why(&s->scan, -EINVAL,
				"port '%.80s' names no target: port=%s:%s would be right",
				v->port, k->name, k->example);
	if (!strcmp(k->name, "pcap") && v->port_target && *v->port_target != '/')
		return spec_why(
			&s->scan, -EINVAL,
			"port '%.80s' has a relative path: the backend has another "
			"directory, give the whole path",
			v->port);
	return 0;
}

int vif_spec_check(struct vif_spec *v, char **why)
{
	struct vif_scan s = { .scan = { .why = why }, .v = v };

	*why = NULL;
	if (check_name(&s, "bridge", v->bridge) ||
	    check_name(&s, "gatewaydev", v->gatewaydev) ||
	    check_name(&s, "vifname", v->vifname) || check_ip(&s) || check_script(&s))
		return s.scan.err;
	if (v->port)
		return check_port(&s);
	if (!v->bridge)
		v->bridge = strdup(VIF_DEFAULT_BRIDGE);
	return v->bridge ? 0 : -ENOMEM;
}
