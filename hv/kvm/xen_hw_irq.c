/* SPDX-License-Identifier: MIT */
/*
 * Events from other domains without this process: an eventfd, an irqfd of KVM's, and a
 * route that ends at an event channel port.
 */
#include "hv/kvm/xen_hw_irq.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define MSI_ADDRESS    0xfee00000u
#define MSI_DEST_SHIFT 12
#define IOAPIC_PINS    24u
#define PIC_PINS       16u
#define CASCADE	       2u
#define FIXED	       (IOAPIC_PINS + PIC_PINS)

/* The routes that KVM starts with: each pin of the two PICs and the IOAPIC. But a PC's
 * line 0, the timer, is the IOAPIC's pin 2, as its tables say: that of the second PIC. */
static unsigned fixed_routes(struct kvm_irq_routing_entry *e, bool pc)
{
	unsigned n = 0;

	for (unsigned pin = 0; pin < PIC_PINS; pin++, n++) {
		e[n].gsi = pin;
		e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[n].u.irqchip.irqchip =
			pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		e[n].u.irqchip.pin = pin % 8;
	}
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		if (pc && pin == CASCADE)
			continue;
		e[n].gsi = pin;
		e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[n].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e[n].u.irqchip.pin = pc && !pin ? CASCADE : pin;
		n++;
	}
	return n;
}

int xen_hw_irq_routes(struct vm *vm)
{
	const struct xen_routes *r = &vm->xen.routes;
	struct kvm_irq_routing *t =
		calloc(1, sizeof(*t) + (FIXED + r->n) * sizeof(t->entries[0]));
	int err = 0;

	if (!t)
		return -ENOMEM;
	t->nr = fixed_routes(t->entries, vm->pc);
	for (unsigned i = 0; i < r->n; i++) {
		struct kvm_irq_routing_entry *e = &t->entries[t->nr];

		if (!r->port[i])
			continue;
		e->gsi = IOAPIC_PINS + i;
		e->type = KVM_IRQ_ROUTING_XEN_EVTCHN;
		e->u.xen_evtchn.port = r->port[i];
		e->u.xen_evtchn.vcpu = vm->xen.port[r->port[i]].vcpu;
		e->u.xen_evtchn.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL;
		t->nr++;
	}
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, t) < 0)
		err = -errno;
	free(t);
	return err;
}

static int irqfd(struct vm *vm, unsigned slot, int fd, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd,
			       .gsi = IOAPIC_PINS + slot,
			       .flags = flags };

	return ioctl(vm->fd, KVM_IRQFD, &f) < 0 ? -errno : 0;
}

/* The slot of a port (0: a free one), or XEN_MAX_ROUTES. */
static unsigned slot_of(const struct xen_routes *r, evtchn_port_t port)
{
	unsigned i = 0;

	while (i < r->n && r->port[i] != port)
		i++;
	return i < r->n || port ? (i < r->n ? i : XEN_MAX_ROUTES) : i;
}

int xen_hw_irq_add(struct vm *vm, evtchn_port_t port, int fd)
{
	struct xen_routes *r = &vm->xen.routes;
	unsigned slot = slot_of(r, 0);
	int err;

	if (slot >= XEN_MAX_ROUTES)
		return -ENOSPC;
	if (slot == r->n)
		r->n++;
	r->port[slot] = port;
	err = xen_hw_irq_routes(vm);
	if (!err)
		err = irqfd(vm, slot, fd, 0);
	if (err)
		r->port[slot] = 0;
	return err;
}

void xen_hw_irq_del(struct vm *vm, evtchn_port_t port, int fd)
{
	struct xen_routes *r = &vm->xen.routes;
	unsigned slot = slot_of(r, port);

	if (slot >= XEN_MAX_ROUTES)
		return;
	/* cannot fail: it was added */
	(void)irqfd(vm, slot, fd, KVM_IRQFD_FLAG_DEASSIGN);
	r->port[slot] = 0;
	/* cannot fail but for memory, and then the route leads to a closed port */
	(void)xen_hw_irq_routes(vm);
}

int xen_hw_irq_moved(struct vm *vm)
{
	return xen_hw_irq_routes(vm);
}

int xen_hw_upcall(struct vcpu *v)
{
	struct kvm_msi msi = { .address_lo = MSI_ADDRESS | v->id << MSI_DEST_SHIFT,
			       .data = v->xen.upcall_vector };

	if (!v->xen.upcall_vector)
		return 0;
	return ioctl(v->vm->fd, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}
