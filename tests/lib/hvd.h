/* SPDX-License-Identifier: MIT */
/*
 * For tests: a tandem-hvd of their own in a new directory, domains in it, and
 * platforms as these domains. The program is $TANDEM_HVD or the built one.
 *
 * hvd_start() sets $TANDEM_DIR, so that plat_open() and tools find the instance;
 * it dies with the test whatever happens.
 */
#ifndef TANDEM_TESTS_LIB_HVD_H
#define TANDEM_TESTS_LIB_HVD_H

#include <stdbool.h>
#include <sys/types.h>

#include "hv/plat/plat.h"

struct hvd {
	pid_t pid;
	char dir[80]; /* mkdtemp() */
	int ctl;      /* a connection with dom0's rights (hv/proc/hvclient.h) */
};

/* 0 or -errno. Waits until it answers. */
int hvd_start(struct hvd *h);
/* Ends it and removes the directory. 0: it ended with exit status 0. */
int hvd_stop(struct hvd *h);
/* kill -9; the directory stays for hvd_stop(). */
void hvd_kill(struct hvd *h);

/* Creates a domain, of processes or a VM (fakevm.h): its id, or -errno. */
int hvd_domain(struct hvd *h, const char *name);
int hvd_vm(struct hvd *h, const char *name);
/* What the toolstack writes of a device: `back` serves device/TYPE/ID of `front`.
 * Both directories, empty but for who is who. */
int hvd_device(domid_t front, domid_t back, const char *type, unsigned id);
int hvd_domain_destroy(struct hvd *h, domid_t id);
/* Opens a platform as domain `id`: spec as plat_open(), or HVD_VM, which is
 * fakevm_open() if the domain is a VM. 0 or -errno. */
#define HVD_VM "vm"
int hvd_plat(const char *spec, domid_t id, struct plat **plat);

/* A hypervisor with two domains, "front" and "back", opened as `spec`: what most
 * tests want. HVD_VM: "front" is one, with a device that "back" serves. 0 or -1;
 * free it in any case. */
struct hvd_pair {
	struct hvd hvd;
	domid_t front_id, back_id;
	struct plat *front, *back;
};
int hvd_pair_new(const char *spec, struct hvd_pair **pair);
/* 0: the hypervisor ended well. */
int hvd_pair_free(struct hvd_pair *pair);

/*
 * For hostile tests: a connection as domain `id` that has said hello, and calls on
 * it by number. 0 or -errno.
 */
int hvd_connect_as(domid_t id);
int hvd_call(int conn, uint32_t op, uint32_t domid, uint32_t id);

uint64_t now_ms(void);
/* Is `fd` readable within `ms`? */
bool fd_readable(int fd, int ms);
/* Descriptors that this process has open. */
int fd_count(void);

#endif
