/* SPDX-License-Identifier: MIT */
/*
 * Taps: Ethernet interfaces of the kernel whose other end is a descriptor.
 * Each packet that is read or written has a struct virtio_net_hdr of
 * TAP_VNET_HDR bytes in front of it (ringproto/vnet.h).
 */
#ifndef TANDEM_HV_BASE_TAP_H
#define TANDEM_HV_BASE_TAP_H

#include <stdbool.h>

#include "hv/base/iface.h"

#define TAP_VNET_HDR   10
#define TAP_MAX_QUEUES 16

/*
 * Opens the tap `name`, which is made if it is not there; it goes away with its
 * last descriptor unless somebody made it to stay. NULL or "": the kernel's choice
 * of a name; a "%d" in it becomes a number. fds[0..queues) are its queues,
 * non-blocking, the caller's to close; made: its name. Offloads are off.
 *
 * -ENOENT: there are no taps here, -EACCES: not for this user, -EPERM: it cannot
 * be made or used without CAP_NET_ADMIN, -ENAMETOOLONG, -EINVAL: no interface
 * can be called so, -EEXIST: another kind of interface is, -EBUSY: somebody uses
 * it, -EMLINK: it has one queue only. Or another -errno. tap_strerror()
 * says it in words.
 */
int tap_open(const char *name, unsigned queues, int *fds, char made[IFACE_NAME_MAX]);
const char *tap_strerror(int err);

/*
 * What may come out of it: checksums to be filled in, TCP segments and UDP packets
 * over the MTU (which imply csum). What is written to it may always be so. -errno;
 * -EINVAL: uso, and !tap_has_uso().
 */
int tap_set_offload(int fd, bool csum, bool tso4, bool tso6, bool uso);
/* Does this kernel (Linux 6.2 or newer) give large UDP packets? All offloads are off
 * afterwards. */
bool tap_has_uso(int fd);
/* Is there a link? On at first. -errno */
int tap_set_carrier(int fd, bool on);

#endif
