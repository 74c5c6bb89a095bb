/* SPDX-License-Identifier: MIT */
/* tandem create, type="hvm": xl.cfg(5)'s keys of a PC. */
#include "tools/create_pc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/create_key.h"

#define DISPLAY_MAX 59635u /* ports end */
#define VNC_PORT    5900u
#define DAY	    86400

/* ------------------------------------------------------- keys that have one good value
 */

/* What this PC has, whatever is asked; NULL: nothing would be right. */
static const struct {
	const char *key, *value, *hint;
} fixed[] = {
	{ "acpi_laptop_slate", "0", NULL },
	{ "acpi_s3", "0", "it does not sleep" },
	{ "acpi_s4", "0", "it does not sleep" },
	{ "altp2m", "0", NULL },
	{ "bios", "seabios", "firmware_override=\"FILE\" names another firmware" },
	{ "device_model_args", NULL, "tandem-vm is the device model" },
	{ "device_model_args_hvm", NULL, "tandem-vm is the device model" },
	{ "device_model_override", NULL, "tandem-vm is the device model" },
	{ "device_model_version", "qemu-xen", "tandem-vm is the device model" },
	{ "dtdev", NULL, NULL },
	{ "gfx_passthru", "0", NULL },
	{ "hap", "1", "KVM decides" },
	{ "hdtype", "ide", NULL },
	{ "hpet", "0", NULL },
	{ "keymap", "en-us", NULL },
	{ "nestedhvm", "0", NULL },
	{ "nographic", "0", "vga=\"none\" would be right" },
	{ "nx", "1", NULL },
	{ "opengl", "0", NULL },
	{ "pae", "1", NULL },
	{ "pci", NULL, NULL },
	{ "sdl", "0", "vnc=1 would be right" },
	{ "soundhw", NULL, "the PC has no sound" },
	{ "spice", "0", "vnc=1 would be right" },
	{ "stdvga", "1", NULL },
	{ "usb", "0", "the PC has no USB" },
	{ "usbdevice", NULL, "the PC has a PS/2 mouse" },
	{ "usbversion", NULL, "the PC has no USB" },
	{ "vendor_device", "none", NULL },
	{ "videoram", "16", "the PC has 16 MiB" },
	{ "viridian", "0", NULL },
	{ "vkb_device", "0", NULL },
};

static int take_fixed(struct cli *c, struct pc_keys *k, const char *key,
		      const struct xlcfg_value *v)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		const char *hint = fixed[i].hint;

		if (strcmp(key, fixed[i].key))
			continue;
		if (!v->is_list && fixed[i].value && !strcmp(v->items[0], fixed[i].value))
			return 0;
		(void)k;
		return cli_fail(c, "not supported: %s%s%.40s%s%s", key,
				v->is_list ? "" : "=", v->is_list ? "" : v->items[0],
				hint ? "; " : "", hint ? hint : "");
	}
	return -ENOENT;
}

/* ----------------------------------------------------------------------- the others */

bool pc_boot_ok(const char *boot)
{
	for (const char *p = boot; *p; p++)
		if (!strchr("acdn", *p) || strchr(p + 1, *p))
			return false;
	return *boot;
}

static int take_boot(struct cli *c, struct pc_keys *k, const struct xlcfg_value *v)
{
	int status = key_string(c, "boot", v, &k->boot);

	if (!status && !pc_boot_ok(k->boot))
		return cli_fail(c,
				"boot '%.40s': letters of a floppy, c disk, d CD-ROM, n "
				"network, each once, would be right",
				k->boot);
	return status;
}

static int take_word(struct cli *c, const char *key, const struct xlcfg_value *v,
		     const char *yes, bool *is)
{
	const char *s = NULL;
	int status = key_string(c, key, v, &s);

	if (status)
		return status;
	*is = !strcmp(s, yes);
	if (*is || !strcmp(s, "none"))
		return 0;
	return cli_fail(c,
			"not supported: %s=\"%.40s\": \"%s\" or \"none\" would be "
			"right",
			key, s, yes);
}

static int take_vga(struct cli *c, struct pc_keys *k, const struct xlcfg_value *v)
{
	bool is = true;
	int status = take_word(c, "vga", v, "stdvga", &is);

	k->no_vga = !is;
	return status;
}

static int take_serial(struct cli *c, struct pc_keys *k, const struct xlcfg_value *v)
{
	return take_word(c, "serial", v, "pty", &k->serial);
}

static int take_offset(struct cli *c, struct pc_keys *k, const struct xlcfg_value *v)
{
	const char *s = NULL;
	uint64_t n = 0;
	int status = key_string(c, "rtc_timeoffset", v, &s);

	if (status)
		return status;
	if (cli_parse_number(*s == '-' ? s + 1 : s, DAY, &n))
		return cli_fail(c,
				"rtc_timeoffset '%.40s' is no number from -%d to %d "
				"seconds",
				s, DAY, DAY);
	k->time_offset = *s == '-' ? -(int32_t)n : (int32_t)n;
	return 0;
}

static int take_display(struct cli *c, struct pc_keys *k, const struct xlcfg_value *v)
{
	return key_number(c, "vncdisplay", v, 0, DISPLAY_MAX, &k->vncdisplay);
}

static const struct {
	const char *key;
	int (*take)(struct cli *c, struct pc_keys *k, const struct xlcfg_value *v);
} special[] = {
	{ "boot", take_boot },		{ "vga", take_vga },
	{ "serial", take_serial },	{ "rtc_timeoffset", take_offset },
	{ "vncdisplay", take_display },
};

static int take_one(struct cli *c, struct pc_keys *k, const char *key,
		    const struct xlcfg_value *v)
{
	const struct {
		const char *key, **to;
	} strings[] = {
		{ "firmware_override", &k->firmware },
		{ "vnclisten", &k->vnclisten },
		{ "vncpasswd", &k->vncpasswd },
	};

	const struct {
		const char *key;
		bool *to, inverse;
	} flags[] = {
		{ "vnc", &k->no_vnc, true },
		{ "vncunused", &k->vnc_fixed, true },
		{ "acpi", &k->no_acpi, true },
		{ "apic", &k->no_apic, true },
		{ "xen_platform_pci", &k->xen_platform, false },
		{ "localtime", &k->localtime, false },
	};

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		if (!strcmp(key, strings[i].key))
			return key_string(c, key, v, strings[i].to);
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		bool on = false;
		int status;

		if (strcmp(key, flags[i].key))
			continue;
		status = key_flag(c, key, v, &on);
		*flags[i].to = on != flags[i].inverse;
		return status;
	}
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (!strcmp(key, special[i].key))
			return special[i].take(c, k, v);
	return take_fixed(c, k, key, v);
}

int pc_key_take(struct cli *c, struct pc_keys *k, const char *key,
		const struct xlcfg_value *v)
{
	int status = take_one(c, k, key, v);

	if (!status && !k->given)
		k->given = key;
	return status;
}

/* ------------------------------------------------------------------- all of them */

/* As libxl: vnclisten may say the display behind a colon; one that is taken, and not
 * fixed, gives way to the next. */
static int vnc_make(struct pc_keys *k)
{
	const char *listen = k->vnclisten && *k->vnclisten ? k->vnclisten : "127.0.0.1";
	const char *colon = strchr(listen, ':'), *last = strrchr(listen, ':');
	const bool v6 = colon && colon != last && *listen != '[';
	uint64_t display = k->vncdisplay;
	int len = (int)strlen(listen), n;

	if (!strncmp(listen, "unix:", 5)) {
		k->vnc = strdup(listen);
		return k->vnc ? 0 : -ENOMEM;
	}
	if (colon && !v6 && (*listen != '[' || last[-1] == ']')) {
		if (cli_parse_number(last + 1, DISPLAY_MAX, &display))
			return -EINVAL;
		len = (int)(last - listen);
	}
	n = asprintf(&k->vnc, "%s%.*s%s:%u%s", v6 ? "[" : "", len, listen, v6 ? "]" : "",
		     VNC_PORT + (unsigned)display, k->vnc_fixed ? "" : "+");
	if (n < 0)
		k->vnc = NULL;
	return n < 0 ? -ENOMEM : 0;
}

int pc_keys_check(struct cli *c, struct pc_keys *k)
{
	int err = k->no_vga || k->no_vnc ? 0 : vnc_make(k);

	if (err == -EINVAL)
		return cli_fail(c,
				"vnclisten '%.80s': an address, or ADDRESS:DISPLAY, or "
				"unix:PATH would be right",
				k->vnclisten);
	if (err)
		return cli_fail(c, "out of memory");
	if (k->vncpasswd && strlen(k->vncpasswd) > 8)
		cli_warn(c, "vncpasswd: the protocol takes 8 characters of it");
	return 0;
}

void pc_keys_clear(struct pc_keys *k)
{
	free(k->vnc);
	k->vnc = NULL;
	for (unsigned i = 0; i < k->ndisks; i++)
		free(k->disk[i]);
	for (unsigned i = 0; i < k->nvifs; i++)
		free(k->vif[i]);
	k->ndisks = k->nvifs = 0;
}

void pc_vnc_address(const char *vnc, char *buf, size_t size)
{
	const char *colon = strncmp(vnc, "unix:", 5) ? strrchr(vnc, ':') : NULL;

	snprintf(buf, size, "%.*s", colon ? (int)(colon - vnc) : (int)strlen(vnc), vnc);
}
