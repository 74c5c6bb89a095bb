/* SPDX-License-Identifier: MIT */
/* A VM's keeper: the core file of a guest that has stopped. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/statedir.h"
#include "tools/cmd_vm.h"
#include "tools/vm_keeper_int.h"

#define DUMP_MS 600000

/* $TANDEM_DUMP_DIR, or dump in the state directory, which is memory as a rule. */
static int dump_path(const char *name, char *path, size_t size)
{
	const char *env = getenv("TANDEM_DUMP_DIR");
	char dir[PATH_MAX];
	int err = 0;

	if (env)
		snprintf(dir, sizeof(dir), "%s", env);
	else
		err = statedir_path(dir, sizeof(dir), "dump");
	if (err)
		return err;
	if (!env && mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	return snprintf(path, size, "%s/%s.core", dir, name) < (int)size ? 0
									 : -ENAMETOOLONG;
}

/* Memory that the guest never used takes no room, but who knows. */
static int room_check(struct keeper *k, int file)
{
	struct statvfs st;
	struct vm_look l;
	int err = vm_look(k->control, &l);

	if (err)
		return err;
	if (fstatvfs(file, &st))
		return -errno;
	return st.f_bavail * st.f_frsize < l.memory ? -ENOSPC : 0;
}

static int dump(struct keeper *k, const char *path)
{
	cleanup_close int file = -1;
	struct vmctl_call call = { .op = VMCTL_DUMP };
	struct vmctl_reply reply;
	int err;

	/* one a name: a guest that crashes again and again fills no disk */
	if (unlink(path) && errno != ENOENT)
		return -errno;
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return -errno;
	err = room_check(k, file);
	if (!err)
		err = vmctl_send(k->control, &call, (const int[]){ file }, 1);
	if (!err)
		err = vmctl_receive(k->control, &reply, DUMP_MS);
	if (err)
		(void)unlink(path); /* cannot fail in a way that matters */
	return err;
}

void keeper_dump(struct keeper *k)
{
	char path[PATH_MAX] = "";
	int err = dump_path(k->plan->name, path, sizeof(path));

	if (!err)
		err = dump(k, path);
	if (err)
		cli_warn(k->c, "%s: no core dump: %s: %s", k->plan->name, path,
			 strerror(-err));
	else
		cli_warn(k->c, "%s: its core is in %s", k->plan->name, path);
}
