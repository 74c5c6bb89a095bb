/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of the "xdp" port agree on. xdp_setup.c makes everything
 * while there are rights; drv_xdp.c maps it and moves packets without any.
 */
#ifndef TANDEM_BACKENDS_NET_XDP_H
#define TANDEM_BACKENDS_NET_XDP_H

#include "backends/net/netdrv.h"

/* The descriptors in netdrv_params.fds. */
enum xdp_fd {
	XDP_FD_SOCKET,
	XDP_FD_MEMORY,	/* the frames: a memfd, which the socket has pinned */
	XDP_FD_PROGRAM, /* a link: what redirects to the socket, as long as it is open */
	XDP_FD_PROMISC, /* keeps the interface in promiscuous mode */
	XDP_NR_FDS
};

#define XDP_FRAME     4096u
#define XDP_RING      1024u /* slots of each of the four rings */
#define XDP_FRAMES    (2 * XDP_RING)
#define XDP_AREA      ((size_t)XDP_FRAMES * XDP_FRAME)
#define XDP_MAX_FRAME 3840u /* that can be received: the kernel keeps 256 bytes */
#define XDP_MAX_MTU   (XDP_MAX_FRAME - 18u)

int xdp_open_files(struct netdrv_params *p, char **why);

#endif
