/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory and its vcpus' registers as an ELF core file: a PT_LOAD for each
 * part of RAM, by physical address, and an NT_PRSTATUS for each vcpu, as `crash` and
 * gdb read them.
 */
#ifndef TANDEM_HV_KVM_COREDUMP_H
#define TANDEM_HV_KVM_COREDUMP_H

#include "hv/kvm/vm.h"

/* Of a machine that is paused or has stopped, to the beginning of the file fd. Pages
 * of zeroes become holes. -errno */
int coredump_write(struct vm *vm, int fd);

#endif
