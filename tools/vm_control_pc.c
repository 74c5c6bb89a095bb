/* SPDX-License-Identifier: MIT */
/* The control socket of a VM's process: the operations that a PC has. */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/vm_control_int.h"

/* A pipe that nobody reads would hold whoever writes. */
static int is_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

/* -------------------------------------------------------------------- a picture */

static void *picture_main(void *arg)
{
	struct picture *p = arg;

	p->err = vm_pc_picture(p->pc, p->fd);
	/* cannot fail: the counter is far from full */
	(void)!eventfd_write(p->done_fd, 1);
	return NULL;
}

static void on_picture(void *arg, uint32_t events)
{
	struct picture *p = arg;
	struct client *cl = p->client;
	struct vmctl_reply reply = { .version = VMCTL_VERSION };
	eventfd_t n;

	(void)events;
	if (eventfd_read(p->done_fd, &n))
		return;
	pthread_join(p->thread, NULL);
	close(p->fd);
	p->runs = false;
	p->client = NULL;
	reply.status = p->err;
	if (cl)
		vm_control_reply(cl, &reply);
}

static int picture_ready(struct vm_control *c)
{
	struct picture *p = &c->picture;
	int err;

	if (p->done_fd >= 0)
		return 0;
	p->pc = c->cfg.pc;
	p->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = p->done_fd < 0 ? -errno
			     : evloop_add(c->cfg.loop, p->done_fd, EPOLLIN, on_picture, p,
					  &p->src);
	if (err && p->done_fd >= 0) {
		close(p->done_fd);
		p->done_fd = -1;
	}
	return err;
}

/* PNG takes many milliseconds, and the guest's timers run on the loop. */
int op_picture(struct client *cl, const struct vmctl_call *call,
	       struct vmctl_reply *reply, const int *fds)
{
	struct vm_control *c = cl->control;
	struct picture *p = &c->picture;
	int err = c->cfg.pc ? is_regular(fds[0]) : -EOPNOTSUPP;

	(void)call;
	(void)reply;
	if (!err && p->runs)
		err = -EBUSY;
	if (!err)
		err = picture_ready(c);
	if (err)
		return err;
	p->fd = dup(fds[0]);
	if (p->fd < 0)
		return -errno;
	err = -pthread_create(&p->thread, NULL, picture_main, p);
	if (err) {
		close(p->fd);
		return err;
	}
	p->runs = true;
	p->client = cl;
	return NO_REPLY;
}

void vm_control_picture_end(struct vm_control *c)
{
	struct picture *p = &c->picture;

	if (p->runs) {
		pthread_join(p->thread, NULL);
		close(p->fd);
	}
	if (p->src)
		evloop_del(p->src);
	if (p->done_fd >= 0)
		close(p->done_fd);
}

/* -------------------------------------------------------------------- the others */

int op_text(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	    const int *fds)
{
	int err = cl->control->cfg.pc ? is_regular(fds[0]) : -EOPNOTSUPP;

	(void)call;
	(void)reply;
	return err ? err : vm_pc_text(cl->control->cfg.pc, fds[0]);
}

int op_key(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	   const int *fds)
{
	(void)reply;
	(void)fds;
	if (!cl->control->cfg.pc)
		return -EOPNOTSUPP;
	if (!call->id || call->id > KEY_MAX)
		return -ENOENT;
	return vm_pc_key(cl->control->cfg.pc, call->id, call->flags & VMCTL_PRESSED);
}

int op_power_button(struct client *cl, const struct vmctl_call *call,
		    struct vmctl_reply *reply, const int *fds)
{
	(void)call;
	(void)reply;
	(void)fds;
	return cl->control->cfg.pc ? vm_pc_power_button(cl->control->cfg.pc)
				   : -EOPNOTSUPP;
}

int op_vnc(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	   const int *fds)
{
	(void)call;
	(void)fds;
	if (!cl->control->cfg.pc)
		return -EOPNOTSUPP;
	reply->value = vm_pc_vnc_port(cl->control->cfg.pc);
	return 0;
}

int op_insert(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	      const int *fds)
{
	int own[2];

	(void)reply;
	if (!cl->control->cfg.pc)
		return -EOPNOTSUPP;
	if (call->id >= VM_PC_DRIVES)
		return -ENODEV;
	own[0] = dup(fds[0]);
	own[1] = dup(fds[1]);
	if (own[0] >= 0 && own[1] >= 0)
		return vm_pc_insert(cl->control->cfg.pc, call->id, own);
	if (own[0] >= 0)
		close(own[0]);
	if (own[1] >= 0)
		close(own[1]);
	return -EMFILE;
}

int op_eject(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	     const int *fds)
{
	(void)reply;
	(void)fds;
	if (!cl->control->cfg.pc)
		return -EOPNOTSUPP;
	if (call->id >= VM_PC_DRIVES)
		return -ENODEV;
	return vm_pc_eject(cl->control->cfg.pc, call->id, call->flags & VMCTL_FORCE);
}
