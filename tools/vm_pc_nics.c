/* SPDX-License-Identifier: MIT */
/* The PC's network cards, on network drivers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/log.h"
#include "tools/vif_spec.h"
#include "tools/vm_pc_int.h"

static int model_of(const char *name, enum pcmachine_nic *model)
{
	static const char *const names[] = { [PCMACHINE_RTL8139] = "rtl8139",
					     [PCMACHINE_PCNET] = "pcnet",
					     [PCMACHINE_E1000] = "e1000" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]))
			continue;
		*model = (enum pcmachine_nic)i;
		return 0;
	}
	return -EINVAL;
}

static void port_params(const struct vif_spec *v, struct netdrv_params *p)
{
	*p = (struct netdrv_params){
		.driver = v->port_driver ? v->port_driver : "tap",
		.target = v->port_target,
		.options = v->port_options,
		.bridge = v->bridge,
		.ifname = v->vifname,
		.mtu = v->mtu,
		.queues = 1,
	};
	memcpy(p->mac, v->mac, sizeof(p->mac));
}

static int port_open(struct vm_pc_nic *n, const struct vif_spec *v, char **why)
{
	struct netdrv_params p;
	const struct netdrv_ops *ops;
	int err;

	port_params(v, &p);
	ops = netdrv_find(p.driver);
	if (!ops)
		return -ENOENT;
	err = ops->open_files ? ops->open_files(&p, why) : 0;
	if (!err)
		err = ops->open(&p, &n->dev, why);
	if (err)
		for (int i = 0; i < p.nfds; i++)
			close(p.fds[i]);
	else
		n->dev->ops = ops;
	return err;
}

static int nic_take(struct vm_pc *pc, const char *text, char **why)
{
	struct vm_pc_nic *n = &pc->nic[pc->nr_nics];
	struct vif_spec v;
	int err = vif_spec_parse(1, &text, &v, why);

	if (err)
		return err;
	if (model_of(v.model ? v.model : "rtl8139", &n->model)) {
		*why = netdrv_why("model '%.40s': rtl8139, pcnet or e1000 would be right",
				  v.model);
		err = -EINVAL;
	} else if (!v.has_mac) {
		*why = netdrv_why("mac is missing: mac=00:16:3e:01:02:03 would be right");
		err = -EINVAL;
	} else {
		memcpy(n->mac, v.mac, sizeof(n->mac));
		err = port_open(n, &v, why);
	}
	vif_spec_clear(&v);
	if (!err)
		pc->nr_nics++;
	return err;
}

int vm_pc_nics_open(struct vm_pc *pc)
{
	int err = 0;

	for (unsigned i = 0; i < pc->o->nvifs && !err; i++) {
		cleanup_free char *why = NULL;

		err = nic_take(pc, pc->o->vif[i], &why);
		if (err)
			log_err("--vif '%s': %s", pc->o->vif[i],
				why ? why : strerror(-err));
	}
	return err;
}

static void lock(void *arg)
{
	vm_pc_lock(arg);
}

static void unlock(void *arg)
{
	vm_pc_unlock(arg);
}

static int nic_start(struct vm_pc *pc, unsigned i)
{
	struct vm_pc_nic *n = &pc->nic[i];
	const struct nicnet_config cfg = { .dev = n->dev,
					   .worker = pc->worker,
					   .lock = lock,
					   .unlock = unlock,
					   .lock_arg = pc };
	int err = nicnet_new(&cfg, &n->net);

	if (err)
		return err;
	vm_pc_lock(pc);
	err = pcmachine_nic(&pc->machine, n->model, i, nicnet_port(n->net), n->mac);
	vm_pc_unlock(pc);
	return err;
}

int vm_pc_nics_start(struct vm_pc *pc)
{
	int err = 0;

	for (unsigned i = 0; i < pc->nr_nics && !err; i++) {
		err = nic_start(pc, i);
		if (err)
			log_err("--vif '%s': %s", pc->o->vif[i], strerror(-err));
	}
	return err;
}

void vm_pc_nics_close(struct vm_pc *pc)
{
	for (unsigned i = 0; i < PCMACHINE_NICS; i++) {
		nicnet_free(pc->nic[i].net);
		if (pc->nic[i].dev)
			pc->nic[i].dev->ops->close(pc->nic[i].dev);
	}
}
