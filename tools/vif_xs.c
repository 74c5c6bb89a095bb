/* SPDX-License-Identifier: MIT */
/* The keys of a vif, as libxl writes them, and tandem's own. */
#include "tools/vif_xs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hv/base/cleanup.h"
#include "tools/cli.h"

#define SCRIPT_DIR "/etc/xen/scripts/" /* libxl's, for a driver domain that runs them */

/* ----------------------------------------------------- who has which address */

struct mac_scan {
	struct plat *plat;
	xenstore_tx_t tx;
	const uint8_t *mac;
	int only; /* vifs of this domain; -1: of any */
	struct vif_xs_owner found;
};

/* Calls fn for each name in a directory that is a number. What it returned first
 * that is not 0, or -errno. An absent directory is empty. */
static int each_number(struct mac_scan *m, const char *dir, uint32_t max,
		       int (*fn)(struct mac_scan *m, const char *dir, uint32_t number))
{
	cleanup_free char **names = NULL;
	uint32_t n = 0;
	int err = xenstore_directory(m->plat, m->tx, dir, &names, &n);

	if (err == -ENOENT)
		return 0;
	for (uint32_t i = 0; !err && i < n; i++) {
		uint64_t number;

		if (!cli_parse_number(names[i], max, &number))
			err = fn(m, dir, (uint32_t)number);
	}
	return err;
}

/* dir: /local/domain/BACKEND/backend/vif/FRONTEND */
static int look_at_vif(struct mac_scan *m, const char *dir, uint32_t devid)
{
	cleanup_free char *text = NULL;
	char path[128];
	uint8_t mac[6];

	snprintf(path, sizeof(path), "%s/%u/mac", dir, devid);
	if (xenstore_read(m->plat, m->tx, path, &text, NULL) ||
	    vif_mac_parse(text, mac) || memcmp(mac, m->mac, 6))
		return 0;
	m->found.devid = devid;
	return -EADDRINUSE;
}

static int look_at_frontend(struct mac_scan *m, const char *dir, uint32_t frontend)
{
	char path[96];

	if (m->only >= 0 && (uint32_t)m->only != frontend)
		return 0;
	m->found.frontend = (domid_t)frontend;
	snprintf(path, sizeof(path), "%s/%u", dir, frontend);
	return each_number(m, path, INT32_MAX, look_at_vif);
}

static int look_at_backend(struct mac_scan *m, const char *dir, uint32_t backend)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%u/backend/vif", dir, backend);
	return each_number(m, path, UINT16_MAX, look_at_frontend);
}

/*
 * -EADDRINUSE: m->found has the address. The backends' directories are asked:
 * what a guest says of its address is its own affair.
 */
static int scan_macs(struct mac_scan *m)
{
	return each_number(m, "/local/domain", UINT16_MAX, look_at_backend);
}

int vif_xs_find_mac(struct plat *p, domid_t frontend, const uint8_t mac[6],
		    uint32_t *devid)
{
	struct mac_scan m = {
		.plat = p, .tx = XENSTORE_NO_TX, .mac = mac, .only = frontend
	};
	int err = scan_macs(&m);

	if (err != -EADDRINUSE)
		return err ? err : -ENOENT;
	*devid = m.found.devid;
	return 0;
}

int vif_xs_mac_free(struct plat *p, xenstore_tx_t tx, const uint8_t mac[6],
		    struct vif_xs_owner *owner)
{
	struct mac_scan m = { .plat = p, .tx = tx, .mac = mac, .only = -1 };
	int err = scan_macs(&m);

	*owner = m.found;
	return err;
}

/* ------------------------------------------------------------------ creation */

struct creation {
	struct dev_xs *d;
	struct vif_spec *spec;
	struct vif_xs_owner *owner;
	bool any_devid, any_mac;
};

static int choose_devid(struct creation *c, xenstore_tx_t tx)
{
	struct dev_xs *d = c->d;

	for (uint32_t devid = 0; c->any_devid && devid <= INT32_MAX; devid++) {
		dev_xs_init(d, d->plat, "vif", d->frontend, d->backend, devid);
		if (!dev_xs_exists(d, tx))
			break;
	}
	c->spec->devid = d->devid;
	return 0;
}

static int choose_mac(struct creation *c, xenstore_tx_t tx)
{
	uint8_t *mac = c->spec->mac;
	int err;

	do {
		if (c->any_mac) {
			memcpy(mac, "\x00\x16\x3e", 3);
			if (getrandom(mac + 3, 3, 0) != 3)
				return -EIO;
			mac[3] &= 0x7f; /* as Xen's tools do */
		}
		err = vif_xs_mac_free(c->d->plat, tx, mac, c->owner);
	} while (err == -EADDRINUSE && c->any_mac);
	return err;
}

static void put_string(int *err, const struct creation *c, xenstore_tx_t tx,
		       const char *key, const char *value)
{
	if (value)
		dev_xs_put(err, c->d->plat, tx, c->d->be_path, key, "%s", value);
}

static void put_number(int *err, const struct creation *c, xenstore_tx_t tx,
		       const char *key, uint32_t value)
{
	if (value)
		dev_xs_put(err, c->d->plat, tx, c->d->be_path, key, "%u", value);
}

static void put_bool(int *err, const struct creation *c, xenstore_tx_t tx,
		     const char *key, enum vif_tristate value)
{
	if (value != VIF_UNSET)
		dev_xs_put(err, c->d->plat, tx, c->d->be_path, key, "%d",
			   value == VIF_YES);
}

static void write_frontend(int *err, const struct creation *c, xenstore_tx_t tx)
{
	struct plat *p = c->d->plat;
	const char *dir = c->d->fe_path;
	char mac[VIF_MAC_TEXT];

	dev_xs_put(err, p, tx, dir, "handle", "%u", c->d->devid);
	dev_xs_put(err, p, tx, dir, "mac", "%s", vif_mac_text(c->spec->mac, mac));
	dev_xs_put(err, p, tx, dir, "trusted", "%d", c->spec->trusted != VIF_NO);
	if (c->spec->mtu)
		dev_xs_put(err, p, tx, dir, "mtu", "%u", c->spec->mtu);
}

static void write_backend(int *err, const struct creation *c, xenstore_tx_t tx)
{
	const struct vif_spec *v = c->spec;
	const char *script = v->script ? v->script : "vif-bridge";
	char mac[VIF_MAC_TEXT], rate[VIF_RATE_TEXT];

	if (!v->port)
		dev_xs_put(err, c->d->plat, tx, c->d->be_path, "script", "%s%s",
			   *script == '/' ? "" : SCRIPT_DIR, script);
	put_string(err, c, tx, "vifname", v->vifname);
	put_string(err, c, tx, "mac", vif_mac_text(v->mac, mac));
	put_string(err, c, tx, "ip", v->ip);
	put_string(err, c, tx, "gatewaydev", v->gatewaydev);
	if (v->rate.usec)
		put_string(err, c, tx, "rate", vif_rate_text(&v->rate, rate));
	put_number(err, c, tx, "mtu", v->mtu);
	put_string(err, c, tx, "bridge", v->bridge);
	dev_xs_put(err, c->d->plat, tx, c->d->be_path, "handle", "%u", c->d->devid);
	put_string(err, c, tx, "type", "vif");
	put_string(err, c, tx, "port-driver", v->port_driver);
	put_string(err, c, tx, "port-target", v->port_target);
	put_string(err, c, tx, "port-options", v->port_options);
	put_number(err, c, tx, "max-queues", v->queues);
	put_number(err, c, tx, "vlan", v->vlan);
	put_bool(err, c, tx, "antispoof", v->antispoof);
	put_bool(err, c, tx, "isolated", v->isolated);
	put_string(err, c, tx, "hotplug-status", ""); /* the backend's to fill in */
}

static int create(xenstore_tx_t tx, void *arg)
{
	struct creation *c = arg;
	int err = choose_devid(c, tx);

	if (!err && dev_xs_exists(c->d, tx))
		err = -EEXIST;
	if (!err)
		err = choose_mac(c, tx);
	if (!err)
		err = dev_xs_create(c->d, tx);
	write_frontend(&err, c, tx);
	write_backend(&err, c, tx);
	dev_xs_ready(&err, c->d, tx);
	return err;
}

int vif_xs_create(struct dev_xs *d, struct plat *p, domid_t frontend, domid_t backend,
		  struct vif_spec *spec, struct vif_xs_owner *owner)
{
	struct creation c = { .d = d,
			      .spec = spec,
			      .owner = owner,
			      .any_devid = spec->devid == VIF_DEVID_NONE,
			      .any_mac = !spec->has_mac };
	int err;

	dev_xs_init(d, p, "vif", frontend, backend, c.any_devid ? 0 : spec->devid);
	err = dev_xs_transaction(p, create, &c);
	if (!err)
		spec->has_mac = true;
	return err;
}

/* ---------------------------------------------------------------------- rate */

struct rate_change {
	const struct dev_xs *d;
	const struct vif_rate *rate;
};

static int change_rate(xenstore_tx_t tx, void *arg)
{
	const struct rate_change *r = arg;
	cleanup_free char *frontend = NULL;
	char path[128], text[VIF_RATE_TEXT];
	int err;

	/* a write would make a directory that is gone anew */
	snprintf(path, sizeof(path), "%s/frontend", r->d->be_path);
	err = xenstore_read(r->d->plat, tx, path, &frontend, NULL);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/rate", r->d->be_path);
	if (r->rate->usec)
		return xenstore_write(r->d->plat, tx, path, vif_rate_text(r->rate, text));
	err = xenstore_rm(r->d->plat, tx, path);
	return err == -ENOENT ? 0 : err;
}

int vif_xs_set_rate(const struct dev_xs *d, const struct vif_rate *rate)
{
	struct rate_change r = { d, rate };

	return dev_xs_transaction(d->plat, change_rate, &r);
}
