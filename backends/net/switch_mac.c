/* SPDX-License-Identifier: MIT */
/*
 * The switch's table of addresses: chains of entries that belong to ports.
 *
 * Readers hold no lock. An entry that was taken out may come back in another
 * chain while a reader stands on it; the end of each chain names the chain, so
 * that the reader notices and begins again. Writers hold the lock; a worker
 * that does not get it at once lets its next packet try.
 *
 * Each port has entries of its own, so that a port that makes up addresses
 * pushes out its own alone, and no more in a second than it has entries.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "backends/net/switch_int.h"

#define MAC_RETRIES 4 /* then the address is taken for unknown, which floods */

static uint32_t mac_bucket(const struct netswitch *sw, uint64_t key)
{
	uint64_t h = (key ^ sw->seed[0]) * sw->seed[1];

	h ^= h >> 32;
	h *= sw->seed[1];
	return (uint32_t)(h >> 48) % SWITCH_BUCKETS;
}

static uintptr_t mac_end(uint32_t bucket)
{
	return (uintptr_t)bucket << 1 | 1;
}

int switch_mac_init(struct netswitch *sw)
{
	if (getrandom(sw->seed, sizeof(sw->seed), 0) != sizeof(sw->seed))
		return -EIO;
	sw->seed[1] |= 1;
	for (uint32_t i = 0; i < SWITCH_BUCKETS; i++)
		atomic_init(&sw->bucket[i], mac_end(i));
	return -pthread_mutex_init(&sw->mac_lock, NULL);
}

static struct switch_mac *mac_find(struct netswitch *sw, uint64_t key)
{
	uint32_t bucket = mac_bucket(sw, key);

	for (int i = 0; i < MAC_RETRIES; i++) {
		/* acquire: pairs with the releases in mac_link() and mac_unlink() */
		uintptr_t at =
			atomic_load_explicit(&sw->bucket[bucket], memory_order_acquire);

		while (!(at & 1)) {
			struct switch_mac *m = (struct switch_mac *)at;

			if (atomic_load_explicit(&m->key, memory_order_acquire) == key)
				return m;
			at = atomic_load_explicit(&m->next, memory_order_acquire);
		}
		if (at == mac_end(bucket))
			break;
	}
	return NULL;
}

static bool mac_pinned(const struct switch_mac *m)
{
	return atomic_load_explicit(&m->pinned, memory_order_relaxed);
}

/* The clocks of two workers may differ a little, either way. */
static bool mac_old(const struct netswitch *sw, const struct switch_mac *m, uint32_t ms)
{
	uint32_t seen = atomic_load_explicit(&m->seen, memory_order_relaxed);

	return !mac_pinned(m) && (int32_t)(ms - seen) > (int32_t)(sw->p.ageing * 1000u);
}

struct switch_port *switch_mac_lookup(struct netswitch *sw, uint64_t key, uint32_t ms)
{
	struct switch_mac *m = mac_find(sw, key);

	return m && !mac_old(sw, m, ms) ? m->port : NULL;
}

/* ----------------------------------------------------------- under the lock */

static void mac_link(struct netswitch *sw, struct switch_mac *m, uint64_t key)
{
	_Atomic uintptr_t *head = &sw->bucket[mac_bucket(sw, key)];

	atomic_store_explicit(&m->next, atomic_load_explicit(head, memory_order_relaxed),
			      memory_order_release);
	atomic_store_explicit(&m->key, key, memory_order_release);
	atomic_store_explicit(head, (uintptr_t)m, memory_order_release);
	atomic_fetch_add_explicit(&m->port->used, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&sw->macs, 1, memory_order_relaxed);
}

/* Who stands on it goes on through m->next. */
static void mac_unlink(struct netswitch *sw, struct switch_mac *m)
{
	uint64_t key = atomic_load_explicit(&m->key, memory_order_relaxed);
	_Atomic uintptr_t *p = &sw->bucket[mac_bucket(sw, key)];
	uintptr_t at;

	while ((at = atomic_load_explicit(p, memory_order_relaxed)) != (uintptr_t)m)
		p = &((struct switch_mac *)at)->next;
	atomic_store_explicit(p, atomic_load_explicit(&m->next, memory_order_relaxed),
			      memory_order_release);
	atomic_store_explicit(&m->key, 0, memory_order_release);
	atomic_store_explicit(&m->pinned, false, memory_order_relaxed);
	atomic_fetch_sub_explicit(&m->port->used, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&sw->macs, 1, memory_order_relaxed);
}

/* One of the port's entries that is free, or else the oldest. */
static struct switch_mac *mac_pick(struct switch_port *port, uint32_t ms)
{
	struct switch_mac *oldest = NULL;
	int32_t age, most = INT32_MIN;

	for (uint32_t i = 0; i < port->nmacs; i++) {
		struct switch_mac *m = &port->mac[(port->rotor + i) % port->nmacs];

		if (!atomic_load_explicit(&m->key, memory_order_relaxed)) {
			port->rotor = (uint32_t)(m - port->mac) + 1;
			return m;
		}
		age = (int32_t)(ms -
				atomic_load_explicit(&m->seen, memory_order_relaxed));
		if (!mac_pinned(m) && age > most) {
			most = age;
			oldest = m;
		}
	}
	return oldest;
}

/* May the port learn one more in this second? */
static bool mac_budget(struct switch_port *port, uint32_t ms)
{
	uint32_t second = ms / 1000u;

	if (port->second != second) {
		port->second = second;
		port->learned = 0;
	}
	if (++port->learned <= port->nmacs)
		return true;
	atomic_store_explicit(&port->limited, second, memory_order_relaxed);
	return false;
}

/* `old`: where the address was until now, or NULL. */
static void mac_insert(struct switch_queue *q, uint64_t key, struct switch_mac *old,
		       uint32_t ms)
{
	struct switch_port *port = q->port;
	struct switch_mac *m = mac_pick(port, ms);

	if (!m)
		return;
	if (atomic_load_explicit(&m->key, memory_order_relaxed)) {
		mac_unlink(port->sw, m);
		switch_count(q, SWC_EVICTED, 1);
	}
	atomic_store_explicit(&m->seen, ms, memory_order_relaxed);
	m->moved = old;
	m->moved_at = ms;
	mac_link(port->sw, m, key);
	if (old) /* after the new one is there: at no time is it unknown */
		mac_unlink(port->sw, old);
	switch_count(q, old ? SWC_MOVED : SWC_LEARNED, 1);
}

static bool mac_may_move(const struct netswitch *sw, const struct switch_mac *m,
			 uint32_t ms)
{
	return !mac_pinned(m) && (!m->moved || mac_old(sw, m, ms) ||
				  (int32_t)(ms - m->moved_at) >= (int32_t)SWITCH_MOVE_MS);
}

/* -------------------------------------------------------------- the workers */

void switch_mac_learn(struct switch_queue *q, uint64_t key, uint32_t ms)
{
	struct netswitch *sw = q->port->sw;
	struct switch_mac *m = mac_find(sw, key);

	if (m && m->port == q->port) {
		if (atomic_load_explicit(&m->seen, memory_order_relaxed) != ms)
			atomic_store_explicit(&m->seen, ms, memory_order_relaxed);
		return;
	}
	if (atomic_load_explicit(&q->port->limited, memory_order_relaxed) == ms / 1000u) {
		switch_count(q, SWC_LEARN_LIMITED, 1);
		return;
	}
	if (pthread_mutex_trylock(&sw->mac_lock))
		return;
	m = mac_find(sw, key);
	if (m && m->port != q->port && !mac_may_move(sw, m, ms))
		switch_count(q, SWC_MOVE_REFUSED, 1);
	else if (m && m->port == q->port)
		; /* another queue of the port was faster */
	else if (mac_budget(q->port, ms))
		mac_insert(q, key, m, ms);
	else
		switch_count(q, SWC_LEARN_LIMITED, 1);
	pthread_mutex_unlock(&sw->mac_lock);
}

static void mac_age_port(struct switch_queue *q, struct switch_port *port, uint32_t ms)
{
	for (uint32_t i = 0; port->used && i < port->nmacs; i++) {
		struct switch_mac *m = &port->mac[i];

		if (!atomic_load_explicit(&m->key, memory_order_relaxed) ||
		    !mac_old(port->sw, m, ms))
			continue;
		mac_unlink(port->sw, m);
		switch_count(q, SWC_AGED, 1);
	}
}

void switch_mac_age(struct switch_queue *q, uint32_t ms)
{
	struct netswitch *sw = q->port->sw;
	struct switch_port *port = NULL;
	uint32_t n;

	if (pthread_mutex_trylock(&sw->mac_lock))
		return;
	atomic_store_explicit(&sw->aged_at, ms, memory_order_relaxed);
	n = atomic_load_explicit(&sw->nports, memory_order_acquire);
	for (uint32_t i = 0; i < n && !port; i++) {
		sw->age_next = (sw->age_next + 1) % n;
		port = atomic_load_explicit(&sw->port[sw->age_next],
					    memory_order_acquire);
	}
	if (port)
		mac_age_port(q, port, ms);
	pthread_mutex_unlock(&sw->mac_lock);
}

/* ------------------------------------------------------- the control thread */

int switch_mac_pin(struct switch_port *port, uint64_t key)
{
	struct netswitch *sw = port->sw;
	struct switch_mac *m;
	int err = 0;

	pthread_mutex_lock(&sw->mac_lock);
	m = mac_find(sw, key);
	if (m && mac_pinned(m)) {
		err = -EEXIST;
		goto unlock;
	}
	if (m)
		mac_unlink(sw, m);
	m = &port->mac[0]; /* the first that the port has */
	atomic_store_explicit(&m->pinned, true, memory_order_relaxed);
	mac_link(sw, m, key);
unlock:
	pthread_mutex_unlock(&sw->mac_lock);
	return err;
}

void switch_mac_forget(struct switch_port *port)
{
	pthread_mutex_lock(&port->sw->mac_lock);
	for (uint32_t i = 0; i < port->nmacs; i++)
		if (atomic_load_explicit(&port->mac[i].key, memory_order_relaxed))
			mac_unlink(port->sw, &port->mac[i]);
	pthread_mutex_unlock(&port->sw->mac_lock);
}
