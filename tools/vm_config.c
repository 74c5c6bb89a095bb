/* SPDX-License-Identifier: MIT */
/* How a VM boots and what is done at its end, as JSON. */
#include "tools/vm_config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/kvm/pvh.h"
#include "tools/vmctl_client.h"

#define NOTE ".json" /* behind VMCTL_DIR/DOMID */

/* A file's name that is good in any directory. NULL: out of memory, or none. */
static char *absolute(const char *path)
{
	cleanup_free char *here = NULL;
	char *all;

	if (!path || *path == '/')
		return path ? strdup(path) : NULL;
	here = getcwd(NULL, 0);
	if (!here || asprintf(&all, "%s/%s", here, path) < 0)
		return NULL;
	return all;
}

static json_t *pc_make(const struct vm_keys *k)
{
	json_t *pc = pc_config_make(&k->pc), *firmware = json_object_get(pc, "firmware");
	cleanup_free char *path = absolute(json_string_value(firmware));

	if (!pc || !path || json_string_set(firmware, path)) {
		json_decref(pc);
		return NULL;
	}
	return json_pack("{s:o, s:b}", "pc", pc, "hugepages", k->hugepages);
}

static json_t *pvh_make(const struct vm_keys *k)
{
	cleanup_free char *kernel = absolute(k->kernel);
	cleanup_free char *ramdisk = absolute(k->ramdisk);
	cleanup_free char *cmdline = vm_cmdline_make(k);

	if (!kernel || !cmdline || (k->ramdisk && !ramdisk))
		return NULL;
	return json_pack("{s:s, s:s*, s:s, s:b}", "kernel", kernel, "ramdisk", ramdisk,
			 "cmdline", cmdline, "hugepages", k->hugepages);
}

static json_t *config_make(const struct vm_keys *k)
{
	json_t *o = k->hvm ? pc_make(k) : pvh_make(k);

	for (enum vm_end end = 0; o && end < VM_NR_ENDS; end++)
		json_object_set_new(o, life_end_key(end),
				    json_string(life_action_word(
					    life_action(&k->life, end))));
	return o;
}

/* All of it or what was there before: it is read at any time. */
static int note_write(domid_t domid, json_t *o)
{
	struct sockaddr_un at, new;
	int err = vmctl_address(domid, NOTE, &at);
	cleanup_close int fd = -1;

	if (!err)
		err = vmctl_address(domid, NOTE ".new", &new);
	if (err)
		return err;
	fd = open(new.sun_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!json_dumpfd(o, fd, JSON_COMPACT) && !rename(new.sun_path, at.sun_path))
		return 0;
	err = -errno;
	(void)unlink(new.sun_path); /* cannot fail in a way that matters: half a note */
	return err ? err : -EIO;
}

int vm_config_note(struct cli *c, domid_t domid, const struct vm_keys *k)
{
	json_t *o = config_make(k);
	int err = o ? note_write(domid, o) : 0, status = 0;

	if (!o)
		status =
			cli_fail(c, "paths and strings of the configuration: want UTF-8");
	else if (err)
		status = cli_fail(c, "noting its configuration: %s", strerror(-err));
	json_decref(o);
	return status;
}

/* ------------------------------------------------------------------- a PC's media */

int vm_config_disks(domid_t domid, struct pc_keys *k)
{
	json_t *o = vm_config_noted(domid), *pc = json_object_get(o, "pc");
	int err = pc ? pc_config_disks(pc, k) : -ENOENT;

	json_decref(o);
	return err;
}

int vm_config_set_disk(domid_t domid, unsigned index, const char *text)
{
	json_t *o = vm_config_noted(domid);
	json_t *disks = json_object_get(json_object_get(o, "pc"), "disks");
	int err = json_array_set_new(disks, index, json_string(text))
			  ? -ENOENT
			  : note_write(domid, o);

	json_decref(o);
	return err;
}

json_t *vm_config_noted(domid_t domid)
{
	struct sockaddr_un at;

	return vmctl_address(domid, NOTE, &at) ? NULL
					       : json_load_file(at.sun_path, 0, NULL);
}

void vm_config_forget(domid_t domid)
{
	vmctl_unlink(domid, NOTE);
}

static bool path_ok(const char *s)
{
	return *s == '/' && strlen(s) < PATH_MAX;
}

/* A kernel's keys, or a PC. */
static int boot_take(json_t *pc, struct vm_keys *k)
{
	k->hvm = pc;
	if (pc && (k->kernel || k->ramdisk || k->cmdline))
		return -EBADMSG;
	if (pc)
		return pc_config_take(pc, &k->pc);
	if (!k->kernel || !k->cmdline || !path_ok(k->kernel) ||
	    (k->ramdisk && !path_ok(k->ramdisk)) || strlen(k->cmdline) >= PVH_CMDLINE_MAX)
		return -EBADMSG;
	return 0;
}

int vm_config_take(json_t *config, struct vm_keys *k)
{
	const char *word[VM_NR_ENDS] = { NULL };
	int hugepages = 0;
	json_t *pc = NULL;

	if (json_unpack(config, "{s?s, s?s, s?s, s?o, s:b, s:s, s:s, s:s, s:s !}",
			"kernel", &k->kernel, "ramdisk", &k->ramdisk, "cmdline",
			&k->cmdline, "pc", &pc, "hugepages", &hugepages,
			life_end_key(VM_POWEROFF), &word[VM_POWEROFF],
			life_end_key(VM_REBOOT), &word[VM_REBOOT], life_end_key(VM_CRASH),
			&word[VM_CRASH], life_end_key(VM_WATCHDOG), &word[VM_WATCHDOG]))
		return -EBADMSG;
	for (enum vm_end end = 0; end < VM_NR_ENDS; end++) {
		k->life.on[end] = life_action_find(word[end]);
		if (k->life.on[end] == VM_ACTION_NONE)
			return -EBADMSG;
	}
	k->hugepages = hugepages;
	return boot_take(pc, k);
}
