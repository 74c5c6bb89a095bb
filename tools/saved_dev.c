/* SPDX-License-Identifier: MIT */
/*
 * The devices of a saved VM: the keys that the toolstack wrote for each, copied, and
 * written again. What the two ends wrote themselves is theirs to write anew.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"
#include "tools/cmd_dev.h"
#include "tools/saved.h"
#include "tools/vif_xs.h"

#define DEVICES_MAX 256u
#define CLOSED	    "6" /* XenbusStateClosed */

static const char *const front_keys[] = { "virtual-device", "device-type", "trusted",
					  "handle",	    "mac",	   "mtu" };
static const char *const back_keys[] = {
	"removable",
	"bootable",
	"dev",
	"type",
	"mode",
	"device-type",
	"params",
	"driver",
	"discard-enable",
	"direct-io-safe",
	"options",
	"sector-size-wanted",
	"throttle-iops",
	"throttle-bps",
	"throttle-burst-ms",
	"script",
	"vifname",
	"mac",
	"ip",
	"gatewaydev",
	"rate",
	"mtu",
	"bridge",
	"handle",
	"port-driver",
	"port-target",
	"port-options",
	"max-queues",
	"vlan",
	"antispoof",
	"isolated",
};
#define NR_FRONT (sizeof(front_keys) / sizeof(front_keys[0]))
#define NR_BACK	 (sizeof(back_keys) / sizeof(back_keys[0]))

/* ----------------------------------------------------------------------- out */

static json_t *keys_read(const struct dev_xs *d, bool backend, const char *const *keys,
			 size_t n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++) {
		cleanup_free char *value = dev_xs_read(d, backend, keys[i]);
		json_t *text = value ? json_string(value) : NULL;

		if (text)
			json_object_set_new(o, keys[i], text);
	}
	return o;
}

static int device_add(struct cli *c, struct dev_xs *d, bool served, void *arg)
{
	json_t *list = arg, *o;
	struct cli_domain backend;
	char id[16];

	if (!served)
		return 0; /* nobody has it: the guest's own doing */
	snprintf(id, sizeof(id), "%u", d->backend);
	if (cli_find_domain(c, id, &backend))
		return CLI_EXIT_FAILURE;
	o = json_pack("{s:s, s:i, s:s, s:o, s:o}", "type", d->type, "devid",
		      (int)d->devid, "backend", backend.name, "front",
		      keys_read(d, false, front_keys, NR_FRONT), "back",
		      keys_read(d, true, back_keys, NR_BACK));
	if (!o || json_array_append_new(list, o))
		return cli_fail(c, "out of memory");
	return 0;
}

int saved_devices_make(struct cli *c, const struct cli_domain *dom, json_t *list)
{
	int err = cli_each_dev(c, dom, "vbd", device_add, list);

	if (!err)
		err = cli_each_dev(c, dom, "vif", device_add, list);
	return err < 0 ? cli_fail(c, "xenstore: %s", cli_strerror(err)) : err;
}

/* ------------------------------------------------------------------------ in */

struct saved_device {
	struct dev_xs d;
	json_t *front, *back;
	struct vif_xs_owner owner; /* who has its address, if that is taken */
};

/* Those keys alone that this program would have written. */
static void keys_write(int *err, const struct saved_device *s, xenstore_tx_t tx,
		       const char *dir, json_t *from, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = json_string_value(json_object_get(from, keys[i]));

		if (value)
			dev_xs_put(err, s->d.plat, tx, dir, keys[i], "%s", value);
	}
}

/* Somebody may have got it meanwhile. */
static int check_mac(struct saved_device *s, xenstore_tx_t tx)
{
	const char *text = json_string_value(json_object_get(s->back, "mac"));
	uint8_t mac[6];

	if (strcmp(s->d.type, "vif"))
		return 0;
	if (!text || vif_mac_parse(text, mac))
		return -EBADMSG;
	return vif_xs_mac_free(s->d.plat, tx, mac, &s->owner);
}

static int create(xenstore_tx_t tx, void *arg)
{
	struct saved_device *s = arg;
	int err = check_mac(s, tx);

	if (!err)
		err = dev_xs_create(&s->d, tx);

	keys_write(&err, s, tx, s->d.fe_path, s->front, front_keys, NR_FRONT);
	keys_write(&err, s, tx, s->d.be_path, s->back, back_keys, NR_BACK);
	if (!strcmp(s->d.type, "vif")) /* the backend's to fill in */
		dev_xs_put(&err, s->d.plat, tx, s->d.be_path, "hotplug-status", "%s", "");
	dev_xs_ready(&err, &s->d, tx);
	return err;
}

static int device_attach(struct cli *c, const struct cli_domain *dom, json_t *o)
{
	const char *type = NULL, *backend = NULL;
	struct cli_domain be;
	struct saved_device s = { 0 };
	json_int_t devid = -1;
	char name[64];
	bool vbd;
	int err;

	if (json_unpack(o, "{s:s, s:I, s:s, s:o, s:o !}", "type", &type, "devid", &devid,
			"backend", &backend, "front", &s.front, "back", &s.back) ||
	    devid < 0 || devid > INT32_MAX || !json_is_object(s.front) ||
	    !json_is_object(s.back))
		return cli_fail(c, "a device of the saved machine makes no sense");
	vbd = !strcmp(type, "vbd");
	if (!vbd && strcmp(type, "vif"))
		return cli_fail(c, "a device of the type '%.40s' is not known", type);
	if (cli_find_domain(c, backend, &be))
		return CLI_EXIT_FAILURE;
	dev_xs_init(&s.d, c->plat, vbd ? "vbd" : "vif", dom->id, be.id, (uint32_t)devid);
	snprintf(name, sizeof(name), "%s %lld", type, (long long)devid);
	err = dev_xs_transaction(c->plat, create, &s);
	if (err == -EADDRINUSE)
		return cli_fail(c, "%s: vif %u of domain %u has its address", name,
				s.owner.devid, s.owner.frontend);
	if (err)
		return cli_fail(c, "device %s: %s", name,
				err == -EEXIST	  ? "is there twice"
				: err == -EBADMSG ? "its address makes no sense"
						  : cli_strerror(err));
	return cli_dev_settle(c, &s.d,
			      &(struct cli_dev_words){
				      name, vbd ? "tandem-blkback" : "tandem-netback",
				      "" });
}

int saved_devices_attach(struct cli *c, const struct cli_domain *dom, json_t *config)
{
	json_t *list = json_object_get(config, "devices"), *o;
	int status = 0;
	size_t i;

	if (json_array_size(list) > DEVICES_MAX)
		return cli_fail(c, "more than %u devices", DEVICES_MAX);
	json_array_foreach(list, i, o)
	{
		if (!status)
			status = device_attach(c, dom, o);
	}
	return status;
}

int saved_devices_check(struct cli *c, json_t *config)
{
	json_t *list = json_object_get(config, "devices"), *o;
	int status = 0;
	size_t i;

	json_array_foreach(list, i, o)
	{
		const char *name = json_string_value(json_object_get(o, "backend"));
		struct cli_domain backend;

		if (!status)
			status =
				name ? cli_find_domain(c, name, &backend)
				     : cli_fail(c, "a device of the saved machine has no "
						   "backend");
	}
	return status;
}

static bool let_go(const struct dev_xs *d, void *arg)
{
	int state = dev_xs_state(d);

	(void)arg;
	return state == XenbusStateClosed || state == XenbusStateUnknown;
}

/* The guest stands and cannot say that it is done with the device; so it is said for it.
 */
static int device_close(struct cli *c, struct dev_xs *d, bool served, void *arg)
{
	char path[96];
	int err = served ? dev_xs_close(d) : 0;

	(void)arg;
	snprintf(path, sizeof(path), "%s/state", d->fe_path);
	if (!err)
		err = xenstore_write(d->plat, XENSTORE_NO_TX, path, CLOSED);
	if (!err && served)
		err = dev_xs_wait(d, c->wait_ms, let_go, NULL);
	if (err == -ETIMEDOUT)
		return cli_fail(c, "%s: the backend did not close it within %g s",
				d->be_path, c->wait_ms / 1000.0);
	if (!err)
		err = dev_xs_remove(d);
	return err ? cli_fail(c, "%s: %s", d->fe_path, cli_strerror(err)) : 0;
}

static int device_remove(struct cli *c, struct dev_xs *d, bool served, void *arg)
{
	int err = dev_xs_remove(d);

	(void)served;
	(void)arg;
	return err ? cli_fail(c, "%s: %s", d->fe_path, cli_strerror(err)) : 0;
}

static int each_device(struct cli *c, const struct cli_domain *dom,
		       int (*fn)(struct cli *c, struct dev_xs *d, bool served, void *arg))
{
	int err = cli_each_dev(c, dom, "vbd", fn, NULL);

	if (!err)
		err = cli_each_dev(c, dom, "vif", fn, NULL);
	return err < 0 ? cli_fail(c, "xenstore: %s", cli_strerror(err)) : err;
}

int saved_devices_close(struct cli *c, const struct cli_domain *dom)
{
	return each_device(c, dom, device_close);
}

int saved_devices_again(struct cli *c, const struct cli_domain *dom, json_t *config)
{
	int status = each_device(c, dom, device_remove);

	return status ? status : saved_devices_attach(c, dom, config);
}
