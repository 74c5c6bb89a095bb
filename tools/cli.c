/* SPDX-License-Identifier: MIT */
/* The ground of the tandem program's verbs: connections, domains, messages. */
#include "tools/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/statedir.h"
#include "hv/proc/hvclient.h"

void cli_clean(char *s)
{
	for (unsigned char *p = (unsigned char *)s; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?'; /* C1 controls, in UTF-8 */
	}
}

__attribute__((format(printf, 2, 0))) static void speak(struct cli *c, const char *fmt,
							va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	cli_clean(text);
	fprintf(stderr, "tandem: %s%s%s\n", c->verb ? c->verb->name : "",
		c->verb ? ": " : "", text);
	free(text);
}

int cli_fail(struct cli *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	speak(c, fmt, ap);
	va_end(ap);
	return CLI_EXIT_FAILURE;
}

void cli_warn(struct cli *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	speak(c, fmt, ap);
	va_end(ap);
}

int cli_print_json(struct cli *c, json_t *o)
{
	int err = o ? json_dumpf(o, stdout, JSON_INDENT(2)) : -1;

	json_decref(o);
	if (err)
		return cli_fail(c, "cannot write JSON: out of memory or output closed");
	putchar('\n');
	return 0;
}

json_t *cli_json_str(const char *s)
{
	json_t *o;
	char *copy;

	if (!s)
		return json_null();
	o = json_string(s);
	if (o)
		return o;
	copy = strdup(s); /* no UTF-8 */
	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	o = copy ? json_string(copy) : NULL;
	free(copy);
	return o;
}

const char *cli_size(uint64_t bytes, char *buf)
{
	static const char units[] = " KMGTPE";
	uint64_t whole = bytes, rest = 0;
	int u = 0;

	for (; whole >= 1024 && u < 6; u++) {
		rest = whole % 1024;
		whole /= 1024;
	}
	if (u && rest && whole < 100)
		snprintf(buf, 16, "%u.%u%c", (unsigned)whole,
			 (unsigned)(rest * 10 / 1024), units[u]);
	else
		snprintf(buf, 16, u ? "%u%c" : "%u", (unsigned)whole, units[u]);
	return buf;
}

int cli_parse_number(const char *s, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v) || v > max)
			return -EINVAL;
	}
	*value = v;
	return 0;
}

/* ------------------------------------------------------------ the hypervisor */

static int no_hypervisor(struct cli *c, const char *path, int err)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		return cli_fail(c,
				"%s: no hypervisor answers there: start tandem-hvd, or "
				"set TANDEM_DIR",
				path);
	if (err == -EPROTO)
		return cli_fail(c, "%s: tandem-hvd speaks another version", path);
	return cli_fail(c, "%s: %s", path, strerror(-err));
}

const char *cli_strerror(int err)
{
	return err == -ENOTCONN ? "the hypervisor is gone" : strerror(-err);
}

int cli_need_hv(struct cli *c)
{
	char path[512] = "";

	if (c->hv >= 0)
		return 0;
	c->hv = hvclient_connect(NULL, path, sizeof(path));
	return c->hv >= 0 ? 0 : no_hypervisor(c, path, c->hv);
}

int cli_need_plat(struct cli *c)
{
	const char *what = NULL;
	int err;

	if (c->plat)
		return 0;
	err = cli_need_hv(c); /* its line about a missing hypervisor is the better one */
	if (err)
		return err;
	err = plat_open(NULL, "0", &c->plat, &what);
	return err ? no_hypervisor(c, what ? what : "xenstore", err) : 0;
}

int cli_next_domain(struct cli *c, uint32_t from, struct cli_domain *dom)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_NEXT, .domid = from };
	struct hvreply reply;
	int err = hvclient_call(c->hv, &call, &reply, NULL, NULL);

	if (err)
		return err;
	if (reply.domid < from || reply.domid > UINT16_MAX)
		return -EPROTO;
	dom->id = (domid_t)reply.domid;
	dom->connections = reply.value;
	memcpy(dom->name, reply.name, sizeof(dom->name));
	return 0;
}

int cli_find_domain(struct cli *c, const char *name, struct cli_domain *dom)
{
	uint64_t id;
	bool by_id = !cli_parse_number(name, UINT16_MAX, &id);
	uint32_t from = by_id ? (uint32_t)id : 0;
	int err = cli_need_hv(c);

	if (err)
		return err;
	for (;;) {
		err = cli_next_domain(c, from, dom);
		if (err || (by_id ? dom->id == id : !strcmp(dom->name, name)))
			break;
		if (by_id)
			err = -ENOENT;
		if (err)
			break;
		from = dom->id + 1u;
	}
	if (err == -ENOENT)
		return cli_fail(c, "there is no domain '%.64s': see tandem list", name);
	return err ? cli_fail(c, "asking for the domains: %s", cli_strerror(err)) : 0;
}
