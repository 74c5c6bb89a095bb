/* SPDX-License-Identifier: MIT */
/* console_io and physdev_op, of which a PVH guest needs little. */
#include <errno.h>

#include "hv/kvm/hypercall.h"

#define CONSOLE_MAX 4096 /* bytes of one call */

int64_t xen_console_io(struct vcpu *v, const uint64_t arg[6])
{
	char buf[256];
	uint64_t done = 0;

	if (arg[0] == CONSOLEIO_read)
		return 0; /* nobody types here */
	if (arg[0] != CONSOLEIO_write)
		return -ENOSYS;
	if (arg[1] > CONSOLE_MAX)
		return -EINVAL;
	while (done < arg[1]) {
		size_t n = arg[1] - done < sizeof(buf) ? arg[1] - done : sizeof(buf);

		if (guest_copy_in(v, buf, arg[2] + done, n))
			return -EFAULT;
		if (v->vm->debug_out)
			v->vm->debug_out(v->vm->debug_arg, buf, n);
		done += n;
	}
	return (int64_t)done;
}

/* Without physical interrupts there is none to end, and none to ask for. */
int64_t xen_physdev_op(struct vcpu *v, const uint64_t arg[6])
{
	switch (arg[0]) {
	case PHYSDEVOP_eoi:
	case PHYSDEVOP_irq_status_query:
		return -EINVAL;
	default:
		return guest_unknown(v, "unknown physdev_op", arg[0]);
	}
}
