/* SPDX-License-Identifier: MIT */
/* How a VM boots and what is done at its end, as JSON. */
#include "tools/vm_config.h"

#include <errno.h>
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

static json_t *config_make(const struct vm_keys *k)
{
	cleanup_free char *kernel = absolute(k->kernel);
	cleanup_free char *ramdisk = absolute(k->ramdisk);
	cleanup_free char *cmdline = vm_cmdline_make(k);
	json_t *o;

	if (!kernel || !cmdline || (k->ramdisk && !ramdisk))
		return NULL;
	o = json_pack("{s:s, s:s*, s:s, s:b}", "kernel", kernel, "ramdisk", ramdisk,
		      "cmdline", cmdline, "hugepages", k->hugepages);
	for (enum vm_end end = 0; o && end < VM_NR_ENDS; end++)
		json_object_set_new(o, life_end_key(end),
				    json_string(life_action_word(
					    life_action(&k->life, end))));
	return o;
}

int vm_config_note(struct cli *c, domid_t domid, const struct vm_keys *k)
{
	struct sockaddr_un at;
	json_t *o = config_make(k);
	int err = vmctl_address(domid, NOTE, &at), status = 0;

	if (!o)
		status = cli_fail(c, "kernel, ramdisk and cmdline: want UTF-8");
	else if (err || json_dump_file(o, at.sun_path, JSON_COMPACT))
		status = cli_fail(c, "noting its configuration: %s",
				  strerror(err ? -err : errno));
	json_decref(o);
	return status;
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

int vm_config_take(json_t *config, struct vm_keys *k)
{
	const char *word[VM_NR_ENDS] = { NULL };
	int hugepages = 0;

	if (json_unpack(config, "{s:s, s?s, s:s, s:b, s:s, s:s, s:s, s:s !}", "kernel",
			&k->kernel, "ramdisk", &k->ramdisk, "cmdline", &k->cmdline,
			"hugepages", &hugepages, life_end_key(VM_POWEROFF),
			&word[VM_POWEROFF], life_end_key(VM_REBOOT), &word[VM_REBOOT],
			life_end_key(VM_CRASH), &word[VM_CRASH],
			life_end_key(VM_WATCHDOG), &word[VM_WATCHDOG]))
		return -EBADMSG;
	if (!path_ok(k->kernel) || (k->ramdisk && !path_ok(k->ramdisk)) ||
	    strlen(k->cmdline) >= PVH_CMDLINE_MAX)
		return -EBADMSG;
	for (enum vm_end end = 0; end < VM_NR_ENDS; end++) {
		k->life.on[end] = life_action_find(word[end]);
		if (k->life.on[end] == VM_ACTION_NONE)
			return -EBADMSG;
	}
	k->hugepages = hugepages;
	return 0;
}
