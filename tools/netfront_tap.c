/* SPDX-License-Identifier: MIT */
/* tandem-netfront: the tap, set up as the vif is. */
#include <string.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "tools/netfront_prog.h"
#include "tools/netfront_write.h"

int bridge_open(struct netfront_prog *p)
{
	int err = tap_open(p->tap, p->opts.queues, p->fds, p->made);

	if (err) {
		log_err("--tap %s: %s", p->tap, tap_strerror(err));
		return err;
	}
	p->nr_fds = p->opts.queues;
	p->has_uso = tap_has_uso(p->fds[0]);
	for (unsigned i = 0; i < p->nr_fds && !err; i++)
		err = tapw_new(p->fds[i], &p->writers[i]);
	if (err)
		log_err("--tap %s: %s", p->tap, strerror(-err));
	return err;
}

void bridge_close(struct netfront_prog *p)
{
	while (p->nr_fds) {
		tapw_free(p->writers[--p->nr_fds]);
		close(p->fds[p->nr_fds]);
	}
}

bool bridge_uso(const struct netfront_prog *p, const struct tandem_net_info *i)
{
	return p->has_uso && !p->uso_off && i->tx.active & TANDEM_NET_SG &&
	       i->tx.active & (TANDEM_NET_CSUM | TANDEM_NET_CSUM6);
}

/*
 * A tap's offloads are those of what comes out of it. It has one for checksums of
 * either IP: what the vif does not take of them is filled in (netfront_uso.h).
 */
static int set_offloads(struct netfront_prog *p, const struct tandem_net_info *i)
{
	const unsigned tx = i->tx.active;
	int err = 0;

	for (unsigned k = 0; k < p->nr_fds && !err; k++)
		err = tap_set_offload(p->fds[k],
				      tx & (TANDEM_NET_CSUM | TANDEM_NET_CSUM6),
				      tx & TANDEM_NET_TSO4, tx & TANDEM_NET_TSO6,
				      bridge_uso(p, i));
	if (err)
		log_err("tap %s: its offloads cannot be set: %s", p->made,
			strerror(-err));
	return err;
}

static int set_interface(struct netfront_prog *p, const struct tandem_net_info *i)
{
	int err = iface_set_mac(p->made, p->has_mac ? p->mac : i->mac);

	if (err) {
		log_err("tap %s: its address cannot be set: %s", p->made, strerror(-err));
		return err;
	}
	err = iface_set_mtu(p->made, i->mtu);
	if (err) {
		log_err("tap %s: an MTU of %u cannot be set: %s", p->made, i->mtu,
			strerror(-err));
		return err;
	}
	p->mtu = i->mtu;
	err = iface_set_up(p->made);
	if (err)
		log_err("tap %s cannot be brought up: %s", p->made, strerror(-err));
	return err;
}

int bridge_setup(struct netfront_prog *p)
{
	struct tandem_net_info i;
	int err = 0;

	tandem_net_get_info(p->net, &i);
	if (!p->mtu)
		err = set_interface(p, &i);
	else if (i.mtu < p->mtu)
		log_warn("tap %s has an MTU of %u, and the vif now one of %u: larger "
			 "packets are lost",
			 p->made, p->mtu, i.mtu);
	if (!err)
		err = set_offloads(p, &i);
	/* older kernels cannot: then it stays on */
	if (!err)
		(void)tap_set_carrier(p->fds[0], i.carrier);
	return err;
}
