/* SPDX-License-Identifier: MIT */
/* tandem network-attach, network-detach, network-rate. */
#include "tools/cmd_network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmds.h"

/* ------------------------------------------------------------------- attach */

static int mac_taken(struct cli *c, const struct vif_spec *spec,
		     const struct vif_xs_owner *owner)
{
	struct cli_domain dom;
	char mac[VIF_MAC_TEXT];

	if (cli_next_domain(c, owner->frontend, &dom) || dom.id != owner->frontend)
		snprintf(dom.name, sizeof(dom.name), "domain %u", owner->frontend);
	return cli_fail(c,
			"mac %s: the vif %s/%u has that address: another one, or none, "
			"would be right",
			vif_mac_text(spec->mac, mac), dom.name, owner->devid);
}

int cli_attach_vif(struct cli *c, const struct cli_domain *dom, struct vif_spec *spec)
{
	char name[HVCALL_NAME_MAX + 16];
	struct cli_dev_words words = { name, "tandem-netback", "" };
	struct cli_domain backend = { 0 };
	struct vif_xs_owner owner;
	struct dev_xs d;
	int err;

	if (spec->type == VIF_TYPE_IOEMU)
		return cli_fail(c, "not supported: type=ioemu, but for a PC's; vif is");
	if (spec->backend && cli_find_domain(c, spec->backend, &backend))
		return CLI_EXIT_FAILURE;
	err = vif_xs_create(&d, c->plat, dom->id, backend.id, spec, &owner);
	snprintf(name, sizeof(name), "%s/%u", dom->name, d.devid);
	if (err == -EEXIST)
		return cli_fail(c, "devid %u: %s has that device already", d.devid,
				dom->name);
	if (err == -EADDRINUSE)
		return mac_taken(c, spec, &owner);
	if (err)
		return cli_fail(c, "%s: xenstore: %s", name, cli_strerror(err));
	return cli_dev_settle(c, &d, &words);
}

int cli_parse_vif(struct cli *c, int n, const char *const *strings, struct vif_spec *spec)
{
	char *why;
	int err = vif_spec_parse(n, strings, spec, &why), status;

	if (!err)
		return 0;
	status = cli_fail(c, "'%.200s': %s", n ? strings[0] : "",
			  why ? why : strerror(-err));
	free(why);
	return status;
}

static int run_attach(struct cli *c)
{
	struct cli_domain dom;
	struct vif_spec spec;
	int status =
		cli_parse_vif(c, c->argc - 1, (const char *const *)c->argv + 1, &spec);

	if (status)
		return status;
	status = cli_need_plat(c);
	if (!status)
		status = cli_find_domain(c, c->argv[0], &dom);
	if (!status)
		status = cli_attach_vif(c, &dom, &spec);
	if (!status && c->json) {
		char mac[VIF_MAC_TEXT];

		status = cli_print_json(c,
					json_pack("{s:i, s:s}", "devid", (int)spec.devid,
						  "mac", vif_mac_text(spec.mac, mac)));
	}
	vif_spec_clear(&spec);
	return status;
}

/* --------------------------------------------------------------- detach, rate */

int cli_find_vif(struct cli *c, const struct cli_domain *dom, const char *name,
		 struct dev_xs *d, bool *served)
{
	uint64_t number = 0;
	uint32_t devid = 0;
	uint8_t mac[6];
	int err = 0;

	if (!vif_mac_parse(name, mac))
		err = vif_xs_find_mac(c->plat, dom->id, mac, &devid);
	else if (!cli_parse_number(name, INT32_MAX, &number))
		devid = (uint32_t)number;
	else
		return cli_fail(
			c,
			"'%.64s' is no vif: its number or MAC address, such as 0 or "
			"00:16:3e:01:02:03, would be right",
			name);
	if (!err) {
		err = dev_xs_find(d, c->plat, "vif", dom->id, devid);
		*served = !err;
		if (err == -ENOENT && dev_xs_exists(d, XENSTORE_NO_TX))
			err = 0;
	}
	if (err == -ENOENT)
		return cli_fail(c, "%s has no vif %s: see tandem network-list %s",
				dom->name, name, dom->name);
	return err ? cli_fail(c, "xenstore: %s", cli_strerror(err)) : 0;
}

/* DOM DEVID|MAC of the command line. */
static int find_vif(struct cli *c, struct dev_xs *d, bool *served)
{
	struct cli_domain dom;

	if (cli_need_plat(c) || cli_find_domain(c, c->argv[0], &dom))
		return CLI_EXIT_FAILURE;
	return cli_find_vif(c, &dom, c->argv[1], d, served);
}

static int run_detach(struct cli *c)
{
	struct dev_xs d;
	bool served;
	int status = find_vif(c, &d, &served);

	return status ? status : cli_dev_detach(c, &d, served, c->argv[1]);
}

static int run_rate(struct cli *c)
{
	const char *text = c->argv[2];
	struct vif_rate rate = { 0 };
	struct dev_xs d;
	bool served;
	int err = strcmp(text, "none") ? vif_rate_parse(text, &rate) : 0;

	if (err)
		return cli_fail(c, "rate '%.80s' is %s: none, or " VIF_RATE_WANT, text,
				err == -ERANGE ? "too large" : "no rate");
	if (find_vif(c, &d, &served))
		return CLI_EXIT_FAILURE;
	err = served ? vif_xs_set_rate(&d, &rate) : -ENOENT;
	if (err == -ENOENT)
		return cli_fail(c, "%s: no backend has it", c->argv[1]);
	return err ? cli_fail(c, "%s: xenstore: %s", c->argv[1], cli_strerror(err)) : 0;
}

/* -------------------------------------------------------------------- table */

static const struct argp_option attach_options[] = {
	{ "wait", CLI_WAIT, "SECONDS", 0,
	  "wait so long for the backend (10); 0: do not wait", 0 },
	{ "json", CLI_JSON, NULL, 0, "print the number and the address as JSON", 0 },
	{ 0 },
};

const struct verb verbs_network[] = {
	{ .name = "network-attach",
	  .args = "DOM [VIF...]",
	  .summary = "give a virtual network interface to a domain",
	  .doc = "VIF is a vif string, tandem-network(5), such as "
		 "'mac=00:16:3e:01:02:03,bridge=br0,backend=drvnet,rate=1Gb/s'. Several "
		 "strings describe one interface together.",
	  .options = attach_options,
	  .min_args = 1,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_attach },
	{ .name = "network-detach",
	  .args = "DOM DEVID|MAC",
	  .summary = "take a virtual network interface away",
	  .options = cli_detach_options,
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_detach },
	{ .name = "network-list",
	  .args = "[DOM]",
	  .summary = "list virtual network interfaces",
	  .options = cli_list_options,
	  .min_args = 0,
	  .max_args = 1,
	  .run = cli_network_list },
	{ .name = "network-rate",
	  .args = "DOM DEVID|MAC RATE",
	  .summary = "change how much a virtual network interface may send",
	  .doc = "RATE is as behind rate= in a vif string: 10Mb/s, 1MB/s@20ms; or none.",
	  .min_args = 3,
	  .max_args = 3,
	  .run = run_rate },
	{ 0 },
};
