/* SPDX-License-Identifier: MIT */
/* The VNC server's threads and viewers. */
#ifndef TANDEM_BACKENDS_PC_VNC_INT_H
#define TANDEM_BACKENDS_PC_VNC_INT_H

#include <linux/input-event-codes.h>
#include <pthread.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>

#include "backends/pc/vga_draw.h"
#include "backends/pc/vnc.h"

#define VNC_HANDSHAKE_NS (10 * PC_NS) /* for all of it, with a password typed before */

struct viewer {
	struct vnc *n;
	rfbClientPtr cl; /* NULL: nobody */
	int fd; /* a duplicate of its socket, to shut down from elsewhere; or -1 */
	uint64_t since;		/* when it came */
	uint32_t width, height; /* of the screen that it knows */
	int mask;		/* its buttons, as RFC 6143 has them */
	uint8_t pressed[KEY_CNT / 8];
};

struct vnc {
	struct vnc_config c;
	char *passwords[2]; /* as libvncserver takes them: until NULL */
	char *name;
	struct vga_screen *screen;
	rfbScreenInfoPtr rfb;
	int listen_fd, stop_fd;
	pthread_t server, watch;
	uint64_t drawn;	       /* when the picture was brought up to date */
	int x, y;	       /* where the pointer is */
	struct viewer *coming; /* for the hook of a new client */

	/* of what follows: the watch and vnc_free() look at it */
	pthread_mutex_t lock;
	bool stopping;
	struct viewer *busy; /* whom the server serves now, since when */
	uint64_t busy_since;
	struct viewer viewer[VNC_MAX_VIEWERS]; /* their fds */
};

uint64_t vnc_now(void);

/* vnc_viewer.c, all on the server's thread. */
/* A connection; takes the socket. */
void viewer_new(struct vnc *n, int sock);
/* Serves it: `readable`, its socket is. It may be gone after that. */
void viewer_serve(struct viewer *w, bool readable);
/* The callbacks of a screen. */
void viewer_hooks(rfbScreenInfoPtr rfb);

#endif
