/* SPDX-License-Identifier: MIT */
/*
 * The screen, keyboard and mouse over VNC (RFC 6143), by libvncserver.
 *
 * It runs on threads of its own. The board's lock is held while the picture is brought up
 * to date and while an event is handed on, never while a viewer is waited for: what
 * viewers do, or leave undone, is nothing to the machine. One that keeps the others
 * waiting for VNC_PATIENCE seconds is thrown out. Nothing but what a screen needs is
 * spoken: no file transfer, chat or scaling, no web sockets.
 */
#ifndef TANDEM_BACKENDS_PC_VNC_H
#define TANDEM_BACKENDS_PC_VNC_H

#include "backends/pc/input.h"
#include "backends/pc/vga.h"

#define VNC_MAX_VIEWERS 8u
#define VNC_PATIENCE	3u

struct vnc;

struct vnc_config {
	const char *name;     /* of the machine, for the viewer's title */
	const char *password; /* NULL: none; the protocol takes 8 characters of it */
	struct pc_input input;
	/* The board's lock. */
	void (*lock)(void *arg);
	void (*unlock)(void *arg);
	void *arg;
};

/*
 * A socket that viewers come to: "unix:PATH", for its owner alone, or "ADDRESS:PORT" with
 * a numeric address, IPv6 in brackets. Returns it, or -errno; -EINVAL: `where` is no
 * such thing; -EPERM: not a loopback address, and without a password everybody could
 * see and type.
 */
int vnc_listen(const char *where, bool password);

/*
 * Serves them. Takes listen_fd in any case, copies the configuration. The adapter lives
 * longer. NULL: out of memory or threads. Not with the board's lock, nor vnc_free().
 */
struct vnc *vnc_new(struct vga *v, int listen_fd, const struct vnc_config *c);
void vnc_free(struct vnc *n);

#endif
