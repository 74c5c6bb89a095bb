/* SPDX-License-Identifier: MIT */
/* Rows of the ports that are the kernel's; in a network of the test's own. */
#ifndef TANDEM_TESTS_LIB_NETCASE_PORT_H
#define TANDEM_TESTS_LIB_NETCASE_PORT_H

#include "tests/lib/netcase.h"

/* Each enters a network that this process has to itself, once: the first is for
 * real root, so those rows come first. */
const char *port_no_xdp(void);
const char *port_no_net(void);
const char *port_no_tap(void);

void port_tap_setup(struct netcase_dev *d);
void port_tap_teardown(struct netcase_dev *d);
/* packet, xdp: one end of a veth pair; the test has the other. */
void port_veth_setup(struct netcase_dev *d);
void port_veth_teardown(struct netcase_dev *d);

ssize_t port_take(struct netcase_dev *d, void *frame, size_t size, int timeout_ms);
bool port_give(struct netcase_dev *d, const void *frame, size_t len);

extern const struct netcase_bad port_tap_bad[];
extern const struct netcase_bad port_packet_bad[];
extern const struct netcase_bad port_xdp_bad[];

#endif
