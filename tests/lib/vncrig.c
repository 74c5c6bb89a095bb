/* SPDX-License-Identifier: MIT */
/* The rig of the VNC server's tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/vncrig.h"

#define SLOT 2

struct vncrig rig = { .board = PTHREAD_MUTEX_INITIALIZER };

static void lock(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&rig.board);
}

static void unlock(void *arg)
{
	(void)arg;
	pthread_mutex_unlock(&rig.board);
}

/* The lock is held: taking it again would say so. */
static void event(const char *kind, int n, const int *numbers)
{
	char *to = rig.events[rig.nr_events % VNCRIG_EVENTS];
	size_t len;

	if (pthread_mutex_trylock(&rig.board) != EBUSY || rig.nr_events == VNCRIG_EVENTS)
		abort(); /* it is not cmocka's thread */
	len = (size_t)sprintf(to, "%s", kind);
	for (int i = 0; i < n; i++)
		len += (size_t)sprintf(to + len, " %d", numbers[i]);
	rig.nr_events++;
}

static void on_key(void *arg, unsigned code, bool pressed)
{
	(void)arg;
	event("key", 2, (const int[]){ (int)code, pressed });
}

static void on_pointer(void *arg, int dx, int dy, int dz, unsigned buttons)
{
	(void)arg;
	event("pointer", 4, (const int[]){ dx, dy, dz, (int)buttons });
}

static void on_place(void *arg, unsigned x, unsigned y, int dz, unsigned buttons)
{
	(void)arg;
	event("place", 4, (const int[]){ (int)x, (int)y, dz, (int)buttons });
}

void vncrig_serve(const char *at, const char *password)
{
	static const struct pc_input_ops ops = { on_key, on_pointer, on_place };
	const struct vnc_config c = { .name = "guest",
				      .password = password,
				      .input = { &ops, NULL },
				      .lock = lock,
				      .unlock = unlock };
	const int fd = vnc_listen(at, password);

	assert_true(fd >= 0);
	rig.n = vnc_new(rig.v, fd, &c);
	assert_non_null(rig.n);
}

/* Colours that no encoding leaves alone by chance. */
static void fill(unsigned seed)
{
	for (unsigned i = 0; i < VNCRIG_WIDTH * VNCRIG_HEIGHT / 8; i++) {
		vgamode_sr(rig.f, 2, 1u << (i + seed) % 4);
		fakepc_store(rig.f, VNCRIG_WINDOW + i, 1,
			     (i * 2654435761u + seed) >> 13 & 0xff);
	}
}

int vncrig_dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const struct timeval t = { .tv_sec = VNCRIG_WAIT_MS / 1000 };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, rig.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	return fd;
}

void vncrig_get(int fd, void *buf, size_t len)
{
	assert_int_equal(recv(fd, buf, len, MSG_WAITALL), len);
}

void vncrig_put(int fd, const void *buf, size_t len)
{
	assert_int_equal(send(fd, buf, len, MSG_NOSIGNAL), len);
}

/* The other end closes; what comes before that is not looked at. */
void vncrig_closed(int fd)
{
	char buf[4096];
	ssize_t got;

	while ((got = recv(fd, buf, sizeof(buf), 0)) > 0)
		;
	assert_true(got == 0 || errno == ECONNRESET);
	close(fd);
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

void vncrig_handshake(int fd, const char *password)
{
	uint8_t buf[64];

	vncrig_get(fd, buf, 12);
	assert_memory_equal(buf, "RFB 003.008\n", 12);
	vncrig_put(fd, "RFB 003.008\n", 12);
	vncrig_get(fd, buf, 2);
	assert_int_equal(buf[0], 1);
	assert_int_equal(buf[1], password ? 2 : 1);
	vncrig_put(fd, buf + 1, 1);
	if (password) {
		char copy[16];

		vncrig_get(fd, buf, 16);
		strcpy(copy, password);
		rfbEncryptBytes(buf, copy);
		vncrig_put(fd, buf, 16);
	}
}

void vncrig_init(int fd, unsigned width, unsigned height)
{
	uint8_t buf[64];

	vncrig_get(fd, buf, 4);
	assert_memory_equal(buf, "\0\0\0\0", 4);
	vncrig_put(fd, "\1", 1);
	vncrig_get(fd, buf, 24 + 5);
	assert_int_equal(be16(buf), width);
	assert_int_equal(be16(buf + 2), height);
	/* 32 bits, 24 of them, little endian, true colour, 8 bits each at 16, 8, 0 */
	assert_true(buf[7]);
	buf[7] = 1;
	assert_memory_equal(buf + 4, "\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0", 13);
	assert_memory_equal(buf + 24, "guest", 5);
}

int vncrig_client(unsigned width, unsigned height)
{
	const int fd = vncrig_dial();

	vncrig_handshake(fd, NULL);
	vncrig_init(fd, width, height);
	return fd;
}

/* Raw alone, or raw and DesktopSize. */
void vncrig_encodings(int fd, bool resizes)
{
	vncrig_put(fd, resizes ? "\2\0\0\2\0\0\0\0\xff\xff\xff\x21" : "\2\0\0\1\0\0\0\0",
		   resizes ? 12 : 8);
}

void vncrig_request(int fd, bool incremental, unsigned width, unsigned height)
{
	const uint8_t m[10] = { 3,
				incremental,
				0,
				0,
				0,
				0,
				(uint8_t)(width >> 8),
				(uint8_t)width,
				(uint8_t)(height >> 8),
				(uint8_t)height };

	vncrig_put(fd, m, sizeof(m));
}

/* An update's rectangles; raw ones go to `pixels` (of VNCRIG_WIDTH a line). */
unsigned vncrig_update(int fd, struct vncrig_rect *last, uint32_t *pixels)
{
	uint8_t buf[12];
	unsigned nr;

	vncrig_get(fd, buf, 4);
	assert_int_equal(buf[0], 0);
	nr = be16(buf + 2);
	for (unsigned i = 0; i < nr; i++) {
		vncrig_get(fd, buf, 12);
		*last = (struct vncrig_rect){
			be16(buf), be16(buf + 2), be16(buf + 4), be16(buf + 6),
			(int32_t)(be16(buf + 8) << 16 | be16(buf + 10))
		};
		if (last->encoding)
			continue;
		assert_true(last->x + last->width <= VNCRIG_WIDTH &&
			    last->y + last->height <= VNCRIG_HEIGHT);
		for (unsigned y = last->y; y < last->y + last->height; y++)
			vncrig_get(fd, pixels + y * VNCRIG_WIDTH + last->x,
				   4 * last->width);
	}
	return nr;
}

void vncrig_same_picture(const uint32_t *pixels)
{
	struct vga_screen *s = vga_screen_new(rig.v);

	pthread_mutex_lock(&rig.board);
	vga_screen_update(s);
	pthread_mutex_unlock(&rig.board);
	for (unsigned y = 0; y < VNCRIG_HEIGHT; y++)
		for (unsigned x = 0; x < VNCRIG_WIDTH; x++)
			assert_int_equal(pixels[y * VNCRIG_WIDTH + x] & 0xffffff,
					 pixel_at(s, x, y));
	vga_screen_free(s);
}

void vncrig_await(unsigned count)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	unsigned have = 0;

	for (unsigned i = 0; i < VNCRIG_WAIT_MS && have < count; i++) {
		pthread_mutex_lock(&rig.board);
		have = rig.nr_events;
		pthread_mutex_unlock(&rig.board);
		if (have < count)
			nanosleep(&ms, NULL);
	}
	assert_int_equal(have, count);
}

void vncrig_is_event(unsigned i, const char *text)
{
	assert_string_equal(rig.events[i], text);
}

int vncrig_setup(void **state)
{
	(void)state;
	rig.f = fakepc_open(true);
	rig.v = vga_new(&rig.f->bus, rig.f->pci, SLOT);
	strcpy(rig.dir, "/tmp/vncrig.XXXXXX");
	if (!rig.v || !mkdtemp(rig.dir))
		return -1;
	snprintf(rig.path, sizeof(rig.path), "%s/vnc", rig.dir);
	snprintf(rig.where, sizeof(rig.where), "unix:%s", rig.path);
	vgamode_palette(rig.f);
	vgamode_set(rig.f, MODE_640X480);
	fill(1);
	rig.nr_events = 0;
	rig.n = NULL;
	return 0;
}

int vncrig_teardown(void **state)
{
	(void)state;
	vnc_free(rig.n);
	fakepc_close(rig.f);
	unlink(rig.path);
	rmdir(rig.dir);
	return 0;
}
