/* SPDX-License-Identifier: MIT */
/* The processes of a domain, as the kernel accounts for them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hv/proc/hvclient.h"
#include "tools/cmd_vm.h"
#include "tools/top.h"

#define PROCESSES_MAX 64u /* of one domain */

/* The process of the domain's n-th connection; 0: not known here. -ENOENT */
static int process_at(struct cli *c, domid_t domid, uint32_t n, pid_t *pid)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_PROCESS, .domid = domid, .id = n };
	struct hvreply reply;
	int err = hvclient_call(c->hv, &call, &reply, NULL, NULL);

	if (!err)
		*pid = (pid_t)reply.value;
	return err;
}

bool top_sees_processes(struct cli *c)
{
	pid_t pid;

	for (uint32_t n = 0; n < UINT16_MAX && !process_at(c, 0, n, &pid); n++)
		if (pid == getpid())
			return true;
	return false;
}

static uint64_t resident(pid_t pid)
{
	uint64_t pages = 0;
	char path[48];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_process(struct top_domain *d, pid_t pid, bool *running)
{
	struct timespec ts;
	struct task t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts) ||
	    task_read(pid, &t))
		return; /* it has ended */
	d->runs = true;
	d->cpu_ns += (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (!d->vm) {
		d->resident += resident(pid);
		*running |= t.state == 'R';
	}
}

/* Dom0's connections come and go with programs such as this one; its process that
 * counts is the hypervisor itself. */
static uint32_t hypervisor(struct cli *c, pid_t pids[PROCESSES_MAX])
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(c->hv, SOL_SOCKET, SO_PEERCRED, &cred, &len) || cred.pid <= 0)
		return 0;
	pids[0] = cred.pid;
	return 1;
}

void top_processes(struct cli *c, struct top_domain *d, bool seen)
{
	pid_t pids[PROCESSES_MAX], pid;
	uint32_t n = 0;
	bool running = false;

	if (!d->id)
		n = hypervisor(c, pids);
	for (uint32_t i = 0; d->id && seen && n < PROCESSES_MAX && i < UINT16_MAX; i++) {
		uint32_t k = 0;

		if (process_at(c, d->id, i, &pid))
			break;
		while (k < n && pids[k] != pid)
			k++;
		if (k == n && pid > 0)
			pids[n++] = pid;
	}
	for (uint32_t i = 0; i < n; i++)
		add_process(d, pids[i], &running);
	if (d->runs && !d->vm)
		d->state[running ? 0 : 1] = running ? 'r' : 'b';
}
