/* SPDX-License-Identifier: MIT */
/*
 * tandem create, type="hvm": the keys of a PC for unmodified guests, its drives and
 * cards, and what tandem-vm is told of them.
 */
#ifndef TANDEM_TOOLS_CREATE_PC_H
#define TANDEM_TOOLS_CREATE_PC_H

#include "tools/create_dev.h"

#define PC_DRIVES   6u /* hda to hdd, fda, fdb */
#define PC_NICS	    4u
#define PC_ARGV_MAX 56

/* Strings are the configuration's, but where it says otherwise. */
struct pc_keys {
	const char *given; /* the first key that only a PC has; NULL: none */
	const char *firmware, *boot, *vnclisten, *vncpasswd;
	uint64_t vncdisplay;
	bool no_vnc, vnc_fixed, no_vga, no_acpi, no_apic, serial, xen_platform, localtime;
	int32_t time_offset; /* seconds */
	/* its own, once the keys are checked */
	char *vnc; /* as --vnc; NULL: no viewers */
	char *disk[PC_DRIVES], *vif[PC_NICS];
	unsigned ndisks, nvifs;
};

/* What a command line points into. */
struct pc_command {
	char offset[16];
};

/* create_pc.c. Takes a key that is a PC's. -ENOENT: it is none; else 0 or 2. */
int pc_key_take(struct cli *c, struct pc_keys *k, const char *key,
		const struct xlcfg_value *v);
/* Do they go together? 0 or 2 */
int pc_keys_check(struct cli *c, struct pc_keys *k);
/* Frees what is its own. */
void pc_keys_clear(struct pc_keys *k);
/* "cda": each letter once. */
bool pc_boot_ok(const char *boot);
/* The address of --vnc without its port. buf: size bytes; "unix:PATH" as it is. */
void pc_vnc_address(const char *vnc, char *buf, size_t size);

/*
 * create_pc_dev.c. Takes the drives and cards out of the devices of the configuration;
 * what is left there is for paravirtual drivers as well, or for them alone. 0 or 2
 */
int pc_devices_take(struct cli *c, struct pc_keys *k, struct guest_devices *d);
/* Its string for drive `drive`, or NULL; *index in k->disk. */
char *pc_disk_find(const struct pc_keys *k, unsigned drive, unsigned *index);
/* Can media be changed in it, and is there one? */
bool pc_disk_is_removable(const char *text);
bool pc_disk_is_empty(const char *text);
/* The string of that drive with another medium, or without one: NULL. malloc()ed; NULL:
 * out of memory. */
char *pc_disk_with(const char *text, const char *medium);

/* create_pc_cmd.c: puts the options at a, and returns where the line goes on. The
 * password goes into the environment. */
char **pc_command(const struct pc_keys *k, const char *uuid, struct pc_command *cmd,
		  char **a);
/* As JSON (vm_config.h). NULL: out of memory, or no UTF-8. */
json_t *pc_config_make(const struct pc_keys *k);
/* Takes such an object, from anybody; strings are then its own or k's. -EBADMSG */
int pc_config_take(json_t *config, struct pc_keys *k);
/* Its disks alone: what is in its drives now. */
int pc_config_disks(json_t *config, struct pc_keys *k);

#endif
