/* SPDX-License-Identifier: MIT */
/*
 * Network drivers: the ports that netback moves packets to and from.
 *
 * A driver is a table of operations in the const list of netdrv.c. A vif has
 * one port. netback (the dispatcher) has checked every packet before a driver
 * sees it: lengths add up, 14 bytes at least, no checksum left blank and no
 * large segment that the port did not say it can carry.
 *
 * Guest memory behind the iovecs may change at any time, except iov[0], which
 * is always private memory of netback's and holds at least the packet's first
 * min(len, NETBUF_HDR) bytes: a driver interprets nothing but those.
 *
 * Threads: open, set_guest and close on the control thread. Everything of a
 * netdrv_queue on its worker's thread; queues of one device, and devices that
 * share something (a switch), run at the same time.
 */
#ifndef TANDEM_BACKENDS_NET_NETDRV_H
#define TANDEM_BACKENDS_NET_NETDRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ringproto/netif_pkt.h"

struct worker; /* backends/worker.h */

#define NETBUF_HDR   128u /* bytes of a packet that are private */
#define NETBUF_TAG   4u	  /* bytes of a VLAN tag */
#define NETBUF_IOVS  (NETIF_PKT_SLOTS + 1u)
#define NETDRV_BATCH 64u

/*
 * One packet. On the way to a port len is its length and the iovecs add up to
 * it: at most XEN_NETIF_MAX_TX_SIZE, and a tag. On the way from a port the iovecs
 * are room (iov[0] is NETBUF_HDR bytes or a tag more, private), and recv() sets len
 * and meta and fills them in order; it changes neither iov[] nor iovcnt.
 *
 * In front of iov[0] netback's own packets and room have NETBUF_TAG bytes more, where
 * netvlan.h puts tags.
 */
struct netbuf {
	struct netif_meta meta;
	uint32_t len;
	uint16_t iovcnt;
	uint16_t vlan; /* recv() of a port with tags_beside; 0: no tag */
	struct iovec iov[NETBUF_IOVS];
};

#define NETDRV_MAX_FDS	16
#define NETDRV_NAME_MAX 16 /* of a network interface, NUL included */

/* How a port is asked for. Strings belong to the caller; NULL: not given. */
struct netdrv_params {
	const char *driver;  /* name in the table */
	const char *target;  /* an interface, a file, a switch: the driver's */
	const char *options; /* "key=value,key=value", the driver's */
	const char *bridge;  /* Linux bridge to join (tap) */
	const char *ifname;  /* name for an interface that is made (tap) */
	uint8_t mac[6];	     /* the guest's */
	uint32_t mtu;	     /* 0: the driver's choice */
	uint32_t queues;     /* queue_start() is called for at most so many */
	/* May open_files() open this file? NULL: anything. */
	bool (*may_open)(const struct netdrv_params *p, const char *path);
	void *may_open_arg;
	/* Opened by open_files() before privileges were dropped. A successful
	 * open() takes them over. */
	int fds[NETDRV_MAX_FDS];
	int nfds;
	char made[NETDRV_NAME_MAX]; /* open_files(): the interface that it made */
	uint32_t found_mtu;	    /* open_files(): of the interface or bridge */
};

/* What packets may carry, either way. */
struct netdrv_caps {
	bool csum;	 /* csum_blank */
	bool csum6;	 /* the same over IPv6 */
	bool tso4, tso6; /* gso_type */
};

struct netdrv_info {
	struct netdrv_caps send; /* that the port takes as they are */
	uint32_t mtu;		 /* bytes behind the Ethernet header */
	uint32_t max_queues;
	bool no_recv; /* nothing ever comes from it */
	bool uso;     /* takes large UDP packets from outside, and cuts them: recv()
		       * gives frames */
};

struct netdrv { /* first member of a driver's own struct */
	const struct netdrv_ops *ops;
	struct netdrv_info info;
};

/* Whom a queue tells of news. */
struct netdrv_client {
	/* recv() may have something, or send() room; on the worker's thread. */
	void (*ready)(struct netdrv_client *c);
	/*
	 * Optional; on the worker's thread, not from within recv(): a packet as
	 * send() has them that the guest can receive as it is. True: it took it,
	 * which saves the port a copy. False: recv() gets it when there is room.
	 */
	bool (*take)(struct netdrv_client *c, const struct netbuf *b);
};

struct netdrv_queue { /* first member of a driver's own struct */
	struct netdrv *dev;
	struct worker *worker;
	struct netdrv_client *client;
	uint64_t drops; /* packets from the outside that were lost in the port:
			 * too large, no room. The driver counts, netback reads */
};

struct netdrv_ops {
	const char *name;
	const char *summary; /* one line for --help */
	/* Optional (drivers without descriptors): opens what `target` names into
	 * p->fds, makes interfaces. Runs in the privileged opener. On error *why
	 * gets one line for the person (malloc'd): what, what is wrong with it,
	 * what would be right. -errno */
	int (*open_files)(struct netdrv_params *p, char **why);
	/* Required. *why as above. Sets dev->info. */
	int (*open)(const struct netdrv_params *p, struct netdrv **dev, char **why);
	void (*close)(struct netdrv *dev); /* required; after all queues */
	/*
	 * Optional: what the guest can receive, before the first queue starts; a
	 * packet from recv() has nothing else. A driver without it never sets
	 * csum_blank or gso_type.
	 */
	int (*set_guest)(struct netdrv *dev, const struct netdrv_caps *caps);
	/* Optional, before the first queue starts, of a port that has the outer tag
	 * beside the packet: recv() leaves it there, and sets vlan. */
	void (*tags_beside)(struct netdrv *dev);
	/* Required. index < info.max_queues. client outlives the queue. */
	int (*queue_start)(struct netdrv *dev, uint32_t index, struct worker *w,
			   struct netdrv_client *client, struct netdrv_queue **q);
	void (*queue_stop)(struct netdrv_queue *q); /* required */
	/*
	 * Required: takes packets; returns how many of the n (<= NETDRV_BATCH), from
	 * the first; the rest finds no room now and is dropped and counted by
	 * netback, or kept until client->ready(). What is behind the iovecs is free
	 * again on return: a driver that works on later copies.
	 */
	int (*send)(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n);
	/* Required unless info.no_recv: takes the next packet. 1; 0: there is none;
	 * -EMSGSIZE: it was larger than the room, or nothing for this guest; it is
	 * gone and counted. */
	int (*recv)(struct netdrv_queue *q, struct netbuf *b);
	/*
	 * Optional: before the worker sleeps. Nonzero: do not, there is something
	 * to recv(). 0: client->ready() will be called when there is. want_recv
	 * false: the guest has no room; only a send() that found none matters.
	 */
	int (*arm)(struct netdrv_queue *q, bool want_recv);
	/* Optional: the driver's counters, "key":value pairs of JSON without braces,
	 * into buf. Control thread, while queues run. */
	void (*stats)(struct netdrv *dev, char *buf, size_t len);
};

/* The driver of that name, or NULL. netdrv_nth: for listings, NULL at the end. */
const struct netdrv_ops *netdrv_find(const char *name);
const struct netdrv_ops *netdrv_nth(unsigned i);

/* For *why. NULL if out of memory. */
char *netdrv_why(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Copies `len` bytes from flat memory into a packet's iovecs (recv), or out of
 * them from offset `from` (send). The caller knows that they hold as many. */
void netbuf_fill(struct netbuf *b, const void *data, size_t len);
void netbuf_copy(const struct netbuf *b, size_t from, void *data, size_t len);
/* Copies what is behind the first `from` bytes of a packet into n pieces of memory,
 * which hold as many. */
void netbuf_scatter(const struct netbuf *b, size_t from, const struct iovec *to);
/* Room or bytes in all. */
size_t netbuf_iov_bytes(const struct netbuf *b);

#endif
