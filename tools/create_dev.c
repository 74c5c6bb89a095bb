/* SPDX-License-Identifier: MIT */
/* tandem create: the disks and vifs of a configuration. */
#include "tools/create_dev.h"

#include <stdlib.h>
#include <string.h>

#include "tools/cmd_block.h"
#include "tools/cmd_network.h"

int devices_take_disks(struct cli *c, struct guest_devices *d,
		       const struct xlcfg_value *v)
{
	if (!v->is_list)
		return cli_fail(c, "disk is no list: disk=['DISK', ...] would be right");
	d->disk_text = v->items;
	d->disks = calloc(v->n + 1, sizeof(*d->disks));
	if (!d->disks)
		return cli_fail(c, "out of memory");
	for (size_t i = 0; i < v->n; i++) {
		const char *s = v->items[i];
		int status = cli_parse_disk(c, 1, &s, &d->disks[i]);

		if (status)
			return status;
		d->ndisks++;
		for (size_t k = 0; k < i; k++)
			if (d->disks[k].devid == d->disks[i].devid)
				return cli_fail(c, "disk: %s and %s are the same device",
						d->disks[k].vdev, d->disks[i].vdev);
	}
	return 0;
}

static bool devid_given(const struct guest_devices *d, uint32_t devid)
{
	for (size_t i = 0; i < d->nvifs; i++)
		if (d->vifs[i].devid == devid)
			return true;
	return false;
}

/* Numbers that are not given: each the lowest that is left, as in xl the index. */
static void number_vifs(struct guest_devices *d)
{
	uint32_t next = 0;

	for (size_t i = 0; i < d->nvifs; i++) {
		if (d->vifs[i].devid != VIF_DEVID_NONE)
			continue;
		while (devid_given(d, next))
			next++;
		d->vifs[i].devid = next;
	}
}

static int compare_vifs(struct cli *c, const struct vif_spec *a, const struct vif_spec *b)
{
	char mac[VIF_MAC_TEXT];

	if (a->devid != VIF_DEVID_NONE && a->devid == b->devid)
		return cli_fail(c, "vif: devid %u is given twice", a->devid);
	if (a->has_mac && b->has_mac && !memcmp(a->mac, b->mac, sizeof(a->mac)))
		return cli_fail(c, "vif: mac %s is given to two",
				vif_mac_text(a->mac, mac));
	return 0;
}

int devices_take_vifs(struct cli *c, struct guest_devices *d, const struct xlcfg_value *v)
{
	if (!v->is_list)
		return cli_fail(c, "vif is no list: vif=['VIF', ...] would be right");
	d->vif_text = v->items;
	d->vifs = calloc(v->n + 1, sizeof(*d->vifs));
	if (!d->vifs)
		return cli_fail(c, "out of memory");
	for (size_t i = 0; i < v->n; i++) {
		const char *s = v->items[i];
		int status = cli_parse_vif(c, 1, &s, &d->vifs[i]);

		if (!status)
			d->nvifs++;
		for (size_t k = 0; !status && k < i; k++)
			status = compare_vifs(c, &d->vifs[k], &d->vifs[i]);
		if (status)
			return status;
	}
	number_vifs(d);
	return 0;
}

int devices_attach(struct cli *c, const struct cli_domain *dom, struct guest_devices *d)
{
	int status = 0;

	for (size_t i = 0; !status && i < d->ndisks; i++)
		status = cli_attach(c, dom, &d->disks[i]);
	for (size_t i = 0; !status && i < d->nvifs; i++)
		status = cli_attach_vif(c, dom, &d->vifs[i]);
	return status;
}

void devices_clear(struct guest_devices *d)
{
	for (size_t i = 0; i < d->ndisks; i++)
		disk_spec_clear(&d->disks[i]);
	free(d->disks);
	for (size_t i = 0; i < d->nvifs; i++)
		vif_spec_clear(&d->vifs[i]);
	free(d->vifs);
	*d = (struct guest_devices){ 0 };
}
