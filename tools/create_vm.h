/* SPDX-License-Identifier: MIT */
/* tandem create, type="pvh" and "hvm": a VM's keys, and the command line of its
 * tandem-vm.
 */
#ifndef TANDEM_TOOLS_CREATE_VM_H
#define TANDEM_TOOLS_CREATE_VM_H

#include <limits.h>

#include "tools/cli.h"
#include "tools/create_life.h"
#include "tools/create_pc.h"
#include "tools/xlcfg.h"

/* What a configuration says of a VM. Strings are the configuration's. */
struct vm_keys {
	const char *kernel, *ramdisk, *cmdline, *root, *extra;
	uint64_t memory, maxmem; /* MiB; 0: not said */
	/* of one that ran before: what it is to have, and may have; 0: as memory */
	uint64_t target_kib, limit_kib;
	uint64_t vcpus, maxvcpus;
	bool hugepages, hvm; /* hvm: a PC */
	struct vm_life life;
	struct pc_keys pc;
};

#define VM_ARGV_MAX (24 + PC_ARGV_MAX)

struct vm_command {
	char *argv[VM_ARGV_MAX]; /* ends with NULL */
	char program[PATH_MAX], memory[24], maxmem[24], vcpus[24];
	char *cmdline; /* owned */
	struct pc_command pc;
};

/* Takes a key that is a VM's. -ENOENT: it is none; else 0 or the exit status. */
int vm_key_take(struct cli *c, struct vm_keys *k, const char *key,
		const struct xlcfg_value *v);
/* Has the VM what it needs, and nothing that another type has? 0 or the exit status. */
int vm_keys_check(struct cli *c, struct vm_keys *k);
bool vm_keys_given(const struct vm_keys *k);
void vm_keys_clear(struct vm_keys *k);
/* What the guest reads of itself: its memory, its CPUs. 0 or the exit status. */
int vm_keys_write(struct cli *c, const struct vm_keys *k, domid_t domid);
/* cmdline, or what root and extra make of it, as xl does. NULL: out of memory. */
char *vm_cmdline_make(const struct vm_keys *k);
int vm_command_make(struct cli *c, const struct vm_keys *k, const char *name,
		    struct vm_command *cmd);
/* From a stream (vm_save.h: vm_restore_parse()) instead of a kernel. */
void vm_command_restore(const struct vm_keys *k, const char *name, const char *stream,
			struct vm_command *cmd);
void vm_command_clear(struct vm_command *cmd);

#endif
