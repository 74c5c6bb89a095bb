/* SPDX-License-Identifier: MIT */
/* A VM's configuration, out of xenstore into JSON, and checked on the way back. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_domain.h"
#include "tools/saved.h"
#include "tools/vm_config.h"
#include "tools/vm_xs.h"

#define KIB_PER_MIB 1024u
#define MEMORY_MAX  (1024u * 1024) /* MiB */
#define VCPUS_MAX   32u

static uint64_t number_of(struct cli *c, domid_t domid, const char *key)
{
	cleanup_free char *text = NULL;
	char path[96];
	uint64_t n;

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, key);
	if (xenstore_read(c->plat, XENSTORE_NO_TX, path, &text, NULL) ||
	    cli_parse_number(text, UINT64_MAX, &n))
		return 0;
	return n;
}

static uint32_t vcpus_of(struct cli *c, domid_t domid)
{
	cleanup_free char **names = NULL;
	char path[64];
	uint32_t n = 0;

	snprintf(path, sizeof(path), "/local/domain/%u/cpu", domid);
	return xenstore_directory(c->plat, XENSTORE_NO_TX, path, &names, &n) ? 0 : n;
}

static bool is_online(struct cli *c, domid_t domid, uint32_t vcpu)
{
	cleanup_free char *text = NULL;
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", domid, vcpu);
	return !xenstore_read(c->plat, XENSTORE_NO_TX, path, &text, NULL) &&
	       !strcmp(text, "online");
}

/* vcpu-set takes the last ones away. */
static uint32_t online_of(struct cli *c, domid_t domid, uint32_t vcpus)
{
	uint32_t n = 0;

	while (n < vcpus && is_online(c, domid, n))
		n++;
	return n;
}

json_t *saved_config_make(struct cli *c, const struct cli_domain *dom)
{
	uint64_t maxmem = number_of(c, dom->id, "memory/static-max");
	uint64_t target = number_of(c, dom->id, "memory/target");
	uint64_t limit = number_of(c, dom->id, "memory/max");
	uint32_t vcpus = vcpus_of(c, dom->id);
	uint32_t online = online_of(c, dom->id, vcpus);
	json_t *config, *devices = json_array(), *boot = vm_config_noted(dom->id);
	char uuid[UUID_TEXT];

	vm_xs_uuid(c, dom->id, uuid);
	if (!maxmem || !target || !limit || !online || !boot) {
		(void)cli_fail(c, "%s is no virtual machine", dom->name);
		json_decref(devices);
		json_decref(boot);
		return NULL;
	}
	config = json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:o, s:o}", "name",
			   dom->name, "uuid", uuid, "target", (json_int_t)target, "limit",
			   (json_int_t)limit, "maxmem", (json_int_t)maxmem, "vcpus",
			   (int)online, "maxvcpus", (int)vcpus, "devices", devices,
			   "boot", boot);
	if (config && !saved_devices_make(c, dom, devices))
		return config;
	if (!config)
		(void)cli_fail(c, "out of memory");
	json_decref(config);
	return NULL;
}

int saved_config_take(json_t *config, const char **name, struct vm_keys *keys)
{
	json_int_t target = 0, limit = 0, maxmem = 0, vcpus = 0, maxvcpus = 0;
	json_t *devices = NULL, *boot = NULL;
	const char *uuid = NULL;

	if (json_unpack(config, "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o !}", "name",
			name, "uuid", &uuid, "target", &target, "limit", &limit, "maxmem",
			&maxmem, "vcpus", &vcpus, "maxvcpus", &maxvcpus, "devices",
			&devices, "boot", &boot) ||
	    !json_is_array(devices) || !uuid_ok(uuid) || !domain_name_ok(*name))
		return -EBADMSG;
	if (target < 2 * KIB_PER_MIB || target > limit || limit > maxmem ||
	    maxmem > (json_int_t)MEMORY_MAX * KIB_PER_MIB || maxmem % KIB_PER_MIB ||
	    vcpus < 1 || vcpus > maxvcpus || maxvcpus > VCPUS_MAX)
		return -EBADMSG;
	snprintf(keys->life.uuid, sizeof(keys->life.uuid), "%s", uuid);
	keys->target_kib = (uint64_t)target;
	keys->limit_kib = (uint64_t)limit;
	keys->memory = (uint64_t)target / KIB_PER_MIB;
	keys->maxmem = (uint64_t)maxmem / KIB_PER_MIB;
	keys->vcpus = (uint64_t)vcpus;
	keys->maxvcpus = (uint64_t)maxvcpus;
	return vm_config_take(boot, keys);
}
