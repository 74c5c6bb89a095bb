/* SPDX-License-Identifier: MIT */
/*
 * The VNC server's picture and events, against a small client of our own; and against
 * libvncclient in each encoding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/input-event-codes.h>
#include <rfb/rfbclient.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/pc/keysym.h"
#include "tests/lib/vncrig.h"

static void test_picture(void **state)
{
	uint32_t *pixels = calloc(VNCRIG_WIDTH * VNCRIG_HEIGHT, 4);
	struct vncrig_rect r;
	int fd;

	(void)state;
	vncrig_serve(rig.where, NULL);
	fd = vncrig_client(VNCRIG_WIDTH, VNCRIG_HEIGHT);
	vncrig_encodings(fd, false);
	vncrig_request(fd, false, VNCRIG_WIDTH, VNCRIG_HEIGHT);
	vncrig_update(fd, &r, pixels);
	vncrig_same_picture(pixels);
	/* what changes, and nothing else */
	vncrig_request(fd, true, VNCRIG_WIDTH, VNCRIG_HEIGHT);
	pthread_mutex_lock(&rig.board);
	vgamode_sr(rig.f, 2, 0xf);
	fakepc_store(rig.f, VNCRIG_WINDOW + 80 * 100 + 10, 1,
		     vga_vram(rig.v)->mem[4 * (80 * 100 + 10)] ? 0 : 0xff);
	pthread_mutex_unlock(&rig.board);
	assert_int_equal(vncrig_update(fd, &r, pixels), 1);
	assert_int_equal(r.y, 100);
	assert_int_equal(r.height, 1);
	assert_true(r.x >= 80 && r.x + r.width <= 88);
	vncrig_same_picture(pixels);
	close(fd);
	free(pixels);
}

static void test_events(void **state)
{
	int fd, other;

	(void)state;
	vncrig_serve(rig.where, NULL);
	fd = vncrig_client(VNCRIG_WIDTH, VNCRIG_HEIGHT);
	/* A, by X11's name of it with shift, pressed and let go */
	vncrig_put(fd, "\4\1\0\0\0\0\xff\xe1\4\1\0\0\0\0\0\x41", 16);
	vncrig_put(fd, "\4\0\0\0\0\0\0\x41\4\0\0\0\0\0\xff\xe1", 16);
	vncrig_await(4);
	vncrig_is_event(0, "key 42 1");
	vncrig_is_event(1, "key 30 1");
	vncrig_is_event(2, "key 30 0");
	vncrig_is_event(3, "key 42 0");
	/* what is no key, and what was not pressed */
	vncrig_put(fd, "\4\1\0\0\1\2\3\4\4\0\0\0\0\0\0\x42", 16);
	/* the pointer: there, by so much, the left button; the wheel away, and towards */
	vncrig_put(fd, "\5\1\0\x64\0\x32\5\x9\2\x7f\1\xdf\5\x11\2\x7f\1\xdf", 18);
	vncrig_await(10);
	vncrig_is_event(4, "pointer 100 50 0 1");
	vncrig_is_event(5, "place 5127 3420 0 1");
	vncrig_is_event(6, "pointer 539 429 -1 1");
	vncrig_is_event(7, "place 32767 32767 -1 1");
	vncrig_is_event(8, "pointer 0 0 1 1");
	vncrig_is_event(9, "place 32767 32767 1 1");
	/* beyond the screen it is the edge; a viewer that goes lets go */
	vncrig_put(fd, "\5\6\xff\xff\0\0\4\1\0\0\0\0\xff\xff", 14);
	vncrig_await(13);
	vncrig_is_event(10, "pointer 0 -479 0 6");
	vncrig_is_event(11, "place 32767 0 0 6");
	vncrig_is_event(12, "key 111 1");
	other = vncrig_client(VNCRIG_WIDTH, VNCRIG_HEIGHT);
	close(fd);
	vncrig_await(16);
	vncrig_is_event(13, "key 111 0");
	vncrig_is_event(14, "pointer 0 0 0 0");
	vncrig_is_event(15, "place 32767 0 0 0");
	vncrig_put(other, "\4\1\0\0\0\0\0\x20", 8);
	vncrig_await(17);
	vncrig_is_event(16, "key 57 1");
	close(other);
}

static void test_resize(void **state)
{
	uint32_t *pixels = calloc(VNCRIG_WIDTH * VNCRIG_HEIGHT, 4);
	struct vncrig_rect r;
	int can, cannot;

	(void)state;
	vncrig_serve(rig.where, NULL);
	can = vncrig_client(VNCRIG_WIDTH, VNCRIG_HEIGHT);
	cannot = vncrig_client(VNCRIG_WIDTH, VNCRIG_HEIGHT);
	vncrig_encodings(can, true);
	vncrig_encodings(cannot, false);
	vncrig_request(can, false, VNCRIG_WIDTH, VNCRIG_HEIGHT);
	vncrig_request(cannot, false, VNCRIG_WIDTH, VNCRIG_HEIGHT);
	vncrig_update(can, &r, pixels);
	vncrig_update(cannot, &r, pixels);
	vncrig_request(can, true, VNCRIG_WIDTH, VNCRIG_HEIGHT);
	pthread_mutex_lock(&rig.board);
	vgamode_vbe(rig.f, VBE_XRES, 320);
	vgamode_vbe(rig.f, VBE_YRES, 200);
	vgamode_vbe(rig.f, VBE_BPP, 32);
	vgamode_vbe(rig.f, VBE_ENABLE, VBE_ENABLED);
	for (unsigned i = 0; i < 320 * 200 * 4; i++)
		vga_vram(rig.v)->mem[i] = (uint8_t)(i * 7);
	pthread_mutex_unlock(&rig.board);
	/* who cannot be told is shown out */
	vncrig_closed(cannot);
	assert_int_equal(vncrig_update(can, &r, pixels), 1);
	assert_int_equal(r.encoding, -223);
	assert_int_equal(r.width, 320);
	assert_int_equal(r.height, 200);
	vncrig_request(can, true, 320, 200);
	vncrig_update(can, &r, pixels);
	for (unsigned y = 0; y < 200; y++)
		for (unsigned x = 0; x < 320; x++) {
			const uint32_t i = 4 * (y * 320 + x);

			assert_int_equal(pixels[y * VNCRIG_WIDTH + x] & 0xffffff,
					 (i * 7 & 0xff) | ((i * 7 + 7) & 0xff) << 8 |
						 ((i * 7 + 14) & 0xff) << 16);
		}
	close(can);
	close(vncrig_client(320, 200));
	free(pixels);
}

static unsigned got_area;

static void got_rect(rfbClient *c, int x, int y, int width, int height)
{
	(void)c;
	(void)x;
	(void)y;
	got_area += (unsigned)(width * height);
}

/* libvncclient, in one encoding: its picture is ours. */
static void foreign(const char *encoding)
{
	rfbClient *c = rfbGetClient(8, 3, 4);
	int fd = vncrig_dial();
	uint32_t *pixels;

	c->appData.encodingsString = encoding;
	c->appData.enableJPEG = FALSE;
	c->canHandleNewFBSize = TRUE;
	c->format.redShift = 16;
	c->format.greenShift = 8;
	c->format.blueShift = 0;
	c->sock = fd;
	free(c->serverHost);
	c->serverHost = strdup(rig.path);
	assert_true(InitialiseRFBConnection(c));
	c->width = c->si.framebufferWidth;
	c->height = c->si.framebufferHeight;
	assert_true(c->MallocFrameBuffer(c));
	assert_true(SetFormatAndEncodings(c));
	c->GotFrameBufferUpdate = got_rect;
	/* the first may be about the size alone */
	for (got_area = 0; got_area < VNCRIG_WIDTH * VNCRIG_HEIGHT;) {
		assert_true(SendFramebufferUpdateRequest(c, 0, 0, c->width, c->height,
							 FALSE));
		assert_int_equal(WaitForMessage(c, VNCRIG_WAIT_MS * 1000), 1);
		assert_true(HandleRFBServerMessage(c));
	}
	pixels = (uint32_t *)(void *)c->frameBuffer;
	vncrig_same_picture(pixels);
	free(c->frameBuffer);
	c->frameBuffer = NULL;
	rfbClientCleanup(c);
}

static void test_encodings(void **state)
{
	static const char *const all[] = { "raw",   "hextile", "zlib", "zrle",
					   "tight", "corre",   "rre",  "ultra" };

	(void)state;
	rfbEnableClientLogging = FALSE;
	/* large areas of one colour, and small ones */
	for (unsigned i = 0; i < 300 * 80; i++)
		fakepc_store(rig.f, VNCRIG_WINDOW + i, 1, i / 80 / 30 % 2 ? 0xff : 0);
	vncrig_serve(rig.where, NULL);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		foreign(all[i]);
}

static void test_keysyms(void **state)
{
	bool shifted;

	(void)state;
	assert_int_equal(keysym_key('a', &shifted), KEY_A);
	assert_false(shifted);
	assert_int_equal(keysym_key('Z', &shifted), KEY_Z);
	assert_true(shifted);
	assert_int_equal(keysym_key('!', &shifted), KEY_1);
	assert_true(shifted);
	assert_int_equal(keysym_key('~', &shifted), KEY_GRAVE);
	assert_true(shifted);
	assert_int_equal(keysym_key('\\', &shifted), KEY_BACKSLASH);
	assert_false(shifted);
	assert_int_equal(keysym_key('/', &shifted), KEY_SLASH);
	assert_int_equal(keysym_key('_', &shifted), KEY_MINUS);
	assert_int_equal(keysym_key(0xff0d, &shifted), KEY_ENTER);
	assert_false(shifted);
	assert_int_equal(keysym_key(0xffc9, NULL), KEY_F12);
	assert_int_equal(keysym_key(0xffff, NULL), KEY_DELETE);
	assert_int_equal(keysym_key(0x1f, NULL), 0);
	assert_int_equal(keysym_key(0x7f, NULL), 0);
	assert_int_equal(keysym_key(0x1ff0d, NULL), 0);
	/* every printable one is a key, each key once with and once without shift */
	for (uint32_t a = ' '; a <= '~'; a++) {
		bool s;
		const unsigned code = keysym_key(a, &s);

		assert_true(code);
		for (uint32_t b = a + 1; b <= '~'; b++)
			assert_true(keysym_key(b, &shifted) != code || shifted != s);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, vncrig_setup, vncrig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_picture),
		T(test_events),
		T(test_resize),
		T(test_encodings),
		cmocka_unit_test(test_keysyms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
