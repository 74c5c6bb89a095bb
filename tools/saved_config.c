/* SPDX-License-Identifier: MIT */
/* A VM's configuration, out of xenstore into JSON, and checked on the way back. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "tools/saved.h"
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
	uint64_t kib = number_of(c, dom->id, "memory/static-max");
	uint64_t target = number_of(c, dom->id, "memory/target");
	uint32_t vcpus = vcpus_of(c, dom->id);
	uint32_t online = online_of(c, dom->id, vcpus);
	json_t *config, *devices = json_array();
	char uuid[UUID_TEXT];

	vm_xs_uuid(c, dom->id, uuid);
	if (!kib || !target || !online) {
		(void)cli_fail(c, "%s is no virtual machine", dom->name);
		json_decref(devices);
		return NULL;
	}
	config = json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:o}", "name", dom->name,
			   "uuid", uuid, "memory", (json_int_t)(target / KIB_PER_MIB),
			   "maxmem", (json_int_t)(kib / KIB_PER_MIB), "vcpus",
			   (int)online, "maxvcpus", (int)vcpus, "devices", devices);
	if (config && !saved_devices_make(c, dom, devices))
		return config;
	if (!config)
		(void)cli_fail(c, "out of memory");
	json_decref(config);
	return NULL;
}

int saved_config_check(json_t *config, const char **name, struct vm_keys *keys)
{
	json_int_t memory = 0, maxmem = 0, vcpus = 0, maxvcpus = 0;
	const char *uuid = NULL;
	json_t *devices = NULL;
	size_t len;

	if (json_unpack(config, "{s:s, s:s, s:I, s:I, s:I, s:I, s:o !}", "name", name,
			"uuid", &uuid, "memory", &memory, "maxmem", &maxmem, "vcpus",
			&vcpus, "maxvcpus", &maxvcpus, "devices", &devices) ||
	    !json_is_array(devices) || !uuid_ok(uuid))
		return -EBADMSG;
	len = strspn(*name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789_.-");
	if (!len || (*name)[len] || len >= HVCALL_NAME_MAX || memory < 2 ||
	    memory > maxmem || maxmem > MEMORY_MAX || vcpus < 1 || vcpus > maxvcpus ||
	    maxvcpus > VCPUS_MAX)
		return -EBADMSG;
	snprintf(keys->life.uuid, sizeof(keys->life.uuid), "%s", uuid);
	keys->memory = (uint64_t)memory;
	keys->maxmem = (uint64_t)maxmem;
	keys->vcpus = (uint64_t)vcpus;
	keys->maxvcpus = (uint64_t)maxvcpus;
	return 0;
}
