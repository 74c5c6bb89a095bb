/* SPDX-License-Identifier: MIT */
/*
 * How a VM boots and what is done at its end, as JSON: what its keeper notes beside its
 * sockets, and a saved machine carries along, so that it can be booted again elsewhere.
 */
#ifndef TANDEM_TOOLS_VM_CONFIG_H
#define TANDEM_TOOLS_VM_CONFIG_H

#include <jansson.h>

#include "tools/create_vm.h"

/* The note of a domain: kernel, ramdisk, cmdline or pc; hugepages, on_*. 0 or 2. */
int vm_config_note(struct cli *c, domid_t domid, const struct vm_keys *k);
/* NULL: there is none. */
json_t *vm_config_noted(domid_t domid);
void vm_config_forget(domid_t domid);

/* A PC's disks as they are noted now, its media among them. -ENOENT: it is none. */
int vm_config_disks(domid_t domid, struct pc_keys *k);
/* Notes another string for one of them. -errno */
int vm_config_set_disk(domid_t domid, unsigned index, const char *text);

/* Takes such an object, from anybody; the strings in k are then its own or k's. -EBADMSG
 */
int vm_config_take(json_t *config, struct vm_keys *k);

#endif
