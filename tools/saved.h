/* SPDX-License-Identifier: MIT */
/*
 * What the toolstack writes into a saved machine's stream: the domain's name, memory,
 * vcpus and devices, as JSON; and a domain made of it again.
 */
#ifndef TANDEM_TOOLS_SAVED_H
#define TANDEM_TOOLS_SAVED_H

#include "hv/kvm/save_stream.h"
#include "tools/cli.h"
#include "tools/create_vm.h"

#define SAVED_CONFIG_MAX 32000 /* bytes: a packet to tandem-vm */

/* ------------------------------------------------------- saved_config.c, _dev.c */

/* Of a running VM. NULL after saying why not. */
json_t *saved_config_make(struct cli *c, const struct cli_domain *dom);
/* The devices in it; 0 or 2. */
int saved_devices_make(struct cli *c, const struct cli_domain *dom, json_t *list);
/* Are there the domains that are to serve them? 0 or 2 */
int saved_devices_check(struct cli *c, json_t *config);
/* Makes them for a domain, and waits for their backends. 0 or 2 */
int saved_devices_attach(struct cli *c, const struct cli_domain *dom, json_t *config);
/* Their backends let go of them, what is in flight is done, the directories are gone. */
int saved_devices_close(struct cli *c, const struct cli_domain *dom);
/* Those that are left are removed, and all are made anew. 0 or 2 */
int saved_devices_again(struct cli *c, const struct cli_domain *dom, json_t *config);
/* Are its keys all there and of the right types? What it says of the machine. */
int saved_config_check(json_t *config, const char **name, struct vm_keys *keys);

/* ------------------------------------------------------------- saved_domain.c */

struct saved_domain {
	json_t *config;
	struct cli_domain dom;
	int channel; /* to its tandem-vm; -1 */
};

/*
 * Reads a stream from its start, makes its domain and the VM, which has read all of the
 * stream and waits. 0; or 2 after a line, and then nothing is left.
 */
int saved_domain_make(struct cli *c, const char *what, int fd, struct saved_domain *s);
/* Gives it its devices and lets it run. 0; or 2, and then it is destroyed. */
int saved_domain_go(struct cli *c, struct saved_domain *s);
void saved_domain_drop(struct cli *c, struct saved_domain *s); /* destroys it */
void saved_domain_clear(struct saved_domain *s);

/* --------------------------------------------------------------- saved_talk.c */

/* A packet, NUL-terminated, into buf; *buf 0 at the end. c->wait_ms is not asked. -errno
 */
int saved_recv(int channel, char *buf, size_t size, int timeout_ms);
int saved_send(int channel, const char *text);
/*
 * Has a VM written into fd up to "saved"; the guest is told to suspend itself on the way.
 * mode: "save", "live". report: what follows "saved ". *channel: for the decision.
 * 0, or 2 after saying why not; the guest goes on then.
 */
int saved_write(struct cli *c, const struct cli_domain *dom, const char *mode,
		json_t *config, int fd, int *channel, char *report, size_t size);

#endif
