/* SPDX-License-Identifier: MIT */
/* tandem-vm as a domain of tandem-hvd. */
#include "tools/vm_domain.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/base/num.h"
#include "hv/kvm/xen_remote.h"

int vm_domain_open(struct vm_domain *d)
{
	const char *env = getenv("TANDEM_HV_FD");
	uint64_t fd = 0;
	int err;

	d->hv = -1;
	if (!env)
		return 0;
	err = num_parse_u64(env, INT_MAX, &fd);
	if (!err)
		err = hvclient_hello((int)fd, &d->domid, d->name);
	if (!err)
		d->hv = (int)fd;
	else
		log_err("its hypervisor ($TANDEM_HV_FD): %s", strerror(-err));
	return err;
}

/* ------------------------------------------------------------- event channels */

/* What tandem-hvd gave for a port: eventfds, as one end is a VM. */
static int channel_take(int err, struct hvclient_port *p, struct xen_channel *ch)
{
	if (err)
		return err;
	if (!p->eventfd) {
		close(p->wait);
		close(p->notify);
		if (p->keep >= 0)
			close(p->keep);
		return -EPROTO;
	}
	ch->wait = p->wait;
	ch->notify = p->notify;
	return 0;
}

static int remote_alloc(void *arg, domid_t remote, evtchn_port_t port,
			struct xen_channel *ch)
{
	struct vm_domain *d = arg;
	struct hvclient_port p;

	return channel_take(hvclient_evtchn_alloc(d->hv, remote, port, &p), &p, ch);
}

static int remote_bind(void *arg, domid_t remote, evtchn_port_t remote_port,
		       evtchn_port_t port, struct xen_channel *ch)
{
	struct vm_domain *d = arg;
	struct hvclient_port p;

	return channel_take(hvclient_evtchn_bind(d->hv, remote, remote_port, port, &p),
			    &p, ch);
}

static void remote_close(void *arg, evtchn_port_t port)
{
	struct vm_domain *d = arg;

	/* cannot fail but for a hypervisor that is gone */
	(void)hvclient_evtchn_close(d->hv, port);
}

static int remote_status(void *arg, evtchn_port_t port)
{
	struct vm_domain *d = arg;
	domid_t remote;
	int status = hvclient_evtchn_status(d->hv, port, &remote);

	return status < 0 ? EVTCHNSTAT_unbound : status;
}

/* ------------------------------------------------------------ others' memory */

static int memory_get(void *arg, domid_t granter, uint32_t id, struct xen_memory *m)
{
	struct vm_domain *d = arg;
	struct hvclient_arena a;
	int err = hvclient_arena_map(d->hv, granter, id, &a);

	if (err)
		return err;
	*m = (struct xen_memory){
		.vm = a.vm,
		.readonly = a.readonly,
		.pages = a.pages,
		.low_pages = a.low_pages,
		.entry_pages = a.entry_pages,
		.data = a.data,
		.entries = a.entries,
	};
	return 0;
}

static void memory_put(void *arg, domid_t granter, uint32_t id)
{
	struct vm_domain *d = arg;

	/* cannot fail but for a hypervisor that is gone, and its note with it */
	(void)hvclient_arena_unmap(d->hv, granter, id);
}

static const struct xen_remote_ops remote_ops = {
	.alloc = remote_alloc,
	.bind = remote_bind,
	.close = remote_close,
	.status = remote_status,
	.memory_get = memory_get,
	.memory_put = memory_put,
};

int vm_domain_join(struct vm_domain *d, struct vm *vm)
{
	const struct gmem *m = &vm->mem;
	int err;

	if (d->hv < 0)
		return 0;
	err = hvclient_vm_memory(d->hv, m->ram_fd,
				 (uint32_t)(m->ram_bytes / XEN_PAGE_SIZE),
				 (uint32_t)(m->low_bytes / XEN_PAGE_SIZE),
				 vm->xen.gnttab_fd);
	if (err == -EPERM)
		log_err("%s: this domain was not made for a VM: type=\"pvh\" or "
			"\"hvm\" would be right",
			d->name);
	else if (err)
		log_err("%s: giving its memory to tandem-hvd: %s", d->name,
			strerror(-err));
	else
		xen_remote_set(vm, &remote_ops, d);
	return err;
}
