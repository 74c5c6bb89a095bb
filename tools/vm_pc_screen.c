/* SPDX-License-Identifier: MIT */
/* The PC's screen and keyboard: for viewers, and for who asks for a picture. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/pc/i8042.h"
#include "backends/pc/piix4pm.h"
#include "backends/pc/screenshot.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"
#include "tools/vm_pc_int.h"

#define PASSWORD "TANDEM_VNC_PASSWORD" /* not among arguments, which all may see */

static void key(void *arg, unsigned code, bool pressed)
{
	struct vm_pc *pc = arg;

	i8042_key(pc->machine.i8042, code, pressed);
}

static void pointer(void *arg, int dx, int dy, int dz, unsigned buttons)
{
	struct vm_pc *pc = arg;

	i8042_pointer(pc->machine.i8042, dx, dy, dz, buttons);
}

static void lock(void *arg)
{
	vm_pc_lock(arg);
}

static void unlock(void *arg)
{
	vm_pc_unlock(arg);
}

static unsigned port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.any, &len))
		return 0;
	if (a.any.sa_family == AF_INET)
		return ntohs(a.in.sin_port);
	return a.any.sa_family == AF_INET6 ? ntohs(a.in6.sin6_port) : 0;
}

/* ADDRESS:PORT, or with "+" behind it, that port or the next that is free. */
static int listen_somewhere(const char *where, bool password)
{
	const size_t len = strlen(where);
	const char *colon = strrchr(where, ':');
	char text[160];
	int fd;

	if (!colon || !len || where[len - 1] != '+')
		return vnc_listen(where, password);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%.*s:%u", (int)(colon - where), where,
			 (unsigned)strtoul(colon + 1, NULL, 10) + i);
		fd = vnc_listen(text, password);
		if (fd != -EADDRINUSE)
			return fd;
	}
	return -EADDRINUSE;
}

int vm_pc_screen_open(struct vm_pc *pc)
{
	const char *where = pc->o->vnc;

	if (!where)
		return 0;
	pc->vnc_fd = listen_somewhere(where, getenv(PASSWORD) != NULL);
	if (pc->vnc_fd >= 0) {
		pc->vnc_port = port_of(pc->vnc_fd);
		return 0;
	}
	if (pc->vnc_fd == -EINVAL)
		log_err("--vnc %s: unix:PATH, 127.0.0.1:5900 or 127.0.0.1:5900+ would be "
			"right",
			where);
	else if (pc->vnc_fd == -EPERM)
		log_err("--vnc %s: everybody could see and type: a loopback address, or "
			"a password in $" PASSWORD " would be right",
			where);
	else
		log_err("--vnc %s: %s", where, strerror(-pc->vnc_fd));
	return pc->vnc_fd;
}

int vm_pc_screen_start(struct vm_pc *pc)
{
	static const struct pc_input_ops input = { .key = key, .pointer = pointer };
	struct vnc_config c = { .name = pc->board->vm->name,
				.password = getenv(PASSWORD),
				.input = { &input, pc },
				.lock = lock,
				.unlock = unlock,
				.arg = pc };
	const int fd = pc->vnc_fd;

	if (fd < 0)
		return 0;
	pc->vnc_fd = -1;
	pc->vnc = vnc_new(pc->machine.vga, fd, &c);
	if (!pc->vnc)
		log_err("--vnc %s: cannot start", pc->o->vnc);
	return pc->vnc ? 0 : -ENOMEM;
}

void vm_pc_screen_stop(struct vm_pc *pc)
{
	vnc_free(pc->vnc);
	pc->vnc = NULL;
	if (pc->vnc_fd >= 0)
		close(pc->vnc_fd);
	pc->vnc_fd = -1;
}

unsigned vm_pc_vnc_port(const struct vm_pc *pc)
{
	return pc->vnc_port;
}

/* ------------------------------------------------------------------------- on request */

int vm_pc_picture(struct vm_pc *pc, int fd)
{
	struct vga_screen *s;
	int err;

	if (!pc->machine.vga)
		return -ENODEV;
	s = vga_screen_new(pc->machine.vga);
	if (!s)
		return -ENOMEM;
	vm_pc_lock(pc);
	(void)vga_screen_update(s);
	vm_pc_unlock(pc);
	err = screenshot_png(s, fd);
	vga_screen_free(s);
	return err;
}

int vm_pc_text(struct vm_pc *pc, int fd)
{
	cleanup_free char *text = malloc(VGA_TEXT_MAX);
	int n;

	if (!pc->machine.vga)
		return -ENODEV;
	if (!text)
		return -ENOMEM;
	vm_pc_lock(pc);
	n = vga_text(pc->machine.vga, text, VGA_TEXT_MAX);
	vm_pc_unlock(pc);
	for (int at = 0; n > 0 && at < n;) {
		const ssize_t done = write(fd, text + at, (size_t)(n - at));

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += (int)done;
	}
	return n < 0 ? n : 0;
}

int vm_pc_key(struct vm_pc *pc, unsigned code, bool pressed)
{
	vm_pc_lock(pc);
	i8042_key(pc->machine.i8042, code, pressed);
	vm_pc_unlock(pc);
	return 0;
}

int vm_pc_power_button(struct vm_pc *pc)
{
	if (!pc->machine.pm)
		return -ENODEV;
	vm_pc_lock(pc);
	piix4pm_button(pc->machine.pm);
	vm_pc_unlock(pc);
	return 0;
}
