/* SPDX-License-Identifier: MIT */
/* Switches and uplinks out of their strings. */
#include "backends/net/netswitches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/drvopt.h"
#include "backends/net/switch.h"
#include "hv/base/cleanup.h"

struct uplink {
	char name[SWITCH_NAME_MAX]; /* the switch's */
	char *spec;		    /* "DRIVER:TARGET;options", cut up */
	struct netdrv *dev;
	struct switch_uplink *up;
	struct uplink *next;
};

struct netswitches {
	unsigned nr;
	char (*name)[SWITCH_NAME_MAX];
	struct uplink *uplinks;
};

/* ----------------------------------------------------------------- uplinks */

/* "DRIVER[:TARGET][;key=value...]", cut where its parts end. */
static void uplink_split(char *spec, struct netdrv_params *p)
{
	char *options = strchr(spec, ';'), *target;

	if (options)
		*options++ = '\0';
	target = strchr(spec, ':');
	if (target)
		*target++ = '\0';
	for (char *c = options; c && *c; c++)
		if (*c == ';')
			*c = ',';
	p->driver = spec;
	p->target = target;
	p->ifname = target;
	p->options = options;
	p->queues = 1;
}

static int uplink_open(struct uplink *u, const struct netback_config *cfg, char **why)
{
	struct netdrv_params p = { 0 };
	const struct netdrv_ops *ops;
	int err = 0;

	uplink_split(u->spec, &p);
	ops = netdrv_find(p.driver);
	if (!ops || !strcmp(p.driver, "switch")) {
		*why = netdrv_why(
			"uplink=%s: no driver for uplinks; want tap, packet, xdp, "
			"pcap, gen, sink or fault",
			p.driver);
		return -EINVAL;
	}
	if (ops->open_files)
		err = cfg->open_files(cfg->open_arg, &p, why);
	if (!err)
		err = ops->open(&p, &u->dev, why);
	if (!err)
		u->dev->ops = ops;
	for (int i = 0; err && i < p.nfds; i++)
		close(p.fds[i]);
	return err;
}

static int uplink_new(struct netswitches *s, const char *name, const char *spec,
		      const struct netback_config *cfg, char **why)
{
	struct uplink *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->next = s->uplinks;
	s->uplinks = u;
	strcpy(u->name, name);
	u->spec = strdup(spec);
	return u->spec ? uplink_open(u, cfg, why) : -ENOMEM;
}

/* ---------------------------------------------------------------- switches */

static int switch_number(const struct drvopt *o, uint32_t max, uint32_t *v, char **why)
{
	uint64_t n;

	if (drvopt_u64(o, &n) || !n || n > max) {
		*why = netdrv_why("%s=%s: want 1 to %u", o->key, o->value, max);
		return -EINVAL;
	}
	*v = (uint32_t)n;
	return 0;
}

/* What is said of the switch itself. */
static int switch_options(const char *options, struct switch_params *p, char **why)
{
	struct drvopt o;
	int err;

	while ((err = drvopt_next(&options, &o)) > 0) {
		if (!strcmp(o.key, "uplink"))
			continue;
		if (!strcmp(o.key, "ageing"))
			err = switch_number(&o, SWITCH_AGEING_MAX, &p->ageing, why);
		else if (!strcmp(o.key, "mtu"))
			err = switch_number(&o, 65521, &p->mtu, why);
		else
			break;
		if (err)
			return err;
	}
	if (!err)
		return 0;
	*why = netdrv_why("%.32s: no such option of a switch; want uplink=DRIVER:TARGET, "
			  "ageing=SECONDS or mtu=BYTES",
			  o.key);
	return -EINVAL;
}

static int switch_uplinks(struct netswitches *s, const char *name, const char *options,
			  const struct netback_config *cfg, char **why)
{
	struct drvopt o;
	int err = 0;

	while (!err && drvopt_next(&options, &o) > 0)
		if (!strcmp(o.key, "uplink"))
			err = uplink_new(s, name, o.value, cfg, why);
	return err;
}

static int switch_new(struct netswitches *s, const char *spec,
		      const struct netback_config *cfg, char **why)
{
	size_t len = strcspn(spec, ",");
	const char *options = spec[len] ? spec + len + 1 : NULL;
	struct switch_params p = { 0 };
	char *name = s->name[s->nr];
	int err;

	if (!len || len >= SWITCH_NAME_MAX) {
		*why = netdrv_why(
			"want NAME[,uplink=DRIVER:TARGET...], a name of 1 to %u "
			"bytes",
			SWITCH_NAME_MAX - 1);
		return -EINVAL;
	}
	memcpy(name, spec, len);
	err = switch_options(options, &p, why);
	if (!err)
		err = switch_create(name, &p, why);
	if (err)
		return err;
	s->nr++;
	return switch_uplinks(s, name, options, cfg, why);
}

int netswitches_new(const struct netback_config *cfg, struct netswitches **out,
		    char **why)
{
	struct netswitches *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->name = calloc(cfg->nr_switches + 1, sizeof(*s->name));
	if (!s->name)
		err = -ENOMEM;
	for (unsigned i = 0; !err && i < cfg->nr_switches; i++) {
		cleanup_free char *what = NULL;

		err = switch_new(s, cfg->switches[i], cfg, &what);
		if (err)
			*why = netdrv_why("--switch %s: %s", cfg->switches[i],
					  what ? what : strerror(-err));
	}
	if (err) {
		netswitches_free(s);
		return err;
	}
	*out = s;
	return 0;
}

int netswitches_start(struct netswitches *s, struct backend *be, char **why)
{
	int err = 0;

	for (struct uplink *u = s->uplinks; u && !err; u = u->next) {
		cleanup_free char *what = NULL;

		err = switch_add_uplink(u->name, u->dev, u->spec,
					backend_worker(be, backend_next_worker(be)),
					&u->up, &what);
		if (err)
			*why = netdrv_why("--switch %s: uplink %s: %s", u->name, u->spec,
					  what ? what : strerror(-err));
	}
	return err;
}

void netswitches_free(struct netswitches *s)
{
	struct uplink *u;

	if (!s)
		return;
	while ((u = s->uplinks)) {
		s->uplinks = u->next;
		switch_remove_uplink(u->up);
		if (u->dev)
			u->dev->ops->close(u->dev);
		free(u->spec);
		free(u);
	}
	/* cannot fail: it is there, and has no port any more */
	while (s->nr)
		(void)switch_destroy(s->name[--s->nr]);
	free(s->name);
	free(s);
}
