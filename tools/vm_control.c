/* SPDX-License-Identifier: MIT */
/* The control socket of a VM's process: connections, and a handler an operation. */
#include "tools/vm_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/fdpass.h"
#include "hv/kvm/coredump.h"
#include "tools/vm_control_int.h"

_Static_assert(VM_MAX_VCPUS <= VMCTL_MAX_VCPUS, "what a client asks for");

/* ---------------------------------------------------------------- operations */

static int op_info(struct client *cl, const struct vmctl_call *call,
		   struct vmctl_reply *reply, const int *fds)
{
	struct vm *vm = cl->control->cfg.vm;
	int reason = vm_stop_reason(vm);
	uint64_t callback;

	(void)call;
	(void)fds;
	pthread_mutex_lock(&vm->lock);
	reply->value = vm->xen.pages * XEN_PAGE_SIZE;
	callback = vm->xen.param[HVM_PARAM_CALLBACK_IRQ];
	pthread_mutex_unlock(&vm->lock);
	reply->id = vm->nvcpus;
	reply->flags = (vm_is_paused(vm) ? VMCTL_PAUSED : 0) |
		       (cl->control->cfg.pc ? VMCTL_PC : 0) |
		       (cl->control->cfg.pc && callback ? VMCTL_PV : 0);
	if (reason >= 0) {
		reply->flags |= VMCTL_STOPPED;
		reply->value2 = (uint64_t)reason;
	}
	return 0;
}

static int op_pause(struct client *cl, const struct vmctl_call *call,
		    struct vmctl_reply *reply, const int *fds)
{
	(void)call;
	(void)reply;
	(void)fds;
	if (vm_stop_reason(cl->control->cfg.vm) >= 0)
		return -ESRCH;
	vm_pause(cl->control->cfg.vm);
	return 0;
}

static int op_unpause(struct client *cl, const struct vmctl_call *call,
		      struct vmctl_reply *reply, const int *fds)
{
	(void)call;
	(void)reply;
	(void)fds;
	vm_unpause(cl->control->cfg.vm);
	return 0;
}

static int op_vcpu(struct client *cl, const struct vmctl_call *call,
		   struct vmctl_reply *reply, const int *fds)
{
	struct vm *vm = cl->control->cfg.vm;
	struct vcpu *v;

	(void)fds;
	if (call->id >= vm->nvcpus)
		return -ENOENT;
	v = vm->vcpu[call->id];
	pthread_mutex_lock(&vm->lock);
	reply->flags = vcpu_is_up(v) > 0 ? VMCTL_ONLINE : 0;
	pthread_mutex_unlock(&vm->lock);
	reply->value = vcpu_cpu_time(v);
	reply->value2 = (uint64_t)atomic_load(&v->tid);
	return 0;
}

static int op_wait(struct client *cl, const struct vmctl_call *call,
		   struct vmctl_reply *reply, const int *fds)
{
	int reason = vm_stop_reason(cl->control->cfg.vm);

	(void)call;
	(void)fds;
	cl->waits = reason < 0;
	if (cl->waits)
		return NO_REPLY;
	reply->value = (uint64_t)reason;
	return 0;
}

static int op_end(struct client *cl, const struct vmctl_call *call,
		  struct vmctl_reply *reply, const int *fds)
{
	(void)call;
	(void)reply;
	(void)fds;
	cl->control->cfg.end(cl->control->cfg.arg);
	return 0;
}

static int op_rings(struct client *cl, const struct vmctl_call *call,
		    struct vmctl_reply *reply, const int *fds)
{
	const struct vm *vm = cl->control->cfg.vm;

	(void)call;
	(void)fds;
	reply->id = (uint32_t)vm->xen.param[HVM_PARAM_CONSOLE_EVTCHN];
	reply->flags = (uint32_t)vm->xen.param[HVM_PARAM_STORE_EVTCHN];
	reply->value = vm->xen.param[HVM_PARAM_CONSOLE_PFN];
	reply->value2 = vm->xen.param[HVM_PARAM_STORE_PFN];
	return 0;
}

/* The guest waits meanwhile, and so does whoever else asks. */
static int op_dump(struct client *cl, const struct vmctl_call *call,
		   struct vmctl_reply *reply, const int *fds)
{
	struct vm *vm = cl->control->cfg.vm;

	(void)call;
	(void)reply;
	if (!vm_is_paused(vm) && vm_stop_reason(vm) < 0)
		return -EBUSY;
	return coredump_write(vm, fds[0]);
}

static int op_exits(struct client *cl, const struct vmctl_call *call,
		    struct vmctl_reply *reply, const int *fds)
{
	const struct vm *vm = cl->control->cfg.vm;

	(void)fds;
	if (call->id >= vm->nvcpus || call->value >= VM_NR_EXITS)
		return -ENOENT;
	reply->value = atomic_load_explicit(&vm->vcpu[call->id]->exits[call->value],
					    memory_order_relaxed);
	return 0;
}

static int op_resident(struct client *cl, const struct vmctl_call *call,
		       struct vmctl_reply *reply, const int *fds)
{
	(void)call;
	(void)fds;
	reply->value = gmem_resident(&cl->control->cfg.vm->mem);
	return 0;
}

static const struct op {
	int (*run)(struct client *cl, const struct vmctl_call *call,
		   struct vmctl_reply *reply, const int *fds);
	int nfds;      /* that come with the request */
	bool takes_id; /* what else must be zero */
	bool takes_value;
	uint32_t flags; /* that it knows */
} ops[VMCTL_NR_OPS] = {
	[VMCTL_INFO] = { .run = op_info },
	[VMCTL_PAUSE] = { .run = op_pause },
	[VMCTL_UNPAUSE] = { .run = op_unpause },
	[VMCTL_VCPU] = { .run = op_vcpu, .takes_id = true },
	[VMCTL_WAIT] = { .run = op_wait },
	[VMCTL_END] = { .run = op_end },
	[VMCTL_RINGS] = { .run = op_rings },
	[VMCTL_DUMP] = { .run = op_dump, .nfds = 1 },
	[VMCTL_EXITS] = { .run = op_exits, .takes_id = true, .takes_value = true },
	[VMCTL_RESIDENT] = { .run = op_resident },
	[VMCTL_PICTURE] = { .run = op_picture, .nfds = 1 },
	[VMCTL_TEXT] = { .run = op_text, .nfds = 1 },
	[VMCTL_KEY] = { .run = op_key, .takes_id = true, .flags = VMCTL_PRESSED },
	[VMCTL_POWER_BUTTON] = { .run = op_power_button },
	[VMCTL_VNC] = { .run = op_vnc },
	[VMCTL_INSERT] = { .run = op_insert, .nfds = 2, .takes_id = true },
	[VMCTL_EJECT] = { .run = op_eject, .takes_id = true, .flags = VMCTL_FORCE },
};

/* --------------------------------------------------------------- connections */

static void client_end(struct client *cl)
{
	if (cl->fd < 0)
		return;
	if (cl->src)
		evloop_del(cl->src);
	close(cl->fd);
	cl->fd = -1;
	cl->src = NULL;
	cl->waits = false;
	if (cl->control->picture.client == cl)
		cl->control->picture.client = NULL;
}

void vm_control_reply(struct client *cl, const struct vmctl_reply *reply)
{
	if (send(cl->fd, reply, sizeof(*reply), MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(*reply))
		client_end(cl);
}

static int call_check(const struct vmctl_call *call, int nfds)
{
	const struct op *op;

	if (call->version != VMCTL_VERSION)
		return -EPROTO;
	if (call->op >= VMCTL_NR_OPS)
		return -ENOSYS;
	op = &ops[call->op];
	if (nfds != op->nfds || (call->id && !op->takes_id) ||
	    (call->flags & ~op->flags) || (call->value && !op->takes_value))
		return -EINVAL;
	return 0;
}

static void on_call(void *arg, uint32_t events)
{
	struct client *cl = arg;
	struct vmctl_reply reply = { .version = VMCTL_VERSION };
	struct vmctl_call call;
	int fds[VMCTL_MAX_FDS], nfds = VMCTL_MAX_FDS, err;
	long n = fdpass_recv(cl->fd, &call, sizeof(call), fds, &nfds, MSG_DONTWAIT);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n != (long)sizeof(call) || cl->waits ||
	    cl->control->picture.client == cl) { /* its end, or no request */
		for (int i = 0; n >= 0 && i < nfds; i++)
			close(fds[i]);
		client_end(cl);
		return;
	}
	err = call_check(&call, nfds);
	if (!err)
		err = ops[call.op].run(cl, &call, &reply, fds);
	for (int i = 0; i < nfds; i++)
		close(fds[i]);
	if (err == NO_REPLY)
		return;
	reply.status = err;
	vm_control_reply(cl, &reply);
}

static void on_connect(void *arg, uint32_t events)
{
	struct vm_control *c = arg;
	int fd = accept4(c->cfg.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	for (unsigned i = 0; i < MAX_CLIENTS; i++) {
		struct client *cl = &c->client[i];

		if (cl->fd >= 0)
			continue;
		cl->fd = fd;
		if (evloop_add(c->cfg.loop, fd, EPOLLIN, on_call, cl, &cl->src))
			client_end(cl);
		return;
	}
	close(fd); /* too many: they see the end */
}

int vm_control_open(struct vm_control **control, const struct vm_control_config *cfg)
{
	struct vm_control *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->cfg = *cfg;
	c->picture.done_fd = -1;
	for (unsigned i = 0; i < MAX_CLIENTS; i++) {
		c->client[i].control = c;
		c->client[i].fd = -1;
	}
	err = evloop_add(cfg->loop, cfg->listener, EPOLLIN, on_connect, c, &c->src);
	if (err)
		vm_control_close(c);
	else
		*control = c;
	return err;
}

void vm_control_stopped(struct vm_control *c)
{
	const struct vmctl_reply reply = { .version = VMCTL_VERSION,
					   .value = (uint64_t)vm_stop_reason(c->cfg.vm) };

	for (unsigned i = 0; i < MAX_CLIENTS; i++) {
		struct client *cl = &c->client[i];

		if (cl->fd < 0 || !cl->waits)
			continue;
		cl->waits = false;
		vm_control_reply(cl, &reply);
	}
}

void vm_control_close(struct vm_control *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < MAX_CLIENTS; i++)
		client_end(&c->client[i]);
	vm_control_picture_end(c);
	if (c->src)
		evloop_del(c->src);
	close(c->cfg.listener);
	free(c);
}
