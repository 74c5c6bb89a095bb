/* SPDX-License-Identifier: MIT */
/* Packets with descriptors over unix sockets. */
#ifndef TANDEM_HV_BASE_FDPASS_H
#define TANDEM_HV_BASE_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

#define FDPASS_MAX 16

/* Sends one packet with nfds <= FDPASS_MAX descriptors, which stay the
 * caller's. 0 or -errno; SIGPIPE is never raised. */
int fdpass_send(int sock, const void *buf, size_t len, const int *fds, int nfds);

/*
 * Receives one packet: its length, 0 at the end of the stream, or -errno.
 * fds[0..*nfds) are the caller's to close; *nfds says on entry how many fit,
 * and a packet with more is -EPROTO (all closed), as is a truncated one.
 * flags: as recvmsg (MSG_DONTWAIT).
 */
long fdpass_recv(int sock, void *buf, size_t len, int *fds, int *nfds, int flags);

/* The same on a socket with SO_PASSCRED. *pid: who sent it, as the kernel says and as
 * this process's PID namespace has it; 0: nobody there. */
long fdpass_recv_from(int sock, void *buf, size_t len, int *fds, int *nfds, pid_t *pid,
		      int flags);

#endif
