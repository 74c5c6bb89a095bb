/* SPDX-License-Identifier: MIT */
/*
 * The state directory of a hypervisor instance: $TANDEM_DIR, or
 * $XDG_RUNTIME_DIR/tandem, or /run/tandem for root, or /tmp/tandem-UID.
 * It holds hv.sock and xenstored/socket, is 0700 and belongs to the user.
 */
#ifndef TANDEM_HV_BASE_STATEDIR_H
#define TANDEM_HV_BASE_STATEDIR_H

#include <stddef.h>

#define STATEDIR_HV_SOCKET "hv.sock"
#define STATEDIR_XS_SOCKET "xenstored/socket"

/* The path of `name` in the directory ("" for itself). -ENAMETOOLONG */
int statedir_path(char *buf, size_t size, const char *name);

#endif
