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
/* Are its keys all there and of the right types? What it says of the
 * machine; strings are its own. -EBADMSG */
int saved_config_take(json_t *config, const char **name, struct vm_keys *keys);

/* ------------------------------------------------------------- saved_domain.c */

struct saved_domain {
	json_t *config;
	const char *name; /* config's, like what keys point to */
	struct vm_keys keys;
	struct vm_command command;
	int stream; /* -1: it is in the VM's process */
	struct save_place place;
	char stream_text[64]; /* what tandem-vm is told of it */
	bool wakes;	      /* from the stream, not from its kernel */
	int (*ready)(struct cli *c);
};

/*
 * Reads a stream from its start up to its machine: what it says of that is in s then,
 * whose stream stays the caller's. 0, or 2 after a line.
 */
int saved_domain_read(struct cli *c, const char *what, int fd, struct saved_domain *s);
/*
 * Makes its domain and leaves it to a keeper, paused if c says so; returns when it runs.
 * ready(), or NULL: its VM has all of the stream; it gets its devices and runs if this
 * returns 0. 0; or 2, and then nothing is left. Not connected before, as vm_keep().
 */
int saved_domain_keep(struct cli *c, struct saved_domain *s, int (*ready)(struct cli *c));
void saved_domain_clear(struct saved_domain *s);

/* --------------------------------------------------------------- saved_talk.c */

/*
 * Has a VM written into fd up to "saved"; the guest is told to suspend itself on the way.
 * mode: "save", "live". report: what follows "saved ". *channel: for the decision.
 * 0, or 2 after saying why not; the guest goes on then.
 */
int saved_write(struct cli *c, const struct cli_domain *dom, const char *mode,
		json_t *config, int fd, int *channel, char *report, size_t size);
/* What becomes of it (vm_save.h), behind saved_write(). 0: it is done. -errno */
int saved_decide(int channel, const char *fate);

#endif
