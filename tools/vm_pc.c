/* SPDX-License-Identifier: MIT */
/* tandem-vm as the PC of an unmodified guest: put together, and taken apart. */
#include "tools/vm_pc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/pc/fw_cfg.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"
#include "tools/vm_pc_int.h"

#define ROM_MAX	 (1u << 20)
#define PATH_LEN 64
#define POLL_NS	 100000u /* as backends do */

static void firmware_says(void *arg, const char *line)
{
	const struct vm_pc *pc = arg;

	log_info("%s: firmware: %s", pc->board->vm->name, line);
}

/* ------------------------------------------------------------------------ boot order */

struct boots {
	char text[PCMACHINE_BOOTS][PATH_LEN];
	struct pcmachine_spec *spec;
};

static void boot_add(struct boots *b, const char *path)
{
	char *to = b->text[b->spec->nr_boots];

	snprintf(to, PATH_LEN, "%s", path);
	b->spec->bootorder[b->spec->nr_boots++] = to;
}

static void boot_drives(struct boots *b, const struct vm_pc *pc, char what)
{
	char path[PATH_LEN];

	for (unsigned i = 0; i < VM_PC_FLOPPY; i++) {
		if (!pc->drive[i].there || pc->drive[i].cdrom != (what == 'd'))
			continue;
		snprintf(path, sizeof(path), "/pci@i0cf8/ide@1,1/drive@%u/disk@%u", i / 2,
			 i % 2);
		boot_add(b, path);
	}
}

static void boot_nics(struct boots *b, const struct vm_pc *pc)
{
	char path[PATH_LEN];

	for (unsigned i = 0; i < pc->nr_nics; i++) {
		snprintf(path, sizeof(path), "/pci@i0cf8/ethernet@%x",
			 pcmachine_nic_slot(i));
		boot_add(b, path);
	}
}

/* "dca": each letter once (vm_opt.c). */
static void boot_order(struct boots *b, const struct vm_pc *pc)
{
	for (const char *p = pc->o->boot; *p; p++) {
		if (*p == 'a' && pc->drive[VM_PC_FLOPPY].there)
			boot_add(b, "/pci@i0cf8/isa@1/fdc@03f0/floppy@0");
		if (*p == 'c' || *p == 'd')
			boot_drives(b, pc, *p);
		if (*p == 'n')
			boot_nics(b, pc);
	}
}

/* ----------------------------------------------------------------------------- parts */

/* A file that firmware finds under a name. */
static int rom_add(struct vm_pc *pc, const char *text)
{
	const char *eq = strchr(text, '=');
	cleanup_free char *bytes = malloc(ROM_MAX);
	cleanup_close int fd = -1;
	char name[FW_CFG_NAME];
	ssize_t n;

	if (!eq || eq == text || (size_t)(eq - text) >= sizeof(name)) {
		log_err("--rom %s: NAME=FILE would be right", text);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(eq - text), text);
	fd = open(eq + 1, O_RDONLY | O_CLOEXEC);
	n = fd < 0 || !bytes ? -1 : read(fd, bytes, ROM_MAX);
	if (n < 0) {
		log_err("--rom %s: %s", text, strerror(errno));
		return -errno;
	}
	return fw_cfg_add_file(pc->machine.fw_cfg, name, bytes, (size_t)n);
}

static int devices_add(struct vm_pc *pc)
{
	struct pcmachine_spec s = { .clock = time(NULL),
				    .timezone = pc->o->timezone,
				    .boot = pc->o->boot,
				    .acpi = !pc->o->no_acpi,
				    .apic = !pc->o->no_apic,
				    .vga = !pc->o->no_vga,
				    .xen_platform = pc->o->xen_platform,
				    .floppy = { pc->drive[VM_PC_FLOPPY].there,
						pc->drive[VM_PC_FLOPPY + 1].there },
				    .serial = pc->serial ? vm_serial_peer(pc->serial)
							 : NULL,
				    .message = firmware_says,
				    .message_arg = pc };
	struct boots b = { .spec = &s };
	int err;

	memcpy(s.uuid, pc->o->uuid, sizeof(s.uuid));
	boot_order(&b, pc);
	err = pcmachine_add(&pc->machine, pc->board, &s);
	for (unsigned i = 0; i < pc->o->nroms && !err; i++)
		err = rom_add(pc, pc->o->rom[i]);
	if (err)
		log_err("%s: its devices: %s", pc->board->vm->name, strerror(-err));
	return err;
}

static int board_open(struct vm_pc *pc, struct vm *vm)
{
	int err = pcboard_open(&pc->board, vm, pc->loop);

	if (!err && pc->o->serial)
		err = vm_serial_open(&pc->serial, pc->loop, &pc->board->lock,
				     STDIN_FILENO, STDOUT_FILENO);
	if (!err)
		err = worker_new(&pc->worker, POLL_NS, -1);
	if (err)
		log_err("%s: its board: %s", vm->name, strerror(-err));
	return err;
}

int vm_pc_open(struct vm_pc **out, const struct vm_pc_options *o, struct vm *vm,
	       struct evloop *loop)
{
	struct vm_pc *pc = calloc(1, sizeof(*pc));
	int err;

	if (!pc)
		return -ENOMEM;
	*out = pc;
	pc->o = o;
	pc->loop = loop;
	pc->vnc_fd = -1;
	err = board_open(pc, vm);
	if (!err)
		err = vm_pc_media_open(pc);
	if (!err)
		err = vm_pc_nics_open(pc);
	if (!err)
		err = devices_add(pc);
	return err ? err : vm_pc_screen_open(pc);
}

int vm_pc_start(struct vm_pc *pc, bool wakes)
{
	int err = worker_run(pc->worker);

	pc->board->devices.holder = pc;
	pc->board->devices.let_go = vm_pc_media_let_go;
	pc->board->devices.hold = vm_pc_media_hold;
	if (!err && !wakes)
		err = vm_pc_media_hold(pc);
	if (!err)
		err = vm_pc_nics_start(pc);
	if (!err)
		err = vm_pc_screen_start(pc);
	if (!err && pc->serial)
		vm_serial_start(pc->serial, pc->machine.serial);
	return err;
}

int vm_pc_firmware(struct vm_pc *pc, const struct image *img, const char **why)
{
	return pcboard_firmware(pc->board, img, why);
}

struct pcboard *vm_pc_board(struct vm_pc *pc)
{
	return pc->board;
}

void vm_pc_close(struct vm_pc *pc)
{
	if (!pc)
		return;
	vm_pc_screen_stop(pc);
	if (pc->board) {
		vm_serial_close(pc->serial);
		vm_pc_lock(pc);
		vm_pc_media_stop(pc);
		vm_pc_unlock(pc);
		pcboard_close(pc->board);
	}
	vm_pc_nics_close(pc);
	vm_pc_media_close(pc);
	worker_free(pc->worker);
	free(pc);
}
