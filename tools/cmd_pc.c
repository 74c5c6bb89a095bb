/* SPDX-License-Identifier: MIT */
/* tandem screenshot, screen-text, send-key, vncviewer: a PC's screen and keyboard. */
#include "tools/cmd_pc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/cmds.h"
#include "tools/key_names.h"
#include "tools/vmctl_client.h"

#define CALL_MS	   10000
#define BUSY_TRIES 50
#define BUSY_US	   100000
#define KEY_US	   40000       /* a guest keeps up with that */
#define TEXT_MAX   (1u << 20)  /* of a screen */
#define FILE_MAX   (64u << 20) /* of a picture */

int pc_call(int fd, struct vmctl_call *call, const int *fds, int nfds,
	    struct vmctl_reply *reply)
{
	struct vmctl_reply unused;
	int err = vmctl_send(fd, call, fds, nfds);

	return err ? err : vmctl_receive(fd, reply ? reply : &unused, CALL_MS);
}

int cli_find_pc(struct cli *c, const char *name, struct cli_domain *dom, int *fd)
{
	struct vmctl_call call = { .op = VMCTL_INFO };
	struct vmctl_reply reply;
	int err;

	if (cli_find_vm(c, name, dom, fd))
		return CLI_EXIT_FAILURE;
	err = pc_call(*fd, &call, NULL, 0, &reply);
	if (err)
		return cli_fail(c, "%s: its tandem-vm: %s", dom->name, strerror(-err));
	if (!(reply.flags & VMCTL_PC))
		return cli_fail(c,
				"not supported: %s is a PVH guest, which has no such "
				"hardware: type=\"hvm\" makes a PC",
				dom->name);
	return 0;
}

static int fail_pc(struct cli *c, const struct cli_domain *dom, int err)
{
	if (err == -ENODEV)
		return cli_fail(c, "%s has no screen: vga=\"none\"", dom->name);
	if (err == -ENODATA)
		return cli_fail(c, "%s shows a picture, not text: tandem screenshot",
				dom->name);
	return cli_fail(c, "%s: its tandem-vm: %s", dom->name, strerror(-err));
}

/* -------------------------------------------------------------------------- the screen
 */

/* What a PC writes into a file in memory. A descriptor, or -errno. */
static int fetch(int fd, enum vmctl_op op)
{
	cleanup_close int file = memfd_create("tandem", MFD_CLOEXEC);
	struct vmctl_call call = { .op = op };
	int err = file < 0 ? -errno : -EBUSY;

	for (int i = 0; i < BUSY_TRIES && err == -EBUSY; i++) {
		err = pc_call(fd, &call, &file, 1, NULL);
		if (err == -EBUSY)
			usleep(BUSY_US);
	}
	if (err)
		return err;
	return lseek(file, 0, SEEK_SET) ? -errno : take_fd(file);
}

static int copy(int from, int to)
{
	char buf[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		total += (size_t)n;
		if (total > FILE_MAX)
			return -EFBIG;
		for (ssize_t at = 0; at < n;) {
			const ssize_t done = write(to, buf + at, (size_t)(n - at));

			if (done < 0)
				return -errno;
			at += done;
		}
	}
	return n < 0 ? -errno : 0;
}

static int run_screenshot(struct cli *c)
{
	const char *path = c->argv[1];
	const bool out = !strcmp(path, "-");
	cleanup_close int fd = -1, picture = -1, file = -1;
	struct cli_domain dom;
	int err;

	if (cli_find_pc(c, c->argv[0], &dom, &fd))
		return CLI_EXIT_FAILURE;
	picture = fetch(fd, VMCTL_PICTURE);
	if (picture < 0)
		return fail_pc(c, &dom, picture);
	if (!out) {
		file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (file < 0)
			return cli_fail(c, "%s: %s", path, strerror(errno));
	}
	err = copy(picture, out ? STDOUT_FILENO : file);
	return err ? cli_fail(c, "%s: %s", path, strerror(-err)) : 0;
}

static int run_screen_text(struct cli *c)
{
	cleanup_free char *text = malloc(TEXT_MAX + 1);
	cleanup_close int fd = -1, file = -1;
	struct cli_domain dom;
	ssize_t n;

	if (cli_find_pc(c, c->argv[0], &dom, &fd))
		return CLI_EXIT_FAILURE;
	file = fetch(fd, VMCTL_TEXT);
	if (file < 0)
		return fail_pc(c, &dom, file);
	n = text ? read(file, text, TEXT_MAX) : -1;
	if (n < 0)
		return cli_fail(c, "%s", strerror(errno));
	text[n] = '\0';
	for (char *line = text; line && *line;) {
		char *end = strchr(line, '\n');

		if (end)
			*end++ = '\0';
		cli_clean(line);
		puts(line);
		line = end;
	}
	return 0;
}

/* ------------------------------------------------------------------------ the keyboard
 */

static int key_send(int fd, unsigned key, bool pressed)
{
	struct vmctl_call call = { .op = VMCTL_KEY,
				   .id = key,
				   .flags = pressed ? VMCTL_PRESSED : 0 };
	int err = pc_call(fd, &call, NULL, 0, NULL);

	usleep(KEY_US / 2);
	return err;
}

/* Pressed in order, released in reverse. */
static int chord_send(int fd, const struct key_chord *chord)
{
	int err = 0;
	unsigned n = 0;

	while (!err && n < chord->n)
		err = key_send(fd, chord->key[n++], true);
	usleep(KEY_US);
	while (n) {
		const int e = key_send(fd, chord->key[--n], false);

		err = err ? err : e;
	}
	return err;
}

/* All are looked at before the first is pressed. */
static int check_keys(struct cli *c)
{
	struct key_chord chord;

	for (const char *p = c->text; p && *p; p++)
		if (key_chord_type(*p, &chord))
			return cli_fail(c, "--text: a keyboard of the United States has "
					   "not all of these characters");
	for (int i = 1; i < c->argc; i++) {
		const int err = key_chord_parse(c->argv[i], &chord);

		if (err == -E2BIG)
			return cli_fail(c, "'%.40s': %u keys at most are held together",
					c->argv[i], KEY_CHORD_MAX);
		if (err)
			return cli_fail(
				c,
				"'%.40s' is no key: a character, enter, esc, tab, "
				"space, backspace, f1 to f12, up, down, left, "
				"right, home, end, pgup, pgdn, ins, del, minus, or "
				"some with dashes between, such as "
				"ctrl-alt-delete, would be right",
				c->argv[i]);
	}
	return 0;
}

static int run_send_key(struct cli *c)
{
	cleanup_close int fd = -1;
	struct cli_domain dom;
	struct key_chord chord;
	int err = 0;

	if (c->argc < 2 && !c->text)
		return cli_fail(c, "want a KEY, or --text");
	if (check_keys(c) || cli_find_pc(c, c->argv[0], &dom, &fd))
		return CLI_EXIT_FAILURE;
	for (const char *p = c->text; p && *p && !err; p++)
		if (!key_chord_type(*p, &chord))
			err = chord_send(fd, &chord);
	for (int i = 1; i < c->argc && !err; i++)
		if (!key_chord_parse(c->argv[i], &chord))
			err = chord_send(fd, &chord);
	return err ? fail_pc(c, &dom, err) : 0;
}

int cli_power_button(struct cli *c, const struct cli_domain *dom, int fd)
{
	struct vmctl_call call = { .op = VMCTL_POWER_BUTTON };
	int err = pc_call(fd, &call, NULL, 0, NULL);

	if (err == -ENODEV)
		return cli_fail(c, "%s has no power button: acpi=0", dom->name);
	return err ? fail_pc(c, dom, err) : 0;
}

/* -------------------------------------------------------------------------- vncviewer */

static int run_vncviewer(struct cli *c)
{
	cleanup_free char *listen = NULL;
	cleanup_close int fd = -1;
	struct vmctl_call call = { .op = VMCTL_VNC };
	struct vmctl_reply reply;
	struct cli_domain dom;
	char path[64];
	int err;

	if (cli_need_plat(c) || cli_find_pc(c, c->argv[0], &dom, &fd))
		return CLI_EXIT_FAILURE;
	snprintf(path, sizeof(path), "/local/domain/%u/console/vnc-listen", dom.id);
	if (xenstore_read(c->plat, XENSTORE_NO_TX, path, &listen, NULL))
		return cli_fail(c,
				"%s shows its screen to no viewer: vnc=1 would be right",
				dom.name);
	err = pc_call(fd, &call, NULL, 0, &reply);
	if (err)
		return fail_pc(c, &dom, err);
	cli_clean(listen);
	if (reply.value)
		printf("%s:%u\n", listen, (unsigned)(uint16_t)reply.value);
	else
		printf("%s\n", listen);
	return 0;
}

/* ------------------------------------------------------------------------------- verbs
 */

static const struct argp_option key_options[] = {
	{ "text", CLI_TEXT, "STRING", 0,
	  "type this first, on a keyboard of the United States", 0 },
	{ 0 },
};

static const struct argp_option eject_options[] = {
	{ "force", CLI_FORCE, NULL, 0, "even if the guest holds it", 0 },
	{ 0 },
};

#define CD_SUMMARY                                                                     \
	.options = eject_options,                                                      \
	.doc = "VDEV is a CD-ROM or floppy drive of the domain's configuration: hdc, " \
	       "fda. A guest that holds its disc is asked to let go of it."

#define CD_INSERT                                                                       \
	.args = "DOM VDEV FILE", .min_args = 3, .max_args = 3, .run = cli_cdrom_insert, \
	.summary = "put another disc or floppy into a PC's drive", CD_SUMMARY

#define CD_EJECT                                                                  \
	.args = "DOM VDEV", .min_args = 2, .max_args = 2, .run = cli_cdrom_eject, \
	.summary = "take the disc or floppy out of a PC's drive", CD_SUMMARY

const struct verb verbs_pc[] = {
	{ .name = "screenshot",
	  .args = "DOM FILE",
	  .summary = "write a PC's screen to a PNG file",
	  .doc = "FILE - is the standard output.",
	  .min_args = 2,
	  .max_args = 2,
	  .run = run_screenshot },
	{ .name = "screen-text",
	  .args = "DOM",
	  .summary = "print what a PC's screen shows in a text mode",
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_screen_text },
	{ .name = "send-key",
	  .args = "DOM [KEY...]",
	  .summary = "press keys of a PC's keyboard",
	  .doc = "KEY is a character or a name: enter, esc, tab, space, backspace, f1 to "
		 "f12, up, down, left, right, home, end, pgup, pgdn, ins, del, minus; "
		 "or several that are held together: ctrl-alt-delete.",
	  .options = key_options,
	  .min_args = 1,
	  .max_args = CLI_ANY_ARGS,
	  .run = run_send_key },
	{ .name = "vncviewer",
	  .args = "DOM",
	  .summary = "print where a viewer finds a PC's screen",
	  .min_args = 1,
	  .max_args = 1,
	  .run = run_vncviewer },
	{ .name = "cdrom-insert", CD_INSERT },
	{ .name = "cdrom-eject", CD_EJECT },
	{ .name = "cd-insert", CD_INSERT },
	{ .name = "cd-eject", CD_EJECT },
	{ 0 },
};
