/* SPDX-License-Identifier: MIT */
/* Starting a program as a domain. */
#ifndef TANDEM_HV_PROC_SPAWN_H
#define TANDEM_HV_PROC_SPAWN_H

#include <sys/types.h>

#include "ringproto/grant.h"

/*
 * Starts argv[0] (searched in $PATH) with a connection as domain `domid` in
 * $TANDEM_HV_FD, which is where plat_open() looks first; so the program needs no
 * access to hv.sock. It gets stdin, stdout, stderr and that descriptor, no other;
 * $TANDEM_DIR is taken away. `ctl`: a connection with dom0's rights.
 * 0, and the child's pid, which is the caller's to wait for; or -errno, also when
 * the program cannot be executed.
 */
int spawn_domain(int ctl, domid_t domid, char *const argv[], pid_t *pid);

#endif
