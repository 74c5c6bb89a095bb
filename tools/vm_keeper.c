/* SPDX-License-Identifier: MIT */
/* A VM's keeper: its process, and what it does when something happens. */
#include "tools/vm_keeper.h"
#include "hv/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/kvm/xen_abi.h"
#include "tools/vm_keeper_int.h"

#define LOG_MAX	   (256u << 10)
#define LOG_RATE   (16u << 10) /* bytes a second; what is more is lost */
#define RESTART_MS 1000	       /* a life is at least so long */

/* ------------------------------------------------------------------ messages */

/* Lines of tandem-vm, and our own once there is nobody to see them. */
static void on_message(void *arg, uint32_t events)
{
	struct keeper *k = arg;
	char buf[4096];
	ssize_t n = read(k->messages[0], buf, sizeof(buf));

	(void)events;
	if (n > 0)
		bounded_log_write(&k->log, buf,
				  bounded_log_allowance(&k->log, (size_t)n));
}

int keeper_fail_by_message(struct keeper *k, int err)
{
	char buf[1024], *text;
	ssize_t n = err == -EPIPE ? read(k->messages[0], buf, sizeof(buf) - 1) : 0;

	if (n <= 0)
		return cli_fail(k->c, "%s: its tandem-vm: %s", k->plan->name,
				err == -EPIPE ? "has ended" : strerror(-err));
	bounded_log_write(&k->log, buf, (size_t)n);
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	text = strrchr(buf, '\n'); /* there may be warnings before it */
	text = text ? text + 1 : buf;
	if (!strncmp(text, "tandem-vm: ", 11))
		text += 11;
	return cli_fail(k->c, "%s", text);
}

/* ------------------------------------------------------------- the guest's end */

static enum vm_action action_for(const struct keeper *k, int reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		return life_action(&k->plan->keys->life, VM_POWEROFF);
	case SHUTDOWN_reboot:
		return life_action(&k->plan->keys->life, VM_REBOOT);
	case SHUTDOWN_suspend: /* whoever asked for it goes on from here */
		return VM_PRESERVE;
	case SHUTDOWN_watchdog:
		return life_action(&k->plan->keys->life, VM_WATCHDOG);
	default:
		return life_action(&k->plan->keys->life, VM_CRASH);
	}
}

static bool domain_there(struct keeper *k)
{
	struct cli_domain dom;

	return !cli_next_domain(k->c, k->dom.id, &dom) && dom.id == k->dom.id &&
	       !strcmp(dom.name, k->dom.name);
}

static void restart(struct keeper *k)
{
	const int64_t lived = clock_ms() - k->started_ms;

	if (lived < RESTART_MS)
		usleep((useconds_t)(RESTART_MS - lived) * 1000);
	if (keeper_start(k, false))
		evloop_stop(k->loop, CLI_EXIT_FAILURE);
}

/* reason: SHUTDOWN_*, or -1: its process has ended. */
static void guest_ended(struct keeper *k, int reason)
{
	enum vm_action action = action_for(k, reason);

	if (!domain_there(k)) { /* destroyed, by another */
		(void)keeper_stop(k);
		evloop_stop(k->loop, 0);
		return;
	}
	if (reason < 0)
		cli_warn(k->c, "%s: its tandem-vm has ended", k->plan->name);
	if (reason >= 0 && action == VM_PRESERVE)
		return;
	if (reason >= 0 && (action == VM_DUMP_DESTROY || action == VM_DUMP_RESTART))
		keeper_dump(k);
	/* who destroyed it meanwhile does not want it back */
	if (!keeper_stop(k) && (action == VM_RESTART || action == VM_DUMP_RESTART))
		restart(k);
	else
		evloop_stop(k->loop, 0);
}

void keeper_on_control(void *arg, uint32_t events)
{
	struct keeper *k = arg;
	struct vmctl_reply reply;
	int err = vmctl_receive(k->control, &reply, 0);

	(void)events;
	if (err == -ETIMEDOUT)
		return;
	guest_ended(k, err || reply.value > SHUTDOWN_MAX ? -1 : (int)reply.value);
}

/* ----------------------------------------------------------------- its process */

static void on_signal(void *arg, uint32_t events)
{
	struct keeper *k = arg;

	(void)events;
	(void)keeper_stop(k);
	evloop_stop(k->loop, 0);
}

/* tandem-hvd is gone, and with it the domain. */
static void on_hypervisor(void *arg, uint32_t events)
{
	struct keeper *k = arg;

	(void)events;
	(void)keeper_stop(k);
	evloop_stop(k->loop, CLI_EXIT_FAILURE);
}

static int sources_open(struct keeper *k)
{
	sigset_t signals;
	int err;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	k->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	k->loop = evloop_new();
	if (k->signals < 0 || !k->loop || pipe2(k->messages, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	err = evloop_add(k->loop, k->signals, EPOLLIN, on_signal, k, NULL);
	if (!err)
		err = evloop_add(k->loop, k->messages[0], EPOLLIN, on_message, k, NULL);
	if (!err)
		err = evloop_add(k->loop, k->c->hv, EPOLLRDHUP, on_hypervisor, k, NULL);
	if (!err)
		err = bounded_log_open(&k->log, k->plan->name, ".log", LOG_MAX, LOG_RATE);
	return err ? err : vm_console_open(&k->console, k->loop, k->plan->name);
}

/* All is well: from now on nobody waits for us, nor sees what we say. */
static int leave(struct keeper *k, int ready)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fflush(stdout) || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(k->messages[1], STDERR_FILENO) < 0 ||
	    write(ready, "r", 1) != 1)
		return CLI_EXIT_FAILURE;
	close(ready);
	(void)setsid(); /* cannot fail: a fresh child leads no group */
	return 0;
}

static int keeper_main(struct cli *c, const struct vm_plan *plan, int ready)
{
	struct keeper k = { .c = c,
			    .plan = plan,
			    .control = -1,
			    .signals = -1,
			    .messages = { -1, -1 },
			    .log.fd = -1 };
	int err, status = cli_need_plat(c);

	if (status)
		return status;
	err = sources_open(&k);
	if (err)
		return cli_fail(c, "%s: %s", plan->name, strerror(-err));
	status = keeper_start(&k, plan->paused);
	if (!status && c->json)
		status = cli_print_json(c, json_pack("{s:s, s:i, s:I}", "name",
						     plan->name, "domid", (int)k.dom.id,
						     "pid", (json_int_t)k.vm.pid));
	if (!status)
		status = leave(&k, ready);
	if (!status)
		status = evloop_run(k.loop);
	if (k.running)
		(void)keeper_stop(&k);
	/* its last words */
	on_message(&k, 0);
	vm_console_close(k.console);
	bounded_log_close(&k.log);
	evloop_free(k.loop);
	return status;
}

int vm_keep(struct cli *c, const struct vm_plan *plan)
{
	int ready[2], status = 0;
	char r;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		return cli_fail(c, "%s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return cli_fail(c, "%s", strerror(errno));
	if (!pid) {
		close(ready[0]);
		_exit(keeper_main(c, plan, ready[1]) ? CLI_EXIT_FAILURE : 0);
	}
	close(ready[1]);
	if (read(ready[0], &r, 1) != 1) {
		(void)waitpid(pid, &status, 0); /* cannot fail: it is our child */
		status = CLI_EXIT_FAILURE;
	}
	close(ready[0]);
	return status;
}
