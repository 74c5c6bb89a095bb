/* SPDX-License-Identifier: MIT */
/*
 * The steps of paravirtual drivers on a PC, as those of Windows take them: the platform
 * device, unplugging, the hypercall page, shared pages in the device's memory,
 * parameters, events by an interrupt line and by a vector. On one disk, hda, and one
 * card.
 */
#include "tests/guest/pc.h"

#define PATIENCE	      100000u /* accesses to that port */
#define DELAY_PORT	      0x80
#define UNPLUG_ALL	      7u
#define SLOT_NIC	      SLOT(4u)
#define IDE		      (SLOT_ISA + 1u)
#define NR_EVENTS	      100u
#define CALLBACK(type, value) ((uint64_t)HVM_PARAM_CALLBACK_TYPE_##type << 56 | (value))

static struct pc_shared_info *const info = (struct pc_shared_info *)XEN_BAR;
static evtchn_port_t port, ipi; /* what is waited for; one of its own */
static volatile unsigned taken, spurious;
static volatile unsigned leave; /* so many times the flag stays as it is */

void pc_interrupt(void)
{
	const unsigned bits = 8 * sizeof(word);
	const word bit = 1ul << port % bits;

	if (leave) {
		leave--;
		return;
	}
	info->vcpu[0].pending = 0;
	info->vcpu[0].selector = 0;
	if (info->pending[port / bits] & bit) {
		info->pending[port / bits] = 0;
		taken++;
	} else {
		spurious++;
	}
}

static void device(void)
{
	CHECK_EQ(pci_in(SLOT_XEN, 0), 0x00015853);
	pci_out(SLOT_XEN, 0x10, 0xffffffff);
	CHECK_EQ(pci_in(SLOT_XEN, 0x10), 0xffffff01);
	pci_out(SLOT_XEN, 0x14, 0xffffffff);
	CHECK_EQ(pci_in(SLOT_XEN, 0x14), 0xff000000);
	pci_out(SLOT_XEN, 0x10, 0xc000);
	pci_out(SLOT_XEN, 0x14, XEN_BAR);
	pci_out(SLOT_XEN, 0x04, 3);
	CHECK_EQ(in16(0x10), 0x49d2);
	CHECK_EQ(in8(0x12), 1);
	pci_out(IDE, 0x04, 1);
	pci_out(IDE, 0x40, 0x8000);
	CHECK_EQ(in8(0x1f7), 0x50);
	CHECK(pci_in(SLOT_NIC, 0) != 0xffffffff);
	out16(0x12, 0x7464);
	out32(0x10, 1);
	out16(0x10, UNPLUG_ALL);
	CHECK(in8(0x1f7) != 0x50);
	CHECK_EQ(pci_in(SLOT_NIC, 0), 0xffffffff);
	CHECK_EQ(pci_in(SLOT_XEN, 0), 0x00015853);
}

static void physmap(uint32_t space, word idx, word page)
{
	struct pc_add_to_physmap a = { .domid = DOMID_SELF,
				       .space = space,
				       .idx = idx,
				       .gpfn = XEN_BAR / XEN_PAGE_SIZE + page };

	CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), 0);
}

static void pages(void)
{
	volatile uint32_t *frame = (volatile uint32_t *)(XEN_BAR + XEN_PAGE_SIZE);
	word frames[2] = { 7, 7 };
	struct pc_setup_table t = { .dom = DOMID_SELF, .nr_frames = 1, .frames = frames };

	physmap(XENMAPSPACE_shared_info, 0, 0);
	info->masked[1] = 5;
	physmap(XENMAPSPACE_shared_info, 0, 2);
	physmap(XENMAPSPACE_shared_info, 0, 0);
	CHECK_EQ(info->masked[1], 5);
	info->masked[1] = 0;
	physmap(XENMAPSPACE_grant_table, 0, 1);
	frame[16] = 0x1234;
	CHECK_EQ(frame[16], 0x1234);
	CHECK_EQ(hypercall_op(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &t), 0);
	CHECK_EQ(t.status, GNTST_okay);
	CHECK_EQ(frames[0], XEN_BAR / XEN_PAGE_SIZE + 1);
	CHECK_EQ(frames[1], 7);
}

static int64_t param(unsigned cmd, uint32_t index, uint64_t *value)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index, .value = *value };
	const int64_t ret = hypercall_op(__HYPERVISOR_hvm_op, cmd, &p);

	*value = p.value;
	return ret;
}

static void params(void)
{
	uint64_t pfn = 0, event = 0;

	CHECK_EQ(param(HVMOP_get_param, HVM_PARAM_CONSOLE_PFN, &pfn), 0);
	CHECK_EQ(param(HVMOP_get_param, HVM_PARAM_CONSOLE_EVTCHN, &event), 0);
	CHECK(pfn && event);
	CHECK_EQ(param(HVMOP_set_param, HVM_PARAM_STORE_PFN, &pfn), -1);
}

static int64_t callback(uint64_t value)
{
	return param(HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &value);
}

static void send(void)
{
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &port), 0);
}

/* Interrupts are on until n events have been taken in all. */
static void arrive(unsigned n)
{
	asm volatile("sti");
	for (unsigned k = 0; taken < n && k < PATIENCE; k++)
		out8(DELAY_PORT, 0);
	asm volatile("cli");
	CHECK_EQ(taken, n);
}

/* Each event arrives once; nothing else does. */
static void events(void)
{
	port = ipi;
	taken = spurious = 0;
	for (unsigned n = 1; n <= NR_EVENTS; n++) {
		send();
		arrive(n);
	}
	/* of a level: it comes again for as long as the flag stands */
	leave = 3;
	send();
	arrive(NR_EVENTS + 1);
	CHECK_EQ(leave, 0);
	/* nothing comes while nothing is pending */
	asm volatile("sti");
	for (unsigned k = 0; k < 10000; k++)
		asm volatile("pause");
	asm volatile("cli");
	CHECK_EQ(taken, NR_EVENTS + 1);
	CHECK_EQ(spurious, 0);
}

/* A device's events: the console takes what is in its ring, and says so. */
static void console(void)
{
	static const char text[] = "from the ring\n";
	uint64_t pfn = 0, event = 0;
	struct xencons_interface *ring;

	CHECK_EQ(param(HVMOP_get_param, HVM_PARAM_CONSOLE_PFN, &pfn), 0);
	CHECK_EQ(param(HVMOP_get_param, HVM_PARAM_CONSOLE_EVTCHN, &event), 0);
	ring = (struct xencons_interface *)(word)(pfn << XEN_PAGE_SHIFT);
	memcpy(ring->out, text, sizeof(text) - 1);
	ring->out_prod = sizeof(text) - 1;
	port = (evtchn_port_t)event;
	taken = 0;
	send();
	arrive(1);
	CHECK_EQ(ring->out_cons, sizeof(text) - 1);
}

/* The same of xenstore, in a domain that has one. */
static void store(void)
{
	static const char path[] = "memory/target";
	static const struct pc_message header = { .type = PC_XS_READ,
						  .req_id = 7,
						  .len = sizeof(path) };
	uint64_t pfn = 0, event = 0;
	struct pc_store *ring;
	struct pc_message reply;

	CHECK_EQ(param(HVMOP_get_param, HVM_PARAM_STORE_PFN, &pfn), 0);
	CHECK_EQ(param(HVMOP_get_param, HVM_PARAM_STORE_EVTCHN, &event), 0);
	if (!pfn)
		return;
	ring = (struct pc_store *)(word)(pfn << XEN_PAGE_SHIFT);
	memcpy(ring->req, &header, sizeof(header));
	memcpy(ring->req + sizeof(header), path, sizeof(path));
	ring->req_prod = sizeof(header) + sizeof(path);
	port = (evtchn_port_t)event;
	taken = 0;
	send();
	arrive(1);
	for (unsigned k = 0; ring->rsp_prod < sizeof(reply) + 1 && k < PATIENCE; k++)
		out8(DELAY_PORT, 0);
	CHECK(ring->rsp_prod > sizeof(reply));
	memcpy(&reply, ring->rsp, sizeof(reply));
	CHECK_EQ(reply.type, PC_XS_READ);
	CHECK_EQ(reply.req_id, 7);
	CHECK(reply.len > 0);
}

static void lines(void)
{
	struct evtchn_bind_ipi i = { .vcpu = 0 };

	interrupts_on();
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &i), 0);
	port = ipi = i.port;
	CHECK_EQ(callback(CALLBACK(GSI, 24)), -95);
	CHECK_EQ(callback(CALLBACK(PCI_INTX, SLOT_XEN << 8)), 0);
	events();
	CHECK_EQ(callback(CALLBACK(GSI, IRQ_XEN)), 0);
	events();
	/* what came before there is a line is told when there is */
	CHECK_EQ(callback(0), 0);
	send();
	taken = 0;
	CHECK_EQ(callback(CALLBACK(PCI_INTX, SLOT_XEN << 8)), 0);
	arrive(1);
	console();
	store();
}

/* By a vector, where KVM knows Xen. */
static void vector(void)
{
	const int64_t ret = callback(CALLBACK(VECTOR, VECTORS + 20));

	if (ret == -95)
		return;
	CHECK_EQ(ret, 0);
	events();
}

void guest_main(void)
{
	CHECK(xen_find());
	CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 0x40011);
	device();
	pages();
	params();
	lines();
	vector();
	put_text("all of it\n");
}
