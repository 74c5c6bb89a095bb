/* SPDX-License-Identifier: MIT */
/* A display adapter with its VNC server for tests, what it says of keys and pointer, and
 * a client that says what it is told to. */
#ifndef TANDEM_TESTS_LIB_VNCRIG_H
#define TANDEM_TESTS_LIB_VNCRIG_H

#include <pthread.h>

#include "backends/pc/vga_int.h"
#include "backends/pc/vnc.h"
#include "tests/lib/vgamode.h"

#define VNCRIG_EVENTS  64u
#define VNCRIG_WAIT_MS 20000
#define VNCRIG_WINDOW  0xa0000u
/* its mode */
#define VNCRIG_WIDTH  640u
#define VNCRIG_HEIGHT 480u

struct vncrig_rect {
	unsigned x, y, width, height;
	int32_t encoding;
};

struct vncrig {
	struct fakepc *f;
	struct vga *v;
	struct vnc *n;
	pthread_mutex_t board;		/* the lock of all above */
	char events[VNCRIG_EVENTS][64]; /* and of these */
	unsigned nr_events;
	char dir[32], path[64], where[80]; /* where: what vnc_listen() takes */
};

extern struct vncrig rig;

/* Of cmocka, around each test: an adapter in a mode, with pixels; no server yet. */
int vncrig_setup(void **state);
int vncrig_teardown(void **state);
/* A server. */
void vncrig_serve(const char *at, const char *password);
/* n events have come. */
void vncrig_await(unsigned count);
/* "key 30 1", "pointer DX DY DZ BUTTONS", "place X Y DZ BUTTONS" */
void vncrig_is_event(unsigned i, const char *event);

/* The client: connects, and all up to the first request. */
int vncrig_client(unsigned width, unsigned height);
int vncrig_dial(void);
void vncrig_handshake(int fd, const char *password);
void vncrig_init(int fd, unsigned width, unsigned height);
void vncrig_get(int fd, void *buf, size_t len);
void vncrig_put(int fd, const void *buf, size_t len);
/* The other end closes; what comes before that is not looked at. */
void vncrig_closed(int fd);
/* It takes raw alone, or raw and DesktopSize. */
void vncrig_encodings(int fd, bool resizes);
void vncrig_request(int fd, bool incremental, unsigned width, unsigned height);
/* An update's rectangles, their number, and the last; raw ones go to `pixels`, of
 * VNCRIG_WIDTH a line. */
unsigned vncrig_update(int fd, struct vncrig_rect *last, uint32_t *pixels);
/* They are the screen's. */
void vncrig_same_picture(const uint32_t *pixels);

#endif
