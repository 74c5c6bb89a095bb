/* SPDX-License-Identifier: MIT */
/*
 * "packet": an existing interface, shared with the host by a packet socket. It is
 * set to promiscuous mode; what the host itself sends there is not seen. Large
 * segments and blank checksums pass both ways as they are; large UDP packets, which
 * netif does not know, are cut on their way to the guest (vnetport.h).
 *
 * A batch is sent by one sendmmsg(). A packet is received by one recvmsg(),
 * straight into the guest's pages.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/net/drivers.h"
#include "backends/net/fdwait.h"
#include "backends/net/ifport.h"
#include "backends/net/netport.h"
#include "backends/net/vnetport.h"
#include "hv/base/cleanup.h"
#include "hv/base/iface.h"
#include "hv/base/log.h"

#define PACKET_RCVBUF (4 << 20)
#define VLAN_AT	      12u /* in a frame */
#define VLAN_LEN      NETBUF_TAG
#define VLAN_VID      0x0fffu /* the rest is priority */

struct packet_port {
	struct netdrv drv; /* first */
	struct netdrv_caps guest;
	char name[NETDRV_NAME_MAX];
	int sock;
	bool tags_beside;
	netport_count refused;
	uint64_t lost; /* by the kernel: nobody received them in time */
};

struct packet_queue {
	struct netdrv_queue q; /* first */
	struct fdwait *wait;
	struct mmsghdr msg[NETDRV_BATCH];
	struct vnetport_out out[NETDRV_BATCH];
	struct vnetport_in in;
	uint16_t vid; /* with tags_beside: of what was received last */
};

/* ------------------------------------------------------------ before the sandbox */

static int packet_setup(int sock, int index)
{
	struct packet_mreq promisc = { .mr_ifindex = index,
				       .mr_type = PACKET_MR_PROMISC };
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ALL),
				   .sll_ifindex = index };
	int one = 1, bytes = PACKET_RCVBUF;

	if (setsockopt(sock, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
	    setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    setsockopt(sock, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0 ||
	    setsockopt(sock, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc,
		       sizeof(promisc)) < 0)
		return -errno;
	/* a wish: a burst is kept better in a larger buffer */
	(void)setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return bind(sock, (struct sockaddr *)&sll, sizeof(sll)) < 0 ? -errno : 0;
}

static int packet_open_files(struct netdrv_params *p, char **why)
{
	cleanup_close int sock = -1;
	int index, err;

	if (p->options) {
		*why = netdrv_why("options=%s: packet has none", p->options);
		return -EINVAL;
	}
	err = ifport_check(p, &index, why);
	if (err)
		return err;
	sock = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	err = sock < 0 ? -errno : packet_setup(sock, index);
	if (err)
		return ifport_refused(p, err, why);
	p->fds[0] = take_fd(sock);
	p->nfds = 1;
	return 0;
}

/* --------------------------------------------------------------------- device */

static int packet_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	struct packet_port *port;

	(void)why;
	if (p->nfds != 1 || !p->target)
		return -EINVAL;
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	snprintf(port->name, sizeof(port->name), "%s", p->target);
	port->sock = p->fds[0];
	port->drv.ops = &drv_packet;
	port->drv.info = (struct netdrv_info){
		.send = { .csum = true, .csum6 = true, .tso4 = true, .tso6 = true },
		.mtu = p->mtu ? p->mtu : p->found_mtu,
		.max_queues = 1,
		.uso = true,
	};
	*dev = &port->drv;
	return 0;
}

static void packet_close(struct netdrv *dev)
{
	struct packet_port *port = (struct packet_port *)dev;

	close(port->sock);
	free(port);
}

static int packet_set_guest(struct netdrv *dev, const struct netdrv_caps *caps)
{
	struct packet_port *port = (struct packet_port *)dev;

	port->guest = *caps;
	if (!(caps->csum && caps->tso4 && caps->csum6 && caps->tso6))
		log_info("%s: the guest takes no large segments of all kinds; those that "
			 "arrive are dropped (ethtool -K %s gro off)",
			 port->name, port->name);
	return 0;
}

static void packet_tags_beside(struct netdrv *dev)
{
	((struct packet_port *)dev)->tags_beside = true;
}

static void packet_stats(struct netdrv *dev, char *buf, size_t len)
{
	struct packet_port *port = (struct packet_port *)dev;
	struct tpacket_stats st = { 0 };
	socklen_t size = sizeof(st);

	/* cannot fail: the socket is ours; reading starts it over */
	(void)getsockopt(port->sock, SOL_PACKET, PACKET_STATISTICS, &st, &size);
	port->lost += st.tp_drops;
	snprintf(buf, len,
		 "\"interface\":\"%s\",\"refused\":%" PRIu64 ",\"lost\":%" PRIu64,
		 port->name, netport_get(&port->refused), port->lost);
}

/* ---------------------------------------------------------------------- queues */

static int packet_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			      struct netdrv_client *client, struct netdrv_queue **q)
{
	struct packet_queue *pq = calloc(1, sizeof(*pq));

	(void)index;
	if (!pq)
		return -ENOMEM;
	pq->wait = fdwait_new(w, ((struct packet_port *)dev)->sock, client);
	if (!pq->wait) {
		free(pq);
		return -ENOMEM;
	}
	pq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	*q = &pq->q;
	return 0;
}

static void packet_queue_stop(struct netdrv_queue *q)
{
	struct packet_queue *pq = (struct packet_queue *)q;

	fdwait_free(pq->wait);
	free(pq);
}

/* Sends msg[0..n); returns how many were taken, lost ones too. */
static unsigned packet_push(struct packet_queue *pq, unsigned n)
{
	struct packet_port *port = (struct packet_port *)pq->q.dev;
	unsigned at = 0;

	while (at < n) {
		int did = sendmmsg(port->sock, pq->msg + at, n - at, MSG_DONTWAIT);

		if (did > 0) {
			at += (unsigned)did;
		} else if (errno == EAGAIN) {
			fdwait_arm(pq->wait, false, true);
			break;
		} else if (errno != EINTR) { /* the first one is nothing for it */
			netport_add(&port->refused, 1);
			at++;
		}
	}
	return at;
}

static int packet_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct packet_queue *pq = (struct packet_queue *)q;
	struct packet_port *port = (struct packet_port *)q->dev;
	unsigned number[NETDRV_BATCH], ready = 0, sent;

	for (unsigned i = 0; i < n; i++) {
		struct vnetport_out *o = &pq->out[ready];

		if (vnetport_out(o, pkts[i])) {
			netport_add(&port->refused, 1);
			continue;
		}
		pq->msg[ready].msg_hdr =
			(struct msghdr){ .msg_iov = o->iov,
					 .msg_iovlen = (size_t)o->iovcnt };
		number[ready++] = i;
	}
	sent = packet_push(pq, ready);
	return (int)(sent < ready ? number[sent] : n);
}

static uint16_t tag_type(const struct tpacket_auxdata *aux)
{
	return aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid
							  : ETH_P_8021Q;
}

/* Moves what stands behind the addresses, the tag goes between; len: with it. */
static void insert_tag(const struct iovec *iov, const struct tpacket_auxdata *aux,
		       size_t len)
{
	uint8_t carry[VLAN_LEN], out[VLAN_LEN];
	size_t at = VLAN_AT;

	netframe_put_be16(carry, tag_type(aux));
	netframe_put_be16(carry + 2, aux->tp_vlan_tci);
	for (unsigned i = 0; len; i++) {
		size_t n = iov[i].iov_len < len ? iov[i].iov_len : len, k;
		uint8_t *p = (uint8_t *)iov[i].iov_base + at;

		len -= n;
		n -= at;
		at = 0;
		k = n < VLAN_LEN ? n : VLAN_LEN;
		memcpy(out, p + n - k, k);
		memmove(p + k, p, n - k);
		memcpy(p, carry, k);
		memmove(carry, carry + k, VLAN_LEN - k);
		memcpy(carry + VLAN_LEN - k, out, k);
	}
}

/* The kernel takes the outer VLAN tag off and tells it beside the packet. */
static bool tag_beside(struct msghdr *msg, struct tpacket_auxdata *aux)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (!c || c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
		return false;
	memcpy(aux, CMSG_DATA(c), sizeof(*aux));
	return aux->tp_status & TP_STATUS_VLAN_VALID;
}

/* 0: none, or none of 802.1Q */
static uint16_t tag_vid(struct msghdr *msg)
{
	struct tpacket_auxdata aux;

	if (!tag_beside(msg, &aux) || tag_type(&aux) != ETH_P_8021Q)
		return 0;
	return aux.tp_vlan_tci & VLAN_VID;
}

static ssize_t put_tag_back(struct vnetport_in *in, const struct netbuf *b,
			    struct msghdr *msg, ssize_t n)
{
	const struct iovec flat = { in->large, sizeof(in->large) };
	struct tpacket_auxdata aux;

	if (n < (ssize_t)(sizeof(in->vh) + NETIF_ETH_HLEN) || !tag_beside(msg, &aux))
		return n;
	n += VLAN_LEN;
	if ((size_t)n - sizeof(in->vh) > (in->flat ? flat.iov_len : netbuf_iov_bytes(b)))
		return n; /* too large: the caller sees it */
	insert_tag(in->flat ? &flat : b->iov, &aux, (size_t)n - sizeof(in->vh));
	if (in->vh.flags & VNET_F_NEEDS_CSUM)
		in->vh.csum_start += VLAN_LEN;
	return n;
}

static int packet_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct packet_queue *pq = (struct packet_queue *)q;
	struct vnetport_in *in = &pq->in;
	struct packet_port *port = (struct packet_port *)q->dev;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov[VNETPORT_IOVS];
	struct msghdr msg = { .msg_iov = iov,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;
	int ret;

	if (vnetport_cutting(in)) {
		b->vlan = pq->vid;
		ret = vnetport_next(in, b, &port->guest);
		q->drops += ret < 0;
		return ret;
	}
	msg.msg_iovlen = (size_t)vnetport_room(in, b, iov);
	n = recvmsg(port->sock, &msg, MSG_DONTWAIT);
	if (n < 0 && errno != EINVAL && errno != EFAULT)
		return 0;
	if (n > 0) {
		vnetport_gather(in, b, (size_t)n);
		if (port->tags_beside)
			pq->vid = tag_vid(&msg);
		else
			n = put_tag_back(in, b, &msg, n);
	}
	b->vlan = pq->vid;
	ret = n < 0 ? -EMSGSIZE : vnetport_took(in, b, (size_t)n, &port->guest);
	q->drops += ret < 0;
	return ret;
}

static int packet_arm(struct netdrv_queue *q, bool want_recv)
{
	struct packet_queue *pq = (struct packet_queue *)q;

	if (want_recv && vnetport_cutting(&pq->in))
		return 1;
	fdwait_arm(pq->wait, want_recv, false);
	return 0;
}

const struct netdrv_ops drv_packet = {
	.name = "packet",
	.summary = "an interface, shared with the host (AF_PACKET)",
	.open_files = packet_open_files,
	.open = packet_open,
	.close = packet_close,
	.set_guest = packet_set_guest,
	.tags_beside = packet_tags_beside,
	.queue_start = packet_queue_start,
	.queue_stop = packet_queue_stop,
	.send = packet_send,
	.recv = packet_recv,
	.arm = packet_arm,
	.stats = packet_stats,
};
