/* SPDX-License-Identifier: MIT */
/*
 * A network backend by hand, for tests that want to see a frontend's requests
 * or give it answers that no backend should. The frontend under test is netfront;
 * both ends share the platform in memory (memplat.h). The test's own thread is
 * the backend, the vif is opened by another.
 */
#ifndef TANDEM_TESTS_LIB_NETHAND_H
#define TANDEM_TESTS_LIB_NETHAND_H

#include <pthread.h>

#include "frontends/net/netfront.h"
#include "tests/lib/memplat.h"

#define NH_BE	      1u
#define NH_FE	      2u
#define NH_MAX_QUEUES 8u

struct nh_queue {
	struct ring_back tx, rx;
	void *tx_page, *rx_page;
	grant_ref_t tx_ref, rx_ref;
	struct evtchn *tx_ch, *rx_ch; /* the same unless split */
};

struct nethand {
	struct memhv *hv;
	struct plat *be, *dom0;
	struct gnttab_mapper *mapper;
	struct nh_queue q[NH_MAX_QUEUES];
	unsigned nr_queues;
	struct ring_back ctrl;
	void *ctrl_page; /* NULL: the frontend has none */
	grant_ref_t ctrl_ref;
	struct evtchn *ctrl_ch;
	/* the frontend */
	pthread_t opener;
	struct tandem_net_opts opts;
	struct tandem_net *net;
	char *why;
	int err;
};

/* Both directories of a vif, backend in Initialising, offering all but a control
 * ring and multicast control. */
void nh_start(struct nethand *nh);
/* Closes the vif and checks that nothing is left mapped. */
void nh_stop(struct nethand *nh);

/* For cmocka: *state is one that has started. */
int nh_setup(void **state);
int nh_teardown(void **state);

/* A key of the backend's or the frontend's directory; value NULL removes it. */
void nh_set(struct nethand *nh, const char *key, const char *value);
void nh_setn(struct nethand *nh, const char *key, unsigned long long value);
void nh_fe_set(struct nethand *nh, const char *key, const char *value);
void nh_state(struct nethand *nh, enum xenbus_state state);
/* A number among the frontend's keys, -1 if it is missing. */
long nh_get(struct nethand *nh, const char *key);
/* The frontend's state becomes that within 10 s. */
void nh_wait_front(struct nethand *nh, enum xenbus_state state);

/* Starts opening in a thread; nh_opened() takes the result. */
void nh_open(struct nethand *nh, const struct tandem_net_opts *opts);
int nh_opened(struct nethand *nh);
/* InitWait, maps what the frontend publishes, Connected. */
void nh_connect(struct nethand *nh);
void nh_map(struct nethand *nh);
/* All of it, for a well-behaved start. */
void nh_up(struct nethand *nh, const struct tandem_net_opts *opts);
/* Forgets the rings, as a backend that dies does. */
void nh_drop(struct nethand *nh);
/* The connection ends, the vif is closed; the backend is as at the start. */
void nh_over(struct nethand *nh);
/* A backend that was killed, and the next one, up to Connected. */
void nh_again(struct nethand *nh);
/* Waits until the frontend has noticed as many connections. */
void nh_wait_reconnects(struct nethand *nh, unsigned n);

/* The next packet of queue qi's TX ring; 0 as netif_tx_take(), -ETIMEDOUT: none
 * comes within 2 s. */
int nh_tx_take(struct nethand *nh, unsigned qi, struct netif_pkt *p);
/* Its bytes, in order. Returns how many. */
size_t nh_tx_bytes(struct nethand *nh, const struct netif_pkt *p, uint8_t *buf);
/* One response, published and notified. */
void nh_tx_answer(struct nethand *nh, unsigned qi, uint16_t id, int16_t status);
/* Answers all slots of a packet, extras too. */
void nh_tx_okay(struct nethand *nh, unsigned qi, const struct netif_pkt *p);

/* Sends the bytes to the frontend, over as many slots as they need. */
void nh_rx_send(struct nethand *nh, unsigned qi, const void *data, uint32_t len,
		const struct netif_meta *meta);
/* The next posted request; false: none. */
bool nh_rx_take(struct nethand *nh, unsigned qi, struct netif_rx_request *req);
/* One response, whatever it says. */
void nh_rx_answer(struct nethand *nh, unsigned qi, struct netif_rx_response rsp);
/* Publishes and notifies. */
void nh_rx_push(struct nethand *nh, unsigned qi);
/* The granted page. */
uint8_t *nh_page(struct nethand *nh, grant_ref_t ref, int prot);

/* The next control request within 2 s; false: none. */
bool nh_ctrl_take(struct nethand *nh, struct xen_netif_ctrl_request *req);
void nh_ctrl_answer(struct nethand *nh, uint16_t id, uint16_t type, uint32_t status,
		    uint32_t data);
/* The same answer `times` times, published at once. */
void nh_ctrl_answers(struct nethand *nh, unsigned times, uint16_t id, uint16_t type,
		     uint32_t status, uint32_t data);

/* A vif that behaves moves a packet each way on each ring. */
void nh_check_works(struct nethand *nh);

#endif
