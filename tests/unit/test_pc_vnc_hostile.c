/* SPDX-License-Identifier: MIT */
/* Who may look at the screen, and those who mean no good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/input-event-codes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/vncrig.h"

static void test_password(void **state)
{
	uint8_t buf[4];
	int fd;

	(void)state;
	vncrig_serve("127.0.0.1:0", "secret");
	vnc_free(rig.n);
	vncrig_serve(rig.where, "secret");
	fd = vncrig_dial();
	vncrig_handshake(fd, "secret");
	vncrig_init(fd, VNCRIG_WIDTH, VNCRIG_HEIGHT);
	close(fd);
	fd = vncrig_dial();
	vncrig_handshake(fd, "Secret");
	vncrig_get(fd, buf, 4);
	assert_memory_equal(buf, "\0\0\0\1", 4);
	vncrig_closed(fd);
	/* not without, in any version of the protocol */
	fd = vncrig_dial();
	vncrig_get(fd, (char[12]){ 0 }, 12);
	vncrig_put(fd, "RFB 003.003\n", 12);
	vncrig_get(fd, buf, 4);
	assert_memory_equal(buf, "\0\0\0\2", 4);
	close(fd);
	fd = vncrig_dial();
	vncrig_get(fd, (char[12]){ 0 }, 12);
	vncrig_put(fd, "RFB 003.008\n", 12);
	vncrig_get(fd, buf, 2);
	vncrig_put(fd, "\1", 1);
	vncrig_closed(fd);
	vncrig_await(0);
}

static void test_listen(void **state)
{
	static const char *const wrong[] = { "",
					     "5900",
					     "127.0.0.1",
					     "127.0.0.1:",
					     "127.0.0.1:65536",
					     "127.0.0.1:5x",
					     "unix:",
					     "host:5900",
					     "[::1:5900",
					     ":5900",
					     "[127.0.0.1]:5900",
					     "127.0.0.1:-1" };
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct stat st;
	char name[200];
	int fd;

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(vnc_listen(wrong[i], true), -EINVAL);
	memset(name, 'x', sizeof(name));
	memcpy(name, "unix:", 5);
	name[sizeof(name) - 1] = 0;
	assert_int_equal(vnc_listen(name, true), -EINVAL);
	/* for everybody, but not without a password */
	assert_int_equal(vnc_listen("0.0.0.0:0", false), -EPERM);
	assert_int_equal(vnc_listen("[::]:0", false), -EPERM);
	fd = vnc_listen("0.0.0.0:0", true);
	assert_true(fd >= 0);
	close(fd);
	fd = vnc_listen("127.0.0.1:0", false);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(ntohl(a.sin_addr.s_addr), INADDR_LOOPBACK);
	snprintf(name, sizeof(name), "127.0.0.1:%u", ntohs(a.sin_port));
	assert_int_equal(vnc_listen(name, false), -EADDRINUSE);
	close(fd);
	/* the owner's; left behind it is taken again, a file is not */
	fd = vnc_listen(rig.where, false);
	assert_int_equal(stat(rig.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
	fd = vnc_listen(rig.where, false);
	assert_true(fd >= 0);
	close(fd);
	snprintf(name, sizeof(name), "unix:%s/no/such", rig.dir);
	assert_int_equal(vnc_listen(name, false), -ENOENT);
}

static void test_hostile(void **state)
{
	/* each is a message that is no viewer's, or not one at all */
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		{ "\x8\xff\0\0", 4 },		    /* UltraVNC: scale by 255 */
		{ "\xf\xff\0\0", 4 },		    /* PalmVNC: the same */
		{ "\7\1\0\0\0\0\0\0\0\0\0\0", 12 }, /* file transfer */
		{ "\xb\0\0\0\xff\xff\xff\xff", 8 }, /* chat */
		{ "\xfa\0\1\2", 4 },		    /* xvp: shut the machine down */
		{ "\xff\xff\xff\xff", 4 },
		{ "\6\0\0\0\x7f\xff\xff\xff", 8 }, /* 2 GiB of clipboard */
		{ "\0\0\0\0\x7\x18\0\1\0\xff\0\xff\0\xff\x10\x8\0\0\0\0",
		  20 }, /* 7 bits */
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
	};
	int fd, many[2 * VNC_MAX_VIEWERS];
	struct pollfd p;

	(void)state;
	vncrig_serve(rig.where, NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = vncrig_client(VNCRIG_WIDTH, VNCRIG_HEIGHT);
		vncrig_put(fd, bad[i].text, bad[i].len);
		vncrig_closed(fd);
	}
	/* another server's answer, and web sockets */
	fd = vncrig_dial();
	vncrig_put(fd, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 39);
	vncrig_closed(fd);
	fd = vncrig_dial();
	vncrig_get(fd, (char[12]){ 0 }, 12);
	vncrig_put(fd, "SSH-2.0-OpenS", 12);
	vncrig_closed(fd);
	/* more than there are places */
	for (unsigned i = 0; i < VNC_MAX_VIEWERS; i++)
		many[i] = vncrig_client(VNCRIG_WIDTH, VNCRIG_HEIGHT);
	for (unsigned i = VNC_MAX_VIEWERS; i < 2 * VNC_MAX_VIEWERS; i++)
		vncrig_closed(vncrig_dial());
	/* one that reads nothing: the others are served, it is thrown out */
	vncrig_encodings(many[0], false);
	for (unsigned i = 0; i < 200; i++)
		vncrig_request(many[0], false, VNCRIG_WIDTH, VNCRIG_HEIGHT);
	/* one that stops within a message */
	vncrig_put(many[1], "\4\1\0", 3);
	/* the machine goes on meanwhile */
	for (unsigned i = 0; i < 100; i++) {
		pthread_mutex_lock(&rig.board);
		fakepc_store(rig.f, VNCRIG_WINDOW + i, 1, i);
		pthread_mutex_unlock(&rig.board);
	}
	vncrig_encodings(many[2], false);
	vncrig_put(many[2], "\4\1\0\0\0\0\0\x20", 8);
	vncrig_await(1);
	p = (struct pollfd){ .fd = many[1], .events = POLLIN };
	assert_int_equal(poll(&p, 1, VNCRIG_WAIT_MS), 1);
	vncrig_closed(many[0]);
	vncrig_closed(many[1]);
	/* and the end does not wait for such ones */
	vncrig_put(many[3], "\6\0\0\0\0\x0f\0\0", 8);
	vnc_free(rig.n);
	rig.n = NULL;
	for (unsigned i = 2; i < VNC_MAX_VIEWERS; i++)
		vncrig_closed(many[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, vncrig_setup, vncrig_teardown)
	const struct CMUnitTest tests[] = {
		T(test_password),
		T(test_listen),
		T(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
