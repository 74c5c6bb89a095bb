/* SPDX-License-Identifier: MIT */
/* A PC's command line of tandem-vm, and its configuration as JSON. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/base/cleanup.h"
#include "tools/create_pc.h"

#define FIRMWARE "/usr/share/seabios/bios-256k.bin" /* Debian's seabios */
#define VGA_ROM	 "vgaroms/vgabios-stdvga.bin=/usr/share/seabios/vgabios-stdvga.bin"
#define PASSWORD "TANDEM_VNC_PASSWORD"

/* ----------------------------------------------------------------- the command line */

static const char *const models[] = { "rtl8139", "pcnet", "e1000" };

/* Debian's ipxe-qemu, by the names that SeaBIOS looks for. */
static const char *const boot_roms[] = {
	"pci10ec,8139.rom=/usr/lib/ipxe/qemu/pxe-rtl8139.rom",
	"pci1022,2000.rom=/usr/lib/ipxe/qemu/pxe-pcnet.rom",
	"pci8086,100e.rom=/usr/lib/ipxe/qemu/pxe-e1000.rom",
};

static bool has_model(const struct pc_keys *k, const char *model)
{
	for (unsigned i = 0; i < k->nvifs; i++) {
		const char *text = k->vif[i];
		cleanup_free char *why = NULL;
		struct vif_spec v;
		bool same;

		if (vif_spec_parse(1, &text, &v, &why))
			continue;
		same = !strcmp(v.model ? v.model : "rtl8139", model);
		vif_spec_clear(&v);
		if (same)
			return true;
	}
	return false;
}

static char **put(char **a, const char *option, const char *value)
{
	*a++ = (char *)(uintptr_t)option;
	if (value)
		*a++ = (char *)(uintptr_t)value;
	return a;
}

static char **put_roms(const struct pc_keys *k, char **a)
{
	if (!k->no_vga)
		a = put(a, "--rom", VGA_ROM);
	for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++)
		if (k->boot && strchr(k->boot, 'n') && has_model(k, models[i]))
			a = put(a, "--rom", boot_roms[i]);
	return a;
}

/* What the guest's clock is ahead of UTC: seconds, by today's rules of this place. */
static long clock_offset(const struct pc_keys *k)
{
	const time_t now = time(NULL);
	struct tm tm = { 0 };

	if (k->localtime)
		(void)localtime_r(&now, &tm); /* cannot fail: the year is a small one */
	return tm.tm_gmtoff + k->time_offset;
}

char **pc_command(const struct pc_keys *k, const char *uuid, struct pc_command *cmd,
		  char **a)
{
	const struct {
		bool on;
		const char *option;
	} flags[] = {
		{ k->no_vga, "--no-vga" },   { k->no_acpi, "--no-acpi" },
		{ k->no_apic, "--no-apic" }, { k->xen_platform, "--xen-platform" },
		{ k->serial, "--serial" },
	};

	snprintf(cmd->offset, sizeof(cmd->offset), "%ld", clock_offset(k));
	a = put(a, "--firmware", k->firmware ? k->firmware : FIRMWARE);
	a = put_roms(k, a);
	if (k->boot)
		a = put(a, "--boot", k->boot);
	for (unsigned i = 0; i < k->ndisks; i++)
		a = put(a, "--disk", k->disk[i]);
	for (unsigned i = 0; i < k->nvifs; i++)
		a = put(a, "--vif", k->vif[i]);
	if (k->vnc)
		a = put(a, "--vnc", k->vnc);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (flags[i].on)
			a = put(a, flags[i].option, NULL);
	a = put(a, "--time-offset", cmd->offset);
	a = put(a, "--uuid", uuid);
	/* cannot fail but for memory; without one tandem-vm lets only this machine in */
	if (k->vncpasswd && *k->vncpasswd)
		(void)setenv(PASSWORD, k->vncpasswd, 1);
	else
		(void)unsetenv(PASSWORD);
	return a;
}

/* -------------------------------------------------------------------------- as JSON */

static json_t *strings(char *const *s, unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(s[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

json_t *pc_config_make(const struct pc_keys *k)
{
	return json_pack("{s:s, s:s, s:s*, s:s*, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:b, "
			 "s:i}",
			 "firmware", k->firmware ? k->firmware : FIRMWARE, "boot",
			 k->boot ? k->boot : "cda", "vnc", k->vnc, "vncpasswd",
			 k->vncpasswd, "disks", strings(k->disk, k->ndisks), "vifs",
			 strings(k->vif, k->nvifs), "vga", !k->no_vga, "acpi",
			 !k->no_acpi, "apic", !k->no_apic, "serial", k->serial,
			 "xen_platform", k->xen_platform, "localtime", k->localtime,
			 "time_offset", (int)k->time_offset);
}

static int take_strings(json_t *list, char **to, unsigned max, unsigned *n)
{
	json_t *s;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > max)
		return -EBADMSG;
	json_array_foreach(list, i, s)
	{
		if (!json_is_string(s))
			return -EBADMSG;
		to[*n] = strdup(json_string_value(s));
		if (!to[*n])
			return -ENOMEM;
		++*n;
	}
	return 0;
}

/* tandem-vm looks closer; here it is said early. */
static int strings_check(const struct pc_keys *k)
{
	for (unsigned i = 0; i < k->ndisks; i++) {
		const char *text = k->disk[i];
		cleanup_free char *why = NULL;
		struct disk_spec s;

		if (disk_spec_parse(1, &text, &s, &why))
			return -EBADMSG;
		disk_spec_clear(&s);
	}
	for (unsigned i = 0; i < k->nvifs; i++) {
		const char *text = k->vif[i];
		cleanup_free char *why = NULL;
		struct vif_spec v;

		if (vif_spec_parse(1, &text, &v, &why))
			return -EBADMSG;
		vif_spec_clear(&v);
	}
	return 0;
}

int pc_config_disks(json_t *config, struct pc_keys *k)
{
	struct pc_keys now = { 0 };
	int err = take_strings(json_object_get(config, "disks"), now.disk, PC_DRIVES,
			       &now.ndisks);

	if (!err)
		err = strings_check(&now);
	if (err) {
		pc_keys_clear(&now);
		return err;
	}
	for (unsigned i = 0; i < k->ndisks; i++)
		free(k->disk[i]);
	memcpy(k->disk, now.disk, sizeof(k->disk));
	k->ndisks = now.ndisks;
	return 0;
}

int pc_config_take(json_t *config, struct pc_keys *k)
{
	int vga = 0, acpi = 0, apic = 0, serial = 0, xen = 0, local = 0, offset = 0;
	json_t *disks = NULL, *vifs = NULL;
	const char *vnc = NULL;
	int err;

	if (json_unpack(config,
			"{s:s, s:s, s?s, s?s, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:b, "
			"s:i !}",
			"firmware", &k->firmware, "boot", &k->boot, "vnc", &vnc,
			"vncpasswd", &k->vncpasswd, "disks", &disks, "vifs", &vifs, "vga",
			&vga, "acpi", &acpi, "apic", &apic, "serial", &serial,
			"xen_platform", &xen, "localtime", &local, "time_offset",
			&offset) ||
	    *k->firmware != '/' || strlen(k->firmware) >= PATH_MAX ||
	    !pc_boot_ok(k->boot) || (vnc && !vga))
		return -EBADMSG;
	k->no_vga = !vga;
	k->no_acpi = !acpi;
	k->no_apic = !apic;
	k->serial = serial;
	k->xen_platform = xen;
	k->localtime = local;
	k->time_offset = offset;
	if (vnc && !(k->vnc = strdup(vnc)))
		return -ENOMEM;
	err = take_strings(disks, k->disk, PC_DRIVES, &k->ndisks);
	if (!err)
		err = take_strings(vifs, k->vif, PC_NICS, &k->nvifs);
	if (!err)
		err = strings_check(k);
	if (err)
		pc_keys_clear(k);
	return err;
}
