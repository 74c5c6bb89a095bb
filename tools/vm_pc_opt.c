/* SPDX-License-Identifier: MIT */
/* tandem-vm's options that a PC has. */
#include <string.h>

#include "hv/base/num.h"
#include "tools/opt.h"
#include "tools/vm_opt.h"

#define DAY 86400

enum {
	OPT_FIRMWARE = 512,
	OPT_DISK,
	OPT_VIF,
	OPT_ROM,
	OPT_BOOT,
	OPT_VNC,
	OPT_SERIAL,
	OPT_NO_VGA,
	OPT_NO_ACPI,
	OPT_NO_APIC,
	OPT_XEN_PLATFORM,
	OPT_TIME_OFFSET,
	OPT_UUID
};

static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "A PC with emulated devices, for unmodified guests:", 0 },
	{ "firmware", OPT_FIRMWARE, "FILE", 0,
	  "its firmware (SeaBIOS), instead of a kernel", 0 },
	{ "disk", OPT_DISK, "SPEC", 0,
	  "a drive, as tandem-disk(5): vdev=hda to hdd, fda, fdb; may be given again",
	  0 },
	{ "vif", OPT_VIF, "SPEC", 0,
	  "a network card, as tandem-network(5), with its mac; model=rtl8139 (the "
	  "default), pcnet or e1000; may be given again",
	  0 },
	{ "rom", OPT_ROM, "NAME=FILE", 0,
	  "what the firmware finds under a name: vgaroms/NAME, pci8086,100e.rom...; may "
	  "be given again",
	  0 },
	{ "boot", OPT_BOOT, "ORDER", 0, "of a floppy, c disk, d CD-ROM, n network (cda)",
	  0 },
	{ "vnc", OPT_VNC, "WHERE", 0,
	  "let viewers in at unix:PATH, ADDRESS:PORT, or ADDRESS:PORT+ for the next that "
	  "is free; $TANDEM_VNC_PASSWORD is their password",
	  0 },
	{ "serial", OPT_SERIAL, NULL, 0, "COM1 is stdin and stdout", 0 },
	{ "no-vga", OPT_NO_VGA, NULL, 0, "no screen", 0 },
	{ "no-acpi", OPT_NO_ACPI, NULL, 0, "no ACPI", 0 },
	{ "no-apic", OPT_NO_APIC, NULL, 0, "tables that tell of no IOAPIC", 0 },
	{ "xen-platform", OPT_XEN_PLATFORM, NULL, 0,
	  "Xen's leaves and platform device, for paravirtual drivers", 0 },
	{ "time-offset", OPT_TIME_OFFSET, "SECONDS", 0,
	  "what its clock is ahead of UTC (0)", 0 },
	{ "uuid", OPT_UUID, "UUID", 0, "what SMBIOS says", 0 },
	{ 0 },
};

static void list_add(const char *option, const char **list, unsigned *n, unsigned max,
		     const char *arg)
{
	if (*n == max)
		opt_error("--%s: at most %u times", option, max);
	list[(*n)++] = arg;
}

static void take_boot(struct vm_pc_options *o, const char *arg)
{
	for (const char *p = arg; *p; p++)
		if (!strchr("acdn", *p) || strchr(p + 1, *p))
			opt_error("--boot %s: letters of a, c, d, n, each once, would be "
				  "right",
				  arg);
	o->boot = arg;
}

static void take_offset(struct vm_pc_options *o, const char *arg)
{
	uint64_t n = 0;

	if (num_parse_u64(*arg == '-' ? arg + 1 : arg, DAY, &n))
		opt_error("--time-offset %s: want at most %d seconds", arg, DAY);
	o->timezone = *arg == '-' ? -(int32_t)n : (int32_t)n;
}

static int hex(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *d = c ? strchr(digits, c) : NULL;
	const int at = d ? (int)(d - digits) : -1;

	return at < 16 ? at : at - 6;
}

static void take_uuid(struct vm_pc_options *o, const char *arg)
{
	const char *p = arg;
	unsigned n = 0;

	for (; *p && n < sizeof(o->uuid); n++) {
		p += *p == '-';
		if (hex(p[0]) < 0 || hex(p[1]) < 0)
			break;
		o->uuid[n] = (uint8_t)(hex(p[0]) << 4 | hex(p[1]));
		p += 2;
	}
	if (*p || n != sizeof(o->uuid))
		opt_error("--uuid %s: 32 hexadecimal digits would be right", arg);
}

static error_t parse_flag(int key, struct vm_pc_options *o)
{
	switch (key) {
	case OPT_SERIAL:
		o->serial = true;
		break;
	case OPT_NO_VGA:
		o->no_vga = true;
		break;
	case OPT_NO_ACPI:
		o->no_acpi = true;
		break;
	case OPT_NO_APIC:
		o->no_apic = true;
		break;
	case OPT_XEN_PLATFORM:
		o->xen_platform = true;
		break;
	case ARGP_KEY_END:
		if (o->vnc && o->no_vga)
			opt_error("--vnc: there is no screen");
		if (!o->firmware && (o->ndisks || o->nvifs || o->nroms || o->vnc ||
				     o->serial || o->xen_platform))
			opt_error("--firmware: only a PC has drives, cards, a screen and "
				  "a serial port here");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct vm_pc_options *o = state->input;

	switch (key) {
	case OPT_FIRMWARE:
		o->firmware = arg;
		break;
	case OPT_DISK:
		list_add("disk", o->disk, &o->ndisks, VM_PC_DISKS_MAX, arg);
		break;
	case OPT_VIF:
		list_add("vif", o->vif, &o->nvifs, PCMACHINE_NICS, arg);
		break;
	case OPT_ROM:
		list_add("rom", o->rom, &o->nroms, VM_PC_ROMS_MAX, arg);
		break;
	case OPT_BOOT:
		take_boot(o, arg);
		break;
	case OPT_VNC:
		o->vnc = arg;
		break;
	case OPT_TIME_OFFSET:
		take_offset(o, arg);
		break;
	case OPT_UUID:
		take_uuid(o, arg);
		break;
	default:
		return parse_flag(key, o);
	}
	return 0;
}

const struct argp vm_pc_argp = { option_table, parse, NULL, NULL, NULL, NULL, NULL };
