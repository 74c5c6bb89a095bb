/* SPDX-License-Identifier: MIT */
/* A network of a test's own: namespaces that go away with it. */
#ifndef TANDEM_TESTS_LIB_NETNS_H
#define TANDEM_TESTS_LIB_NETNS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Puts this process, which has one thread, into new user, network and mount
 * namespaces, where it is root; with lo up. privileged: without a user namespace, for
 * what the kernel gives to real root alone. 0, or 77 after a line that
 * says why it cannot be: the test's exit status.
 */
int netns_enter(bool privileged);

/* From now on this thread has no capability. -errno */
int netns_drop_rights(void);

/* Runs a shell command that must succeed; the test fails otherwise. */
void netns_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Sets an interface up and waits until it carries packets: the kernel drops them
 * between the two. */
void netns_up(const char *ifname);

/*
 * A packet socket on an interface, as the kernel's side of a port: what it sends
 * leaves by the interface, what it receives came in (its own packets do not).
 * Non-blocking. With PACKET_VNET_HDR if vnet.
 */
int netns_peer(const char *ifname, bool vnet);
/* The next packet from it, waiting for 2 s; only of EtherType 0x88b5, which
 * nobody else sends: at `skip` is the Ethernet header. 0: none. */
size_t netns_take(int sock, size_t skip, void *buf, size_t len);

#endif
