/* SPDX-License-Identifier: MIT */
/* tandem dmesg: what VMs' processes had to say, and guests by console_io. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/statedir.h"
#include "tools/cmd_vm.h"

#define SUFFIX ".log"

/* Each line behind its domain's name. The older file comes first. */
static int print_log(const char *name, const char *suffix)
{
	char file[NAME_MAX + 16], path[PATH_MAX], line[1024];
	FILE *f;

	snprintf(file, sizeof(file), "log/%s%s", name, suffix);
	if (statedir_path(path, sizeof(path), file))
		return -ENAMETOOLONG;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		cli_clean(line);
		printf("(%s) %s\n", name, line);
	}
	fclose(f);
	return 0;
}

static int print_logs(const char *name)
{
	(void)print_log(name, SUFFIX ".1"); /* there need not be one */
	return print_log(name, SUFFIX);
}

static int is_log(const struct dirent *e)
{
	size_t len = strlen(e->d_name), tail = strlen(SUFFIX);

	return len > tail && !strcmp(e->d_name + len - tail, SUFFIX);
}

int cli_dmesg(struct cli *c)
{
	char dir[PATH_MAX];
	struct dirent **names;
	struct cli_domain dom;
	int n, err;

	if (c->argc) {
		if (cli_find_domain(c, c->argv[0], &dom))
			return CLI_EXIT_FAILURE;
		err = print_logs(dom.name);
		return err && err != -ENOENT
			       ? cli_fail(c, "%s: %s", dom.name, strerror(-err))
			       : 0;
	}
	err = cli_need_hv(c);
	if (err)
		return err;
	n = statedir_path(dir, sizeof(dir), "log")
		    ? 0
		    : scandir(dir, &names, is_log, alphasort);
	for (int i = 0; i < n; i++) {
		names[i]->d_name[strlen(names[i]->d_name) - strlen(SUFFIX)] = '\0';
		(void)print_logs(names[i]->d_name); /* one that goes meanwhile */
		free(names[i]);
	}
	if (n > 0)
		free(names);
	return 0;
}
