/* SPDX-License-Identifier: MIT */
/* tandem cdrom-insert, cdrom-eject: other media in a PC's drives. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "tools/cmd_pc.h"
#include "tools/create_pc.h"
#include "tools/vm_config.h"

/* The drive that the command line names. */
struct drive {
	struct cli_domain dom;
	int fd; /* a connection to its PC */
	const char *vdev;
	unsigned number, index; /* index: of its string in the configuration */
	struct pc_keys keys;
	const char *text; /* keys' */
};

static int drive_find(struct cli *c, struct drive *d)
{
	uint32_t devid;

	d->vdev = c->argv[1];
	if (disk_vdev_parse(d->vdev, &devid))
		return cli_fail(c,
				"'%.64s' is no virtual device: hdc or fda would be right",
				d->vdev);
	if (cli_find_pc(c, c->argv[0], &d->dom, &d->fd))
		return CLI_EXIT_FAILURE;
	d->number = disk_drive(devid);
	if (vm_config_disks(d->dom.id, &d->keys))
		return cli_fail(c, "%s: its configuration is not there", d->dom.name);
	if (d->number != DISK_DRIVE_NONE)
		d->text = pc_disk_find(&d->keys, d->number, &d->index);
	if (!d->text)
		return cli_fail(c, "%s has no drive %s", d->dom.name, d->vdev);
	if (!pc_disk_is_removable(d->text))
		return cli_fail(c, "%s: %s is a hard disk", d->dom.name, d->vdev);
	return 0;
}

static void drive_clear(struct drive *d)
{
	if (d->fd >= 0)
		close(d->fd);
	pc_keys_clear(&d->keys);
}

static int fail_drive(struct cli *c, const struct drive *d, int err)
{
	if (err == -EBUSY)
		return cli_fail(c,
				"%s holds what is in %s: once more when it has let go, "
				"or --force, would be right",
				d->dom.name, d->vdev);
	return cli_fail(c, "%s: %s: %s", d->dom.name, d->vdev,
			err == -EINVAL ? "it is no medium for this drive"
				       : strerror(-err));
}

/* What a reboot, or a restore, finds. */
static int drive_note(struct cli *c, const struct drive *d, const char *medium)
{
	cleanup_free char *text = pc_disk_with(d->text, medium);
	int err = text ? vm_config_set_disk(d->dom.id, d->index, text) : -ENOMEM;

	return err ? cli_fail(c, "%s: noting it: %s", d->dom.name, strerror(-err)) : 0;
}

static int drive_empty(struct cli *c, const struct drive *d)
{
	struct vmctl_call call = { .op = VMCTL_EJECT,
				   .id = d->number,
				   .flags = c->force ? VMCTL_FORCE : 0 };
	int err = pc_call(d->fd, &call, NULL, 0, NULL);

	if (err)
		return fail_drive(c, d, err);
	return drive_note(c, d, NULL);
}

int cli_cdrom_eject(struct cli *c)
{
	struct drive d = { .fd = -1 };
	int status = drive_find(c, &d);

	if (!status)
		status = drive_empty(c, &d);
	drive_clear(&d);
	return status;
}

static int insert(struct cli *c, const struct drive *d, const char *path)
{
	cleanup_close int one = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cleanup_close int two = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct vmctl_call call = { .op = VMCTL_INSERT, .id = d->number };
	int err, status;

	if (one < 0 || two < 0)
		return cli_fail(c, "%s: %s", path, strerror(errno));
	status = drive_empty(c, d);
	if (status)
		return status;
	err = pc_call(d->fd, &call, (int[]){ one, two }, 2, NULL);
	return err ? fail_drive(c, d, err) : drive_note(c, d, path);
}

int cli_cdrom_insert(struct cli *c)
{
	cleanup_free char *path = realpath(c->argv[2], NULL);
	struct drive d = { .fd = -1 };
	int status;

	if (!path)
		return cli_fail(c, "%s: %s", c->argv[2], strerror(errno));
	status = drive_find(c, &d);
	if (!status)
		status = insert(c, &d, path);
	drive_clear(&d);
	return status;
}
