/* SPDX-License-Identifier: MIT */
/*
 * libtandem: use a tandem network interface (a vif) from any program.
 *
 * A vif is opened once by one process; its queues are pairs of shared memory
 * rings to the backend. Packets are Ethernet frames without their checksum.
 * They move in batches: tandem_net_room() lends granted memory to write packets
 * into, tandem_net_commit() sends them; tandem_net_recv() lends the pages that
 * packets came in, tandem_net_done() gives them back.
 *
 * A backend that dies and comes back is met with a new connection: what was
 * being sent is lost and counted, there is no room until then, and nothing fails.
 *
 * What the backend may see: bytes written into room are granted at once, before
 * the commit, and room may hold bytes of packets that this queue sent earlier.
 * What a received packet's iovecs show may change at any time, except that it
 * stays readable: copy what you interpret.
 *
 * Threads: a queue belongs to one thread at a time, different queues to
 * different threads. Everything else: any thread. Every int is 0 or more, or
 * -errno.
 *
 * Only this header is installed; it depends on the C library alone.
 */
#ifndef TANDEM_NET_H
#define TANDEM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct tandem_net;
struct tandem_net_queue;

/* What packets may be, each way. */
#define TANDEM_NET_SG	 (1u << 0) /* more than a page; MTU above 1500 */
#define TANDEM_NET_CSUM	 (1u << 1) /* csum_blank over IPv4 */
#define TANDEM_NET_CSUM6 (1u << 2) /* the same over IPv6 */
#define TANDEM_NET_TSO4	 (1u << 3) /* gso_type TCPV4; needs SG and CSUM */
#define TANDEM_NET_TSO6	 (1u << 4) /* gso_type TCPV6; needs SG and CSUM6 */
#define TANDEM_NET_ALL	 0x1fu

/* Zero means the default. */
struct tandem_net_opts {
	const char *platform; /* NULL: proc; see hv/plat/plat.h */
	unsigned queues;      /* wanted, at most TANDEM_NET_MAX_QUEUES. 1 */
	unsigned tx_off;      /* TANDEM_NET_*: not to be sent, though offered */
	unsigned rx_off;      /* not to be received */
	bool no_split;	      /* one event channel a queue */
	bool no_ctrl;	      /* no control ring: neither of the next two */
	bool no_staging;      /* do not ask the backend to keep pages mapped */
	bool hash;	      /* ask it to spread packets over queues by Toeplitz hash */
	bool mcast_control;   /* only multicast asked for with tandem_net_mcast() */
	unsigned poll_us; /* longest busy poll before sleeping; TANDEM_NET_POLL_*. 100 */
	unsigned connect_ms; /* wait for the backend at open. 10,000 */
	/*
	 * Optional, called by tandem_net_open() once connected, before it starts a
	 * thread: the moment to drop rights, for all threads to come. Only
	 * tandem_net_get_info() may be called in it. -errno makes the opening fail.
	 */
	int (*connected)(struct tandem_net *net, void *arg);
	void *connected_arg;
	unsigned reconnect_ms; /* a backend gone for longer is not waited for any
				* more: -EIO. For ever */
};

#define TANDEM_NET_POLL_NEVER  (~0u) /* event mode */
#define TANDEM_NET_POLL_ALWAYS (~0u - 1)
#define TANDEM_NET_MAX_QUEUES  64u

/* TANDEM_NET_* of one direction. */
struct tandem_net_features {
	unsigned requested, offered, active;
};

/* Since open, over all queues. */
struct tandem_net_stats {
	uint64_t tx_packets, tx_bytes; /* given to the backend */
	uint64_t tx_refused;	       /* not sent: an offload that is not active, or
					* more pages than there are slots for */
	uint64_t tx_errors;	       /* answered with an error */
	uint64_t tx_dropped;	       /* answered as dropped */
	uint64_t tx_lost;	       /* in flight, or room, as a backend went */
	uint64_t rx_packets, rx_bytes;
	uint64_t rx_bad;	 /* not a packet: too short, too long, an error */
	uint64_t rx_unwanted;	 /* an offload that is not active */
	uint64_t notifies;	 /* events sent to the backend */
	uint64_t notifies_saved; /* pushes that needed none */
	uint64_t sleeps;
};

/* What was negotiated. */
struct tandem_net_info {
	uint8_t mac[6];
	unsigned mtu;	     /* bytes behind the Ethernet header */
	bool carrier;	     /* connected, and the backend has a link */
	unsigned queues;     /* as asked for */
	unsigned rings;	     /* pairs that the backend gave them. Queues beyond send
			      * through the others and receive nothing */
	unsigned max_queues; /* that the backend offers */
	struct tandem_net_features tx, rx;
	bool split;  /* an event channel each way */
	bool ctrl;   /* a control ring */
	bool asking; /* on it: hash and staged are not known yet */
	bool hash;   /* the backend has taken the hash */
	bool mcast_control;
	unsigned staged;     /* pages that the backend keeps mapped */
	unsigned reconnects; /* since open */
	uint64_t last_pause_us;
	struct tandem_net_stats stats;
};

#define TANDEM_NET_GSO_NONE  0
#define TANDEM_NET_GSO_TCPV4 1
#define TANDEM_NET_GSO_TCPV6 2

#define TANDEM_NET_IOVS 18u /* of one packet, at most */

/* One packet, or room for one. The caller owns the struct. */
struct tandem_net_pkt {
	uint32_t len;	     /* bytes */
	uint16_t gso_size;   /* bytes of payload a segment, with gso_type */
	uint8_t gso_type;    /* TANDEM_NET_GSO_* */
	bool csum_blank;     /* the checksum covers the pseudo header only */
	bool data_validated; /* received: need not be checked */
	uint8_t hash_type;   /* received: number of the XEN_NETIF_CTRL_HASH_TYPE_* */
	uint8_t hash_alg;    /* received: 1 Toeplitz; 0: no hash */
	uint8_t nr_;	     /* the library's, to the end of ids_ */
	uint32_t hash;
	struct tandem_net_queue *owner_;
	uint16_t ids_[TANDEM_NET_IOVS];
	uint16_t iovcnt;
	struct iovec iov[TANDEM_NET_IOVS];
};

/*
 * Opens "DOMAIN/DEVID" ("guest0/0"): connects as DOMAIN, meets the backend. *net is
 * NULL on error and *why, if why is not NULL, a line that says what is wrong and
 * what would be right (freed by the caller).
 * -ENOENT no hypervisor, domain or device; -EBUSY it is open elsewhere; -ETIMEDOUT no
 * backend answered; -EIO it cannot serve the vif; -EPROTO it answered nonsense;
 * -EINVAL a bad name or option.
 */
int tandem_net_open(const char *name, const struct tandem_net_opts *opts,
		    struct tandem_net **net, char **why);
/* NULL is allowed. */
void tandem_net_close(struct tandem_net *net);
void tandem_net_get_info(struct tandem_net *net, struct tandem_net_info *info);
/* Changes whenever anything of the info but counters may have: cheap to look at. */
unsigned tandem_net_changes(struct tandem_net *net);
/* 0, or why the vif is gone for good: -ENODEV detached, -EPROTO, -EIO. */
int tandem_net_error(struct tandem_net *net);

/* Queue i, 0 <= i < opts.queues; lives as long as the vif. */
struct tandem_net_queue *tandem_net_queue(struct tandem_net *net, unsigned i);

/* ------------------------------------------------------------------ sending */

/*
 * Room for up to n packets of `bytes` each, 1 to 65535: sets iov and iovcnt, which the
 * caller leaves as they are, of pkts[0..k), returns k. Fewer than n, and 0, when the ring
 * is full or the backend away; -EMSGSIZE more than a page without SG; -ENODEV and others
 * as tandem_net_error(). Room stays the caller's until it is committed or returned.
 */
int tandem_net_room(struct tandem_net_queue *q, struct tandem_net_pkt *pkts, unsigned n,
		    uint32_t bytes);
/*
 * Sends n packets that have room: of each, `len` bytes (in iov's order), as gso_type,
 * gso_size and csum_blank say. len 0 gives the room back. Returns how many were
 * taken; others were refused or lost, and counted. tandem_net_kick() shows them to
 * the backend.
 */
int tandem_net_commit(struct tandem_net_queue *q, struct tandem_net_pkt *pkts,
		      unsigned n);
/* Shows the backend what was committed. Batch: commit many, kick once. */
void tandem_net_kick(struct tandem_net_queue *q);
/*
 * Room and commit at once, with a copy: sends the bytes of iov[0..cnt). meta may be NULL,
 * or has gso_type, gso_size, csum_blank. -EAGAIN: no room now; -EMSGSIZE; -EOPNOTSUPP an
 * offload that is not active; -EINVAL less than 14 bytes.
 */
int tandem_net_send(struct tandem_net_queue *q, const struct iovec *iov, unsigned cnt,
		    const struct tandem_net_pkt *meta);
/* Takes or drops multicast to that address, with opts.mcast_control. Kept over
 * reconnects. -ENOSPC more than 64, -EOPNOTSUPP not asked for. */
int tandem_net_mcast(struct tandem_net *net, const uint8_t addr[6], bool add);

/* ---------------------------------------------------------------- receiving */

/* Takes up to n packets without waiting. Returns how many, or -errno as
 * tandem_net_error(). At most 256 pages of a queue are out at a time. */
int tandem_net_recv(struct tandem_net_queue *q, struct tandem_net_pkt *pkts, unsigned n);
/* Gives their pages back, also after a reconnect. */
void tandem_net_done(struct tandem_net_queue *q, struct tandem_net_pkt *pkts, unsigned n);

/* ------------------------------------------------------------------ waiting */

#define TANDEM_NET_RX	   (1u << 0) /* recv() may have something */
#define TANDEM_NET_TX	   (1u << 1) /* room() has some */
#define TANDEM_NET_CHANGED (1u << 2) /* tandem_net_changes(), or the vif is gone */

/*
 * Kicks, then waits for what `want` says; CHANGED is always wanted. Polls while that
 * pays, then sleeps. Returns which, 0 at the time-out. timeout_us < 0: no limit.
 */
int tandem_net_wait(struct tandem_net_queue *q, unsigned want, int64_t timeout_us);
/* The same without waiting and without a system call: for who polls himself. */
int tandem_net_look(struct tandem_net_queue *q, unsigned want);
/*
 * For an event loop, kicks too: the descriptor is readable when something of `want` may
 * be there, after tandem_net_arm() returned 0; else it returns what is there already.
 */
int tandem_net_fd(struct tandem_net_queue *q);
int tandem_net_arm(struct tandem_net_queue *q, unsigned want);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
