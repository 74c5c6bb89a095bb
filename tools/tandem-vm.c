/* SPDX-License-Identifier: MIT */
/* tandem-vm: one virtual machine, as a sandboxed process. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/evloop.h"
#include "hv/base/log.h"
#include "hv/base/sandbox.h"
#include "hv/kvm/pagedev.h"
#include "hv/kvm/pvh.h"
#include "hv/kvm/xen_line.h"
#include "hv/kvm/xen_timer.h"
#include "tools/vm_control.h"
#include "tools/vm_domain.h"
#include "tools/vm_limit.h"
#include "tools/vm_opt.h"
#include "tools/vm_save.h"

#define EXIT_USAGE  2
#define EXIT_REASON 16 /* plus SHUTDOWN_*, but for a power-off */

const char *argp_program_version = "tandem-vm " TANDEM_VERSION;

struct run {
	struct vm_options o;
	struct vm_domain domain;
	int xs, limit_fd, kernel_fd, ramdisk_fd, signal_fd; /* -1: none */
	struct evloop *loop;
	struct vm *vm;
	struct pagedev *console, *store;
	struct vm_pc *pc;	    /* NULL: PVH */
	struct vm_control *control; /* NULL: started by hand */
	struct evsource *stop_src;
	struct vm_limit *limit;
	uint64_t load_ns; /* CPU time of reading and unpacking the kernel and ramdisk */
	struct vm_saver *saver; /* NULL: started by hand */
	struct vm_restore restore;
};

/* What the sandbox lets through: what a running machine needs of KVM. */
static const unsigned long kvm_ioctls[] = {
	KVM_RUN,
	KVM_TRANSLATE,
	KVM_GET_REGS,
	KVM_SET_REGS,
	KVM_GET_SREGS,
	KVM_SET_SREGS,
	KVM_GET_MP_STATE,
	KVM_SET_MP_STATE,
	KVM_GET_MP_STATE,
	KVM_NMI,
	KVM_GET_VCPU_EVENTS,
	KVM_SET_VCPU_EVENTS,
	KVM_SIGNAL_MSI,
	KVM_IRQ_LINE,
	KVM_IRQFD,
	KVM_SET_GSI_ROUTING,
	KVM_SET_USER_MEMORY_REGION,
	KVM_XEN_HVM_SET_ATTR,
	KVM_XEN_HVM_EVTCHN_SEND,
	KVM_XEN_VCPU_SET_ATTR,
	KVM_XEN_VCPU_GET_ATTR,
	/* to save and to restore it */
	KVM_GET_DIRTY_LOG,
	KVM_GET_CPUID2,
	KVM_GET_TSC_KHZ,
	KVM_SET_TSC_KHZ,
	KVM_GET_CLOCK,
	KVM_SET_CLOCK,
	KVM_GET_IRQCHIP,
	KVM_SET_IRQCHIP,
	KVM_GET_PIT2,
	KVM_SET_PIT2,
	KVM_GET_XCRS,
	KVM_SET_XCRS,
	KVM_GET_XSAVE,
	KVM_SET_XSAVE,
	KVM_GET_LAPIC,
	KVM_SET_LAPIC,
	KVM_GET_MSRS,
	KVM_SET_MSRS,
	KVM_GET_DEBUGREGS,
	KVM_SET_DEBUGREGS,
};

/* ------------------------------------------------------------------- opening */

/* The domain that this process is, if it was started as one. */
static int domain_open(struct run *r)
{
	snprintf(r->domain.name, sizeof(r->domain.name), "%s",
		 r->o.name ? r->o.name : "vm");
	return vm_domain_open(&r->domain);
}

static int file_open(const char *path, struct image *img, int *fd)
{
	int err;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	err = *fd < 0 ? -errno : image_open(img, *fd);
	if (err)
		log_err("%s: %s", path,
			err == -EINVAL ? "is no regular file" : strerror(-err));
	return err;
}

static int machine_open(struct run *r)
{
	const struct vm_spec spec = { .name = r->domain.name,
				      .memory = r->o.memory,
				      .maxmem = r->o.maxmem,
				      .vcpus = r->o.vcpus,
				      .domid = r->domain.domid,
				      .call_port = r->o.call_port,
				      .pc = r->o.pc.firmware,
				      .xen_platform = r->o.pc.xen_platform };
	const char *why;
	int err = vm_create(&r->vm, &spec, &why);

	if (err) {
		log_err("%s: %s: %s", r->domain.name, why, strerror(-err));
		return err;
	}
	if (r->o.hugepages && gmem_hugepages(&r->vm->mem))
		log_warn("%s: this kernel has no huge pages for it "
			 "(transparent_hugepage/shmem_enabled): it gets small ones",
			 r->domain.name);
	return 0;
}

static void debug_out(void *arg, const char *s, size_t len)
{
	(void)arg;
	/* cannot fail in a way that matters: it is for a person who debugs */
	(void)!write(STDERR_FILENO, s, len);
}

static int store_again(void *arg)
{
	struct run *r = arg;
	int sock = hvclient_xenstore(r->domain.hv), err;

	if (sock < 0)
		return sock;
	err = store_renew(r->store, sock);
	close(r->xs);
	r->xs = sock;
	return err;
}

/* What a guest has that knows Xen. */
static int xen_open(struct run *r)
{
	/* a PC's serial port has them already */
	const bool serial = r->pc && r->o.pc.serial;
	int err = console_open(&r->console, r->vm, r->loop, serial ? -1 : STDIN_FILENO,
			       serial ? -1 : STDOUT_FILENO);

	if (!err)
		err = xen_timers_open(r->vm, r->loop);
	if (!err && r->pc)
		err = xen_line_open(r->vm, r->loop);
	if (!err && r->domain.hv >= 0) {
		r->xs = hvclient_xenstore(r->domain.hv);
		err = r->xs < 0 ? r->xs : store_open(&r->store, r->vm, r->loop, r->xs);
	}
	if (!err && r->domain.hv >= 0) {
		r->limit_fd = hvclient_xenstore(r->domain.hv);
		err = r->limit_fd < 0
			      ? r->limit_fd
			      : vm_limit_open(&r->limit, r->vm, r->loop, r->limit_fd);
	}
	if (err)
		log_err("%s: its console and xenstore: %s", r->domain.name,
			strerror(-err));
	r->vm->debug_out = debug_out;
	return err;
}

static int devices_open(struct run *r)
{
	const bool pc = r->o.pc.firmware, xen = !pc || r->o.pc.xen_platform;
	int err = pc ? vm_pc_open(&r->pc, &r->o.pc, r->vm, r->loop) : 0;

	if (!err && xen)
		err = xen_open(r);
	if (err || r->domain.hv < 0)
		return err;
	/* a guest that knows nothing of Xen is not asked, and not told */
	err = vm_saver_open(&r->saver, r->vm, r->loop, r->domain.domid,
			    xen ? store_again : NULL, r);
	if (err)
		log_err("%s: what saves it: %s", r->domain.name, strerror(-err));
	return err;
}

static int enter_sandbox(const struct run *r)
{
	const struct sandbox_spec spec = {
		.ioctls = kvm_ioctls,
		.nioctls = sizeof(kvm_ioctls) / sizeof(kvm_ioctls[0]),
		.accept = r->o.control >= 0 || r->o.pc.vnc,
		.isolate = true,
	};
	int err;

	if (!r->o.sandbox)
		return 0;
	err = sandbox_enter(&spec);
	if (err > 0)
		log_info("seccomp confines tandem-vm;%s%s here",
			 err & SANDBOX_NO_LANDLOCK ? " no Landlock" : "",
			 err & SANDBOX_NO_NAMESPACES ? " no namespaces" : "");
	if (err < 0)
		log_err("cannot drop rights: %s", strerror(-err));
	return err < 0 ? err : 0;
}

/* ------------------------------------------------------------------- running */

static void on_signal(void *arg, uint32_t events)
{
	struct run *r = arg;

	(void)events;
	vm_stop(r->vm, SHUTDOWN_poweroff);
	evloop_stop(r->loop, 0); /* it may stand already */
}

/* The guest has stopped. Who controls it decides what comes next. */
static void on_stop(void *arg, uint32_t events)
{
	struct run *r = arg;

	(void)events;
	if (vm_saver_stopped(r->saver))
		return;
	if (!r->control) {
		evloop_stop(r->loop, 0);
		return;
	}
	evloop_del(r->stop_src);
	vm_join(r->vm);
	if (r->console)
		pagedev_drain(r->console);
	vm_control_stopped(r->control);
}

static void on_end(void *arg)
{
	struct run *r = arg;

	evloop_stop(r->loop, 0);
}

static int loop_open(struct run *r)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	r->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	r->loop = evloop_new();
	if (r->signal_fd < 0 || !r->loop) {
		log_err("cannot start: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

static void print_stats(const struct vm *vm)
{
	fprintf(stderr, "{\"exits\":{");
	for (unsigned i = 0, n = 0; i < VM_NR_EXITS; i++) {
		uint64_t sum = 0;

		for (unsigned k = 0; k < vm->nvcpus; k++)
			sum += vm->vcpu[k]->exits[i];
		if (sum)
			fprintf(stderr, "%s\"%s\":%" PRIu64, n++ ? "," : "",
				vm_exit_name(i), sum);
	}
	fprintf(stderr, "},\"hypercalls\":{");
	for (unsigned i = 0, n = 0; i < XEN_NR_HYPERCALLS; i++)
		if (vm->xen.calls[i])
			fprintf(stderr, "%s\"%u\":%" PRIu64, n++ ? "," : "", i,
				vm->xen.calls[i]);
	fprintf(stderr,
		"},\"memory\":{\"pages\":%" PRIu64 ",\"resident\":%" PRIu64 "}}\n",
		vm->xen.pages, gmem_resident(&vm->mem));
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	/* cannot fail: every Linux has that clock */
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int run_machine(struct run *r)
{
	const struct vm_control_config control = { .vm = r->vm,
						   .pc = r->pc,
						   .loop = r->loop,
						   .listener = r->o.control,
						   .end = on_end,
						   .arg = r };
	int err = evloop_add(r->loop, r->signal_fd, EPOLLIN, on_signal, r, NULL);

	if (!err)
		err = evloop_add(r->loop, r->vm->stop_fd, EPOLLIN, on_stop, r,
				 &r->stop_src);
	if (!err && r->o.control >= 0)
		err = vm_control_open(&r->control, &control);
	if (r->o.paused)
		vm_pause(r->vm);
	/* what a guest waits for, beside the threads of its vcpus */
	log_info("%s: starts after %" PRIu64 " us of CPU time, %" PRIu64
		 " of them for its kernel and ramdisk",
		 r->domain.name, cpu_ns() / 1000, r->load_ns / 1000);
	if (!err)
		err = vm_start(r->vm);
	if (!err)
		err = evloop_run(r->loop);
	vm_join(r->vm);
	vm_saver_close(r->saver);
	r->saver = NULL;
	if (r->console)
		pagedev_drain(r->console);
	if (err)
		log_err("%s: cannot run: %s", r->domain.name, strerror(-err));
	if (r->o.stats)
		print_stats(r->vm);
	return err;
}

static int status_of(const struct run *r)
{
	static const char *const names[] = { "powered off",
					     "reboots",
					     "is suspended",
					     "has crashed",
					     "was stopped by its watchdog",
					     "wants a soft reset" };
	int reason = vm_stop_reason(r->vm);

	log_info("%s: %s", r->domain.name, names[reason]);
	return reason == SHUTDOWN_poweroff ? 0 : EXIT_REASON + reason;
}

/* Everything but the guest's bytes is ready: the sandbox, then those. */
static int boot(struct run *r, const struct image *kernel, const struct image *ramdisk)
{
	const struct pvh_boot b = { kernel, ramdisk, r->o.cmdline };
	const char *why;
	uint64_t before;
	int err = enter_sandbox(r);

	if (err)
		return err;
	before = cpu_ns();
	err = r->pc ? vm_pc_firmware(r->pc, kernel, &why) : pvh_load(r->vm, &b, &why);
	r->load_ns = cpu_ns() - before;
	if (err)
		log_err("%s: %s", r->pc ? r->o.pc.firmware : r->o.kernel, why);
	return err || !r->pc ? err : vm_pc_start(r->pc, false);
}

/* The same with a saved machine instead. A PC's firmware is the saved one, too. */
static int wake(struct run *r)
{
	int err = enter_sandbox(r);

	if (!err && r->pc)
		err = vm_pc_start(r->pc, true);
	return err ? err : vm_restore(r->vm, &r->restore);
}

static int run(struct run *r)
{
	const char *first = r->o.pc.firmware ? r->o.pc.firmware : r->o.kernel;
	struct image kernel, ramdisk;
	int err = 0;

	if (r->o.restore)
		err = vm_restore_parse(r->o.restore, &r->restore);
	else
		err = file_open(first, &kernel, &r->kernel_fd);
	if (!err && r->o.ramdisk)
		err = file_open(r->o.ramdisk, &ramdisk, &r->ramdisk_fd);
	if (!err)
		err = domain_open(r);
	if (!err)
		err = loop_open(r);
	if (!err)
		err = machine_open(r);
	if (!err)
		err = vm_domain_join(&r->domain, r->vm);
	if (!err)
		err = devices_open(r);
	if (!err)
		err = r->o.restore ? wake(r)
				   : boot(r, &kernel, r->o.ramdisk ? &ramdisk : NULL);
	return err ? err : run_machine(r);
}

int main(int argc, char **argv)
{
	struct run r = { .xs = -1,
			 .limit_fd = -1,
			 .kernel_fd = -1,
			 .ramdisk_fd = -1,
			 .signal_fd = -1 };
	int status = EXIT_USAGE;

	vm_options(argc, argv, &r.o);
	if (!run(&r))
		status = status_of(&r);
	vm_saver_close(r.saver);
	vm_control_close(r.control);
	if (r.console)
		pagedev_close(r.console);
	if (r.store)
		pagedev_close(r.store);
	if (r.limit)
		vm_limit_close(r.limit);
	vm_pc_close(r.pc);
	if (r.vm) {
		xen_timers_close(r.vm);
		xen_line_close(r.vm);
		vm_destroy(r.vm);
	}
	evloop_free(r.loop);
	return status;
}
