/* SPDX-License-Identifier: MIT */
/* tandem create, type="pvh" and "hvm": a VM's keys. */
#include "tools/create_vm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/create_key.h"

#define MEMORY_MAX (1024u * 1024) /* MiB */
#define VCPUS_MAX  32u

int vm_key_take(struct cli *c, struct vm_keys *k, const char *key,
		const struct xlcfg_value *v)
{
	const struct {
		const char *key, **to;
	} strings[] = {
		{ "kernel", &k->kernel },   { "ramdisk", &k->ramdisk },
		{ "cmdline", &k->cmdline }, { "root", &k->root },
		{ "extra", &k->extra },
	};

	const struct {
		const char *key;
		uint64_t max, *to;
	} numbers[] = {
		{ "memory", MEMORY_MAX, &k->memory },
		{ "maxmem", MEMORY_MAX, &k->maxmem },
		{ "vcpus", VCPUS_MAX, &k->vcpus },
		{ "maxvcpus", VCPUS_MAX, &k->maxvcpus },
	};
	int status;

	if (!strcmp(key, "hugepages"))
		return key_flag(c, key, v, &k->hugepages);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(key, numbers[i].key))
			return key_number(c, key, v, 1, numbers[i].max, numbers[i].to);
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		if (!strcmp(key, strings[i].key))
			return key_string(c, key, v, strings[i].to);
	status = life_key_take(c, &k->life, key, v);
	return status == -ENOENT ? pc_key_take(c, &k->pc, key, v) : status;
}

bool vm_keys_given(const struct vm_keys *k)
{
	return k->kernel || k->ramdisk || k->cmdline || k->root || k->extra ||
	       k->memory || k->maxmem || k->vcpus || k->maxvcpus || k->hugepages ||
	       k->pc.given || life_given(&k->life);
}

void vm_keys_clear(struct vm_keys *k)
{
	pc_keys_clear(&k->pc);
}

#define MEMORY_DEFAULT 256u

static uint64_t memory_of(const struct vm_keys *k)
{
	return k->memory ? k->memory : MEMORY_DEFAULT;
}

static uint64_t maxmem_of(const struct vm_keys *k)
{
	return k->maxmem ? k->maxmem : memory_of(k);
}

static uint64_t target_of(const struct vm_keys *k)
{
	return k->target_kib ? k->target_kib : memory_of(k) * 1024;
}

/* As in xl: one of the two says both. */
static uint64_t maxvcpus_of(const struct vm_keys *k)
{
	return k->maxvcpus ? k->maxvcpus : k->vcpus ? k->vcpus : 1;
}

static uint64_t vcpus_of(const struct vm_keys *k)
{
	return k->vcpus ? k->vcpus : maxvcpus_of(k);
}

static int check_pvh(struct cli *c, const struct vm_keys *k)
{
	if (k->pc.given)
		return cli_fail(c, "%s is a PC's: type=\"hvm\" would be right",
				k->pc.given);
	if (!k->kernel)
		return cli_fail(c, "kernel is missing: kernel=\"/path/to/vmlinuz\" would "
				   "be right");
	return 0;
}

static int check_hvm(struct cli *c, struct vm_keys *k)
{
	if (k->kernel || k->ramdisk || k->cmdline || k->root || k->extra)
		return cli_fail(c, "not supported: kernel, ramdisk, cmdline, root and "
				   "extra with type=\"hvm\": a PC boots from its disks; "
				   "type=\"pvh\" would be right");
	if (maxmem_of(k) != memory_of(k))
		return cli_fail(c, "not supported: maxmem other than memory with "
				   "type=\"hvm\": a PC has no balloon");
	if (maxvcpus_of(k) != vcpus_of(k))
		return cli_fail(c, "not supported: maxvcpus other than vcpus with "
				   "type=\"hvm\"");
	return pc_keys_check(c, &k->pc);
}

int vm_keys_check(struct cli *c, struct vm_keys *k)
{
	if (maxmem_of(k) < memory_of(k))
		return cli_fail(c, "maxmem %" PRIu64 " is less than memory, %" PRIu64,
				maxmem_of(k), memory_of(k));
	if (maxvcpus_of(k) < vcpus_of(k))
		return cli_fail(c, "maxvcpus %" PRIu64 " is less than vcpus, %" PRIu64,
				maxvcpus_of(k), vcpus_of(k));
	return k->hvm ? check_hvm(c, k) : check_pvh(c, k);
}

static int key_write(struct cli *c, domid_t domid, const char *key, const char *value)
{
	char path[96];
	int err;

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, key);
	err = xenstore_write(c->plat, XENSTORE_NO_TX, path, value);
	return err ? cli_fail(c, "xenstore: %s: %s", path, cli_strerror(err)) : 0;
}

/* A directory of the domain's that it reads, and only the toolstack writes. */
static int dir_make(struct cli *c, domid_t domid, const char *key)
{
	char path[96], perms[24];
	int err;

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, key);
	snprintf(perms, sizeof(perms), "n0 r%u", domid);
	err = xenstore_mkdir(c->plat, XENSTORE_NO_TX, path);
	if (!err)
		err = xenstore_set_perms(c->plat, XENSTORE_NO_TX, path, perms);
	return err ? cli_fail(c, "xenstore: %s: %s", path, cli_strerror(err)) : 0;
}

static int number_write(struct cli *c, domid_t domid, const char *key, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return key_write(c, domid, key, text);
}

int vm_keys_write(struct cli *c, const struct vm_keys *k, domid_t domid)
{
	char key[48];
	int status = dir_make(c, domid, "memory");

	if (!status)
		status = dir_make(c, domid, "cpu");
	if (!status)
		status = number_write(c, domid, "memory/static-max", maxmem_of(k) * 1024);
	if (!status)
		status = number_write(c, domid, "memory/target", target_of(k));
	if (!status)
		status = number_write(c, domid, "memory/max",
				      k->limit_kib ? k->limit_kib : target_of(k));
	for (unsigned i = 0; !status && i < maxvcpus_of(k); i++) {
		snprintf(key, sizeof(key), "cpu/%u/availability", i);
		status = key_write(c, domid, key, i < vcpus_of(k) ? "online" : "offline");
	}
	return status;
}

char *vm_cmdline_make(const struct vm_keys *k)
{
	char *s = NULL;
	int n;

	if (k->cmdline)
		return strdup(k->cmdline);
	if (k->root)
		n = asprintf(&s, "root=%s%s%s", k->root, k->extra ? " " : "",
			     k->extra ? k->extra : "");
	else
		n = asprintf(&s, "%s", k->extra ? k->extra : "");
	return n < 0 ? NULL : s;
}

/* tandem-vm: $TANDEM_VM, or the one beside this program, as in a build; or that in $PATH.
 */
static void program_find(char *path, size_t size)
{
	const char *name = "tandem-vm", *env = getenv("TANDEM_VM");
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (env && *env) {
		snprintf(path, size, "%s", env);
		return;
	}
	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash && (size_t)(slash + 1 - path) + strlen(name) < size) {
		memcpy(slash + 1, name, strlen(name) + 1);
		if (!access(path, X_OK))
			return;
	}
	snprintf(path, size, "%s", name);
}

/* What every machine needs; where the rest of the command line goes. */
static char **command_begin(const struct vm_keys *k, const char *name,
			    struct vm_command *cmd)
{
	char **a = cmd->argv;

	snprintf(cmd->memory, sizeof(cmd->memory), "%" PRIu64, memory_of(k));
	snprintf(cmd->maxmem, sizeof(cmd->maxmem), "%" PRIu64, maxmem_of(k));
	snprintf(cmd->vcpus, sizeof(cmd->vcpus), "%" PRIu64, maxvcpus_of(k));
	program_find(cmd->program, sizeof(cmd->program));
	*a++ = cmd->program;
	*a++ = (char *)"--name";
	*a++ = (char *)(uintptr_t)name;
	*a++ = (char *)"--memory";
	*a++ = cmd->memory;
	*a++ = (char *)"--maxmem";
	*a++ = cmd->maxmem;
	*a++ = (char *)"--vcpus";
	*a++ = cmd->vcpus;
	if (k->hugepages)
		*a++ = (char *)"--hugepages";
	if (k->hvm)
		a = pc_command(&k->pc, k->life.uuid, &cmd->pc, a);
	return a;
}

int vm_command_make(struct cli *c, const struct vm_keys *k, const char *name,
		    struct vm_command *cmd)
{
	char **a = command_begin(k, name, cmd);

	if (k->hvm) {
		*a = NULL;
		return 0;
	}
	cmd->cmdline = vm_cmdline_make(k);
	if (!cmd->cmdline)
		return cli_fail(c, "out of memory");
	*a++ = (char *)"--kernel";
	*a++ = (char *)(uintptr_t)k->kernel;
	*a++ = (char *)"--cmdline";
	*a++ = cmd->cmdline;
	if (k->ramdisk) {
		*a++ = (char *)"--ramdisk";
		*a++ = (char *)(uintptr_t)k->ramdisk;
	}
	*a = NULL;
	return 0;
}

void vm_command_restore(const struct vm_keys *k, const char *name, const char *stream,
			struct vm_command *cmd)
{
	char **a = command_begin(k, name, cmd);

	*a++ = (char *)"--restore";
	*a++ = (char *)(uintptr_t)stream;
	*a = NULL;
}

void vm_command_clear(struct vm_command *cmd)
{
	free(cmd->cmdline);
	cmd->cmdline = NULL;
}
