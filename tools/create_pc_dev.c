/* SPDX-License-Identifier: MIT */
/* tandem create, type="hvm": the PC's drives and network cards, of a configuration. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hv/base/cleanup.h"
#include "tools/create_pc.h"

_Static_assert(DISK_DRIVE_NONE == PC_DRIVES, "drives are numbered alike");

/* ---------------------------------------------------------------------------- drives */

/* A string's drive, and what else it says. DISK_DRIVE_NONE: it says nothing good. */
static unsigned drive_of(const char *text, bool *cdrom, bool *empty)
{
	cleanup_free char *why = NULL;
	struct disk_spec s;
	unsigned drive;

	if (disk_spec_parse(1, &text, &s, &why))
		return DISK_DRIVE_NONE;
	drive = disk_drive(s.devid);
	*cdrom = s.cdrom;
	*empty = !s.driver;
	disk_spec_clear(&s);
	return drive;
}

char *pc_disk_find(const struct pc_keys *k, unsigned drive, unsigned *index)
{
	bool cdrom, empty;

	for (unsigned i = 0; i < k->ndisks; i++) {
		if (drive_of(k->disk[i], &cdrom, &empty) != drive)
			continue;
		*index = i;
		return k->disk[i];
	}
	return NULL;
}

bool pc_disk_is_removable(const char *text)
{
	bool cdrom = false, empty;

	return drive_of(text, &cdrom, &empty) >= DISK_DRIVE_FLOPPY || cdrom;
}

bool pc_disk_is_empty(const char *text)
{
	bool cdrom, empty = false;

	(void)drive_of(text, &cdrom, &empty);
	return empty;
}

char *pc_disk_with(const char *text, const char *medium)
{
	static const char *const vdevs[] = { "hda", "hdb", "hdc", "hdd", "fda", "fdb" };
	bool cdrom, empty;
	const unsigned drive = drive_of(text, &cdrom, &empty);
	char *s;
	int n;

	if (drive == DISK_DRIVE_NONE)
		return NULL;
	if (!medium)
		n = asprintf(&s, "devtype=cdrom,vdev=%s", vdevs[drive]);
	else
		n = asprintf(&s, "%sformat=raw,access=ro,vdev=%s,target=%s",
			     drive < DISK_DRIVE_FLOPPY ? "devtype=cdrom," : "",
			     vdevs[drive], medium);
	return n < 0 ? NULL : s;
}

static int drive_add(struct cli *c, struct pc_keys *k, const struct disk_spec *s,
		     const char *text)
{
	unsigned other;

	if (pc_disk_find(k, disk_drive(s->devid), &other))
		return cli_fail(c, "disk: %s and '%.80s' are the same drive", s->vdev,
				k->disk[other]);
	if (s->backend && !k->xen_platform)
		cli_warn(
			c,
			"%s: backend= is not used: the PC's drive opens its image itself "
			"(xen_platform_pci=1 shows it to paravirtual drivers too)",
			s->vdev);
	if (s->iops || s->bps)
		return cli_fail(c, "%s: not supported: iops and bps of a PC's drive",
				s->vdev);
	k->disk[k->ndisks] = strdup(text);
	if (!k->disk[k->ndisks])
		return cli_fail(c, "out of memory");
	k->ndisks++;
	return 0;
}

static int take_disk(struct cli *c, struct pc_keys *k, const struct disk_spec *s,
		     const char *text, bool *paravirtual)
{
	const unsigned drive = disk_drive(s->devid);

	*paravirtual = k->xen_platform && s->backend && !s->cdrom &&
		       (drive < DISK_DRIVE_FLOPPY || drive == DISK_DRIVE_NONE);
	if (drive != DISK_DRIVE_NONE)
		return drive_add(c, k, s, text);
	return *paravirtual
		       ? 0
		       : cli_fail(c,
				  "%s is no drive of a PC: hda to hdd, xvda to xvdd, fda "
				  "or fdb would be right, or xen_platform_pci=1 and "
				  "backend= for paravirtual drivers",
				  s->vdev);
}

/* ----------------------------------------------------------------------------- cards */

static int mac_make(struct cli *c, struct vif_spec *v)
{
	static const uint8_t xen[3] = { 0x00, 0x16, 0x3e };

	if (v->has_mac)
		return 0;
	memcpy(v->mac, xen, sizeof(xen));
	if (getrandom(v->mac + 3, 3, 0) != 3)
		return cli_fail(c, "no random numbers: %s", strerror(errno));
	v->has_mac = true;
	return 0;
}

static int card_add(struct cli *c, struct pc_keys *k, const struct vif_spec *v,
		    const char *text, bool has_mac)
{
	char mac[VIF_MAC_TEXT];
	int n;

	if (k->nvifs == PC_NICS)
		return cli_fail(c, "vif: the PC has %u network cards at most", PC_NICS);
	if (v->backend && !k->xen_platform)
		cli_warn(c,
			 "vif: backend= is not used: the PC's card opens its port itself "
			 "(xen_platform_pci=1 shows it to paravirtual drivers too)");
	if (v->rate.usec || v->antispoof == VIF_YES || v->isolated == VIF_YES || v->vlan)
		return cli_fail(c, "vif: not supported: rate, antispoof, isolated and "
				   "vlan of a PC's card");
	if (has_mac)
		n = asprintf(&k->vif[k->nvifs], "%s", text);
	else
		n = asprintf(&k->vif[k->nvifs], "mac=%s%s%s", vif_mac_text(v->mac, mac),
			     *text ? "," : "", text);
	if (n < 0)
		return cli_fail(c, "out of memory");
	k->nvifs++;
	return 0;
}

static int take_vif(struct cli *c, struct pc_keys *k, struct vif_spec *v,
		    const char *text, bool *paravirtual)
{
	const bool has_mac = v->has_mac;
	int status = mac_make(c, v);

	*paravirtual = k->xen_platform && v->backend;
	if (status)
		return status;
	if (v->type == VIF_TYPE_IOEMU)
		v->type = VIF_TYPE_UNSET; /* which says, as in xl: both */
	if (v->type == VIF_TYPE_VIF)
		return *paravirtual
			       ? 0
			       : cli_fail(c, "vif: type=vif is for paravirtual drivers: "
					     "xen_platform_pci=1 and backend= would be "
					     "right");
	if (v->model && strcmp(v->model, "rtl8139") && strcmp(v->model, "pcnet") &&
	    strcmp(v->model, "e1000"))
		return cli_fail(c,
				"vif: not supported: model=%.40s: rtl8139, pcnet or "
				"e1000 would be right",
				v->model);
	return card_add(c, k, v, text, has_mac);
}

/* ------------------------------------------------------------------------------ both */

int pc_devices_take(struct cli *c, struct pc_keys *k, struct guest_devices *d)
{
	size_t ndisks = 0, nvifs = 0;
	bool paravirtual = false;
	int status = 0;

	for (size_t i = 0; i < d->ndisks; i++) {
		if (!status)
			status = take_disk(c, k, &d->disks[i], d->disk_text[i],
					   &paravirtual);
		if (paravirtual)
			d->disks[ndisks++] = d->disks[i];
		else
			disk_spec_clear(&d->disks[i]);
	}
	for (size_t i = 0; i < d->nvifs; i++) {
		if (!status)
			status =
				take_vif(c, k, &d->vifs[i], d->vif_text[i], &paravirtual);
		if (paravirtual)
			d->vifs[nvifs++] = d->vifs[i];
		else
			vif_spec_clear(&d->vifs[i]);
	}
	d->ndisks = ndisks;
	d->nvifs = nvifs;
	return status;
}
