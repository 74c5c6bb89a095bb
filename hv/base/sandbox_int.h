/* SPDX-License-Identifier: MIT */
/* The sandbox's parts. Each: 0 or -errno. */
#ifndef TANDEM_HV_BASE_SANDBOX_INT_H
#define TANDEM_HV_BASE_SANDBOX_INT_H

#include "hv/base/sandbox.h"

int sandbox_seccomp(const struct sandbox_spec *spec);
/* -ENOSYS: the kernel has none. */
int sandbox_landlock(const struct sandbox_spec *spec);

#endif
