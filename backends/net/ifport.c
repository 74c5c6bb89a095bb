/* SPDX-License-Identifier: MIT */
/* Ports on an existing interface: their target, checked. */
#include "backends/net/ifport.h"

#include <errno.h>
#include <string.h>

#include "hv/base/iface.h"

int ifport_refused(const struct netdrv_params *p, int err, char **why)
{
	if (err == -ENODEV || err == -ENAMETOOLONG)
		*why = netdrv_why("target=%s: there is no such interface", p->target);
	else if (err == -EPERM || err == -EACCES)
		*why = netdrv_why("target=%s: no permission: %s is for root alone",
				  p->target, p->driver);
	else
		*why = netdrv_why("target=%s: %s", p->target, strerror(-err));
	return err;
}

int ifport_check(struct netdrv_params *p, int *index, char **why)
{
	int err = 0;

	if (!p->target || !p->target[0])
		*why = netdrv_why("target=: %s needs the name of an interface",
				  p->driver);
	else if (p->bridge)
		*why = netdrv_why("bridge=%s: %s is a port on an interface, not on a "
				  "bridge",
				  p->bridge, p->driver);
	else
		err = 1;
	if (!err)
		return -EINVAL;
	err = iface_index(p->target, index);
	if (!err)
		err = iface_mtu(p->target, &p->found_mtu);
	if (!err)
		err = iface_set_up(p->target);
	if (err)
		return ifport_refused(p, err, why);
	if (p->mtu > p->found_mtu) {
		*why = netdrv_why("mtu=%u: target=%s carries %u at most", p->mtu,
				  p->target, p->found_mtu);
		return -EINVAL;
	}
	return 0;
}
