/* SPDX-License-Identifier: MIT */
/*
 * Switches by name, and their ports' coming and going.
 *
 * A port that leaves is first taken out of everything that a sender could find
 * it in; then the control thread waits until each sender that was inside
 * switch_forward() has left it once, and frees it.
 */
#include "backends/net/switch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/switch_int.h"

#define SWITCH_INBOX	     (1u << 20)
#define SWITCH_INBOX_PACKETS 4096u
#define SWITCH_MTU_MAX	     65521u /* a packet is 65535 bytes at most */

static struct netswitch *switches; /* the control thread's */

/* ---------------------------------------------------------------- switches */

static struct netswitch **switch_at(const char *name)
{
	struct netswitch **sw = &switches;

	while (*sw && strcmp((*sw)->name, name))
		sw = &(*sw)->next;
	return sw;
}

static char *switch_names(void)
{
	char *names = NULL, *more;

	for (struct netswitch *sw = switches; sw; sw = sw->next) {
		more = netdrv_why("%s%s%s", names ? names : "", names ? ", " : "",
				  sw->name);
		free(names);
		names = more;
	}
	return names;
}

struct netswitch *switch_find(const char *name, char **why)
{
	struct netswitch *sw;
	char *names;

	sw = *switch_at(name);
	if (!sw) {
		names = switch_names();
		*why = netdrv_why("switch '%s': there is none of that name; there %s%s",
				  name, names ? "are: " : "is none at all",
				  names ? names : "");
		free(names);
	}
	return sw;
}

static int switch_check(const char *name, const struct switch_params *p, char **why)
{
	if (!*name || strlen(name) >= SWITCH_NAME_MAX ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789._-")])
		*why = netdrv_why("switch '%s': want a name of 1 to %u letters, digits, "
				  "'.', '_', '-'",
				  name, SWITCH_NAME_MAX - 1);
	else if (p->ageing > SWITCH_AGEING_MAX)
		*why = netdrv_why("switch '%s': ageing=%u: want at most %u seconds", name,
				  p->ageing, SWITCH_AGEING_MAX);
	else if (p->mtu && (p->mtu < 68 || p->mtu > SWITCH_MTU_MAX))
		*why = netdrv_why("switch '%s': mtu=%u: want 68 to %u", name, p->mtu,
				  SWITCH_MTU_MAX);
	else if (p->inbox_bytes > NETINBOX_BYTES_MAX)
		*why = netdrv_why("switch '%s': inbox=%u: want at most %u bytes", name,
				  p->inbox_bytes, NETINBOX_BYTES_MAX);
	else
		return 0;
	return -EINVAL;
}

static int switch_make(const char *name, const struct switch_params *p,
		       struct netswitch **out)
{
	struct netswitch *sw = calloc(1, sizeof(*sw));
	int err;

	if (!sw)
		return -ENOMEM;
	snprintf(sw->name, sizeof(sw->name), "%s", name);
	sw->p = *p;
	if (!p->ageing)
		sw->p.ageing = SWITCH_AGEING;
	if (!p->mtu)
		sw->p.mtu = NETPORT_MTU;
	if (!p->inbox_bytes)
		sw->p.inbox_bytes = SWITCH_INBOX;
	err = switch_mac_init(sw);
	if (err) {
		free(sw);
		return err;
	}
	*out = sw;
	return 0;
}

int switch_create(const char *name, const struct switch_params *p, char **why)
{
	static const struct switch_params defaults;
	int err = switch_check(name, p ? p : &defaults, why);

	if (err)
		return err;
	if (*switch_at(name)) {
		*why = netdrv_why("switch '%s': there is one of that name already", name);
		return -EEXIST;
	}
	return switch_make(name, p ? p : &defaults, switch_at(name));
}

int switch_destroy(const char *name)
{
	struct netswitch **at = switch_at(name), *sw = *at;

	if (!sw)
		return -ENOENT;
	if (sw->ports_in_use)
		return -EBUSY;
	*at = sw->next;
	pthread_mutex_destroy(&sw->mac_lock);
	free(sw);
	return 0;
}

/* ------------------------------------------------------------------- ports */

static int port_check(const struct netswitch *sw, const struct switch_port_params *p,
		      char **why)
{
	uint16_t n = p->vlan;

	if (n != SWITCH_VLAN_NONE && n > SWITCH_VLAN_MAX)
		*why = netdrv_why("switch '%s': vlan=%u: want 1 to %u", sw->name, n,
				  SWITCH_VLAN_MAX);
	else if (n != SWITCH_VLAN_NONE && p->trunk[n / 64] >> n % 64 & 1)
		*why = netdrv_why("switch '%s': VLAN %u cannot be tagged and untagged on "
				  "one port",
				  sw->name, n);
	else if (p->macs > SWITCH_MACS_MAX)
		*why = netdrv_why("switch '%s': macs=%u: want 1 to %u", sw->name, p->macs,
				  SWITCH_MACS_MAX);
	else if (p->mtu && (p->mtu < 68 || p->mtu > SWITCH_MTU_MAX))
		*why = netdrv_why("switch '%s': mtu=%u: want 68 to %u", sw->name, p->mtu,
				  SWITCH_MTU_MAX);
	else if (p->queues > SWITCH_QUEUES)
		*why = netdrv_why("switch '%s': %u queues: want at most %u", sw->name,
				  p->queues, SWITCH_QUEUES);
	else
		return 0;
	return -EINVAL;
}

static void port_free(struct switch_port *port)
{
	for (uint32_t i = 0; port->queue && i < port->nqueues; i++)
		netinbox_free(port->queue[i].box);
	free(port->queue);
	free(port->mac);
	free(port->label);
	free(port);
}

static int port_alloc_queues(struct switch_port *port)
{
	size_t size = port->nqueues * sizeof(*port->queue);
	int err = 0;

	port->queue = aligned_alloc(alignof(struct switch_queue), size);
	if (!port->queue)
		return -ENOMEM;
	memset(port->queue, 0, size);
	for (uint32_t i = 0; i < port->nqueues && !err; i++) {
		port->queue[i].port = port;
		err = netinbox_new(&port->queue[i].box, port->sw->p.inbox_bytes,
				   SWITCH_INBOX_PACKETS);
	}
	return err;
}

static int port_alloc(struct netswitch *sw, const struct switch_port_params *p,
		      struct switch_port **out)
{
	struct switch_port *port = calloc(1, sizeof(*port));

	if (!port)
		return -ENOMEM;
	port->sw = sw;
	port->vlan = p->vlan;
	port->trunk_all = p->trunk_all;
	memcpy(port->trunk, p->trunk, sizeof(port->trunk));
	port->isolated = p->isolated;
	port->mtu = p->mtu ? p->mtu : sw->p.mtu;
	port->nqueues = p->queues ? p->queues : 1;
	port->nmacs = p->macs ? p->macs : SWITCH_MACS;
	port->limited = UINT32_MAX;
	port->label = strdup(p->label ? p->label : "");
	port->mac = calloc(port->nmacs, sizeof(*port->mac));
	if (!port->label || !port->mac || port_alloc_queues(port)) {
		port_free(port);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < port->nmacs; i++)
		port->mac[i].port = port;
	*out = port;
	return 0;
}

/* Among those that senders see. -ENOSPC */
static int port_publish(struct switch_port *port)
{
	struct netswitch *sw = port->sw;
	uint32_t i = 0;

	while (i < SWITCH_PORTS &&
	       atomic_load_explicit(&sw->port[i], memory_order_relaxed))
		i++;
	if (i == SWITCH_PORTS)
		return -ENOSPC;
	port->index = i;
	sw->ports_in_use++;
	/* release: pairs with the acquires in switch_flood() */
	atomic_store_explicit(&sw->port[i], port, memory_order_release);
	if (i >= sw->nports)
		atomic_store_explicit(&sw->nports, i + 1, memory_order_release);
	return 0;
}

static int port_pin(struct switch_port *port, const uint8_t *mac, char **why)
{
	static const uint8_t none[6];

	if (!mac || !memcmp(mac, none, 6) || mac[0] & 1 || port->vlan == SWITCH_VLAN_NONE)
		return 0;
	if (!switch_mac_pin(port, switch_mac_key(port->vlan, mac)))
		return 0;
	*why = netdrv_why("switch '%s': mac=%02x:%02x:%02x:%02x:%02x:%02x is another "
			  "port's in the same VLAN; each wants its own",
			  port->sw->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return -EEXIST;
}

/* Until whoever is inside switch_forward() now has left it. */
static void switch_wait_senders(struct netswitch *sw)
{
	/* full: pairs with the fence in switch_enter(). A sender that we do not see
	 * inside sees what was unpublished before. */
	atomic_thread_fence(memory_order_seq_cst);
	for (uint32_t i = 0; i < sw->nports; i++) {
		struct switch_port *port = sw->port[i];

		for (uint32_t k = 0; port && k < port->nqueues; k++) {
			_Atomic uint32_t *s = &port->queue[k].section;
			uint32_t was = atomic_load_explicit(s, memory_order_acquire);

			/* acquire: pairs with the release in switch_leave() */
			while (was & 1 &&
			       atomic_load_explicit(s, memory_order_acquire) == was)
				usleep(10);
		}
	}
}

void switch_port_remove(struct switch_port *port)
{
	struct netswitch *sw = port->sw;

	atomic_store_explicit(&sw->port[port->index], NULL, memory_order_relaxed);
	switch_mac_forget(port);
	switch_wait_senders(sw);
	for (uint32_t i = 0; i < port->nqueues; i++)
		for (int c = 0; c < SWITCH_COUNTS; c++)
			sw->retired[c] += netport_get(&port->queue[i].count[c]);
	sw->ports_in_use--;
	port_free(port);
}

int switch_port_add(struct netswitch *sw, const struct switch_port_params *p,
		    struct switch_port **out, char **why)
{
	struct switch_port *port;
	int err = port_check(sw, p, why);

	if (!err)
		err = port_alloc(sw, p, &port);
	if (err)
		return err;
	err = port_publish(port);
	if (err) {
		*why = netdrv_why("switch '%s': it has %u ports, which is all it can",
				  sw->name, SWITCH_PORTS);
		port_free(port);
		return err;
	}
	err = port_pin(port, p->mac, why);
	if (err) {
		switch_port_remove(port);
		return err;
	}
	*out = port;
	return 0;
}

void switch_port_caps(struct switch_port *port, const struct netdrv_caps *caps)
{
	port->caps = *caps;
}

uint32_t switch_port_mtu(const struct switch_port *port)
{
	return port->mtu;
}
