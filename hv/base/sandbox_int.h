/* SPDX-License-Identifier: MIT */
/* The sandbox's parts. Each: 0 or -errno. */
#ifndef TANDEM_HV_BASE_SANDBOX_INT_H
#define TANDEM_HV_BASE_SANDBOX_INT_H

#include "hv/base/sandbox.h"

/* One that fails in the middle has some of them, which does no harm. */
int sandbox_namespaces(void);
int sandbox_seccomp(const struct sandbox_spec *spec);
/* -ENOSYS: the kernel has none. */
int sandbox_landlock(const struct sandbox_spec *spec);

#endif
