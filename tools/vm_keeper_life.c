/* SPDX-License-Identifier: MIT */
/* A VM's keeper: how a VM begins and ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/clock.h"
#include "hv/proc/hvclient.h"
#include "tools/cmd_domain.h"
#include "tools/cmd_vm.h"
#include "tools/vm_config.h"
#include "tools/vm_keeper_int.h"
#include "tools/vm_xs.h"

#define ARGV_MAX    (VM_ARGV_MAX + 4)
#define END_WAIT_MS 5000

/* -------------------------------------------------------------------- beginning */

/* tandem-vm's command line, with the socket that it inherits. */
static int spawn_vm(struct keeper *k, int conn, int listener, int console)
{
	const int io[3] = { console, console, k->messages[1] };
	char *argv[ARGV_MAX], number[16];
	const char *what = NULL;
	int n = 0, err;

	while (n < ARGV_MAX - 4 && k->plan->argv[n]) {
		argv[n] = k->plan->argv[n];
		n++;
	}
	snprintf(number, sizeof(number), "%d", listener);
	argv[n++] = (char *)"--paused";
	argv[n++] = (char *)"--control";
	argv[n++] = number;
	argv[n] = NULL;
	/* the only program that this process starts */
	if (fcntl(listener, F_SETFD, 0))
		return cli_fail(k->c, "%s", strerror(errno));
	err = spawn_connected(argv, conn, io, &k->vm, &what);
	if (err)
		return cli_fail(k->c, "starting its VM: %s: %s", what, strerror(-err));
	err = domain_record(k->c, k->dom.id, &k->vm);
	return err ? cli_fail(k->c, "xenstore: %s", cli_strerror(err)) : 0;
}

static int fail_step(struct keeper *k, const char *what, int err)
{
	return cli_fail(k->c, "%s: %s: %s", k->plan->name, what, cli_strerror(err));
}

static int process_start(struct keeper *k)
{
	cleanup_close int listener = vmctl_listen(k->dom.id, "", SOCK_SEQPACKET);
	cleanup_close int conn = -1, console = -1;
	int err;

	if (listener < 0)
		return fail_step(k, "its control socket", listener);
	k->control = vmctl_connect(k->dom.id, "", SOCK_SEQPACKET);
	if (k->control < 0)
		return fail_step(k, "its control socket", k->control);
	if (vm_config_note(k->c, k->dom.id, k->plan->keys))
		return CLI_EXIT_FAILURE;
	err = vm_console_start(k->console, k->dom.id, &console);
	if (err)
		return fail_step(k, "its console", err);
	err = hvclient_domain_connect(k->c->hv, k->dom.id, NULL, &conn);
	if (err)
		return fail_step(k, "connection", err);
	return spawn_vm(k, conn, listener, console);
}

/* It answers when its guest is loaded, which may take as long as a stream does. */
static int wait_loaded(struct keeper *k, struct vmctl_reply *reply)
{
	struct pollfd p[] = { { .fd = k->control, .events = POLLIN },
			      { .fd = k->signals, .events = POLLIN } };
	struct vmctl_call call = { .op = VMCTL_RINGS };
	int err = vmctl_send(k->control, &call, NULL, 0);

	if (err)
		return err;
	if (poll(p, 2, -1) < 0)
		return -errno;
	return p[0].revents ? vmctl_receive(k->control, reply, 0) : -EINTR;
}

/* Where its screen is to be seen. */
static int tell_vnc(struct keeper *k)
{
	const char *vnc = k->plan->keys->pc.vnc;
	struct vmctl_call call = { .op = VMCTL_VNC };
	struct vmctl_reply reply = { 0 };
	char address[PATH_MAX];
	int err = vnc ? vmctl_call(k->control, &call, &reply, -1) : 0;

	if (err)
		return keeper_fail_by_message(k, err);
	if (!vnc)
		return 0;
	pc_vnc_address(vnc, address, sizeof(address));
	return vm_xs_vnc(k->c, k->dom.id, address, reply.value);
}

/* Then it may run, and we hear of its end. */
static int vm_run(struct keeper *k, bool paused)
{
	struct vmctl_call call;
	struct vmctl_reply reply;
	int status, err = wait_loaded(k, &reply);

	if (err)
		return keeper_fail_by_message(k, err);
	status = vm_xs_rings(k->c, k->dom.id, &reply);
	if (!status)
		status = tell_vnc(k);
	if (!status && k->plan->loaded)
		status = k->plan->loaded(k->c, k->plan->arg, &k->dom);
	if (status)
		return status;
	if (!paused) {
		call = (struct vmctl_call){ .op = VMCTL_UNPAUSE };
		err = vmctl_call(k->control, &call, &reply, -1);
	}
	call = (struct vmctl_call){ .op = VMCTL_WAIT };
	if (!err)
		err = vmctl_send(k->control, &call, NULL, 0);
	if (!err)
		err = evloop_add(k->loop, k->control, EPOLLIN, keeper_on_control, k,
				 &k->control_src);
	return err ? keeper_fail_by_message(k, err) : 0;
}

int keeper_start(struct keeper *k, bool paused)
{
	int status = k->plan->build(k->c, k->plan->arg, &k->dom);

	if (status)
		return status;
	k->running = true;
	k->started_ms = clock_ms();
	status = process_start(k);
	if (!status)
		status = vm_run(k, paused);
	if (status)
		(void)keeper_stop(k); /* that it cannot end adds nothing */
	return status;
}

/* -------------------------------------------------------------------------- end */

/* Asked to end, it has a while for it; then it is killed. */
static void process_end(struct keeper *k)
{
	struct vmctl_call call = { .op = VMCTL_END };

	if (k->vm.pid <= 0)
		return;
	/* cannot fail in a way that matters: it is killed then */
	(void)vmctl_send(k->control, &call, NULL, 0);
	for (int ms = 0; ms < END_WAIT_MS && spawn_alive(&k->vm); ms += 10)
		usleep(10000);
	(void)spawn_end(&k->vm);
	(void)waitpid(k->vm.pid, NULL, 0);
	k->vm.pid = 0;
}

int keeper_stop(struct keeper *k)
{
	int err;

	if (k->control_src)
		evloop_del(k->control_src);
	k->control_src = NULL;
	/* cannot fail in a way that matters: it keeps the media that it had */
	if (k->plan->keys->hvm)
		(void)vm_config_disks(k->dom.id, &k->plan->keys->pc);
	process_end(k);
	if (k->control >= 0)
		close(k->control);
	k->control = -1;
	vmctl_unlink(k->dom.id, "");
	vm_config_forget(k->dom.id);
	vm_console_stop(k->console);
	k->running = false;
	err = domain_destroy(k->c, &k->dom);
	return err == -ENOTCONN ? 0 : err;
}
