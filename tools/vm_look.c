/* SPDX-License-Identifier: MIT */
/*
 * A VM as its process shows it. The process answers as it likes, for it may be the
 * guest's by now: nothing here waits for it long, or believes how much it says there is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/clock.h"
#include "hv/kvm/xen_abi.h"
#include "tools/cmd_vm.h"
#include "tools/vmctl_client.h"

#define LOOK_MS 1000 /* for all answers to one question of ours */

int task_read(long tid, struct task *t)
{
	unsigned long user, system;
	char path[48], buf[1024], *p;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%ld/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	p = strrchr(buf, ')'); /* the name may contain anything */
	/* fields 3; 14, 15; 39 */
	if (!p ||
	    sscanf(p + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
		   "%*d %*d %*u %*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u "
		   "%*u %*d %u",
		   &t->state, &user, &system, &t->cpu) != 4)
		return -ESRCH;
	t->seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return 0;
}

/* -------------------------------------------------------------------- looking */

int vm_connect(domid_t domid)
{
	return vmctl_connect(domid, "", SOCK_SEQPACKET);
}

/* One of several calls that all end by `end`. */
static int ask(int fd, int64_t end, struct vmctl_call *call, struct vmctl_reply *reply)
{
	int64_t left = end - clock_ms();

	return left < 0 ? -ETIMEDOUT : vmctl_call(fd, call, reply, (int)left);
}

static int vcpu_ask(int fd, int64_t end, unsigned id, struct vcpu_look *l)
{
	struct vmctl_call call = { .op = VMCTL_VCPU, .id = id };
	struct vmctl_reply reply;
	int err = id < VMCTL_MAX_VCPUS ? ask(fd, end, &call, &reply) : -ENOENT;

	if (err)
		return err;
	l->online = reply.flags & VMCTL_ONLINE;
	l->seconds = (double)reply.value / 1e9;
	l->tid = (long)(uint32_t)reply.value2;
	return 0;
}

static int exits_ask(int fd, int64_t end, unsigned id, uint64_t exits[VM_NR_EXITS])
{
	struct vmctl_reply reply;
	int err = 0;

	for (unsigned i = 0; i < VM_NR_EXITS && !err; i++) {
		struct vmctl_call call = { .op = VMCTL_EXITS, .id = id, .value = i };

		err = ask(fd, end, &call, &reply);
		exits[i] += err ? 0 : reply.value;
	}
	return err;
}

int vcpu_look(int fd, unsigned id, struct vcpu_look *l)
{
	return vcpu_ask(fd, clock_ms() + LOOK_MS, id, l);
}

int vcpu_exits(int fd, unsigned id, uint64_t exits[VM_NR_EXITS])
{
	memset(exits, 0, VM_NR_EXITS * sizeof(*exits));
	return exits_ask(fd, clock_ms() + LOOK_MS, id, exits);
}

int vm_look(int fd, struct vm_look *l)
{
	const int64_t end = clock_ms() + LOOK_MS;
	struct vmctl_call call = { .op = VMCTL_INFO },
			  resident = { .op = VMCTL_RESIDENT };
	struct vmctl_reply reply;
	struct vcpu_look v;
	struct task t;
	int err = ask(fd, end, &call, &reply);

	*l = (struct vm_look){ 0 };
	if (err)
		return err;
	l->pc = reply.flags & VMCTL_PC;
	l->paused = reply.flags & VMCTL_PAUSED;
	l->stopped = reply.flags & VMCTL_STOPPED;
	l->reason = (int)reply.value2;
	l->memory = reply.value;
	for (unsigned i = 0; !err && i < reply.id && i < VMCTL_MAX_VCPUS; i++) {
		err = vcpu_ask(fd, end, i, &v);
		if (!err)
			err = exits_ask(fd, end, i, l->exits);
		if (err)
			break;
		l->vcpus += v.online;
		l->seconds += v.seconds;
		l->running |= !task_read(v.tid, &t) && t.state == 'R';
	}
	if (!err)
		err = ask(fd, end, &resident, &reply);
	l->resident = err ? 0 : reply.value;
	return err;
}

const char *vm_state_text(const struct vm_look *l, char text[7])
{
	bool crashed = l->stopped && l->reason == SHUTDOWN_crash, lives = !l->stopped;

	text[0] = lives && !l->paused && l->running ? 'r' : '-';
	text[1] = lives && !l->paused && !l->running ? 'b' : '-';
	text[2] = lives && l->paused ? 'p' : '-';
	text[3] = l->stopped ? 's' : '-';
	text[4] = crashed ? 'c' : '-';
	text[5] = '-'; /* a domain that dies is not seen here any more */
	text[6] = '\0';
	return text;
}
