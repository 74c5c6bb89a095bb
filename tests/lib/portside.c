/* SPDX-License-Identifier: MIT */
/* Packets with virtio headers between a port and the kernel. */
#include "tests/lib/portside.h"

#include <linux/if_packet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/net/netvlan.h"
#include "tests/lib/netns.h"

const struct netdrv_caps portside_all = { true, true, true, true };
const struct netdrv_caps portside_none;

static const struct netcase *find(const char *name)
{
	for (unsigned i = 0; netcase_nth(i); i++)
		if (!strcmp(netcase_nth(i)->name, name))
			return netcase_nth(i);
	fail_msg("no row %s", name);
	return NULL;
}

void portside_start_vlan(struct portside *s, const char *row,
			 const struct netdrv_caps *guest, uint16_t vlan)
{
	const int one = 1;

	s->d = netcase_open(find(row), 1);
	s->vlan = vlan;
	if (vlan)
		assert_int_equal(netvlan_wrap(&s->d->dev, vlan), 0);
	if (s->d->dev->ops->set_guest)
		assert_int_equal(s->d->dev->ops->set_guest(s->d->dev, guest), 0);
	netrig_start(&s->rig, s->d->dev, 0, 0);
	s->peer = netns_peer(strcmp(row, "tap") ? "tnd1" : "tnd0", true);
	assert_int_equal(setsockopt(s->peer, SOL_PACKET, PACKET_AUXDATA, &one,
				    sizeof(one)),
			 0);
}

void portside_start(struct portside *s, const char *row, const struct netdrv_caps *guest)
{
	portside_start_vlan(s, row, guest, 0);
}

void portside_stop(struct portside *s)
{
	close(s->peer);
	netrig_stop(&s->rig);
	netcase_close(s->d);
}

void portside_send(struct portside *s, const uint8_t *frame, size_t len,
		   const struct netif_meta *meta)
{
	struct netpkt *p = netpkt_new(frame, (uint32_t)len, NETBUF_HDR, 5, len);

	if (s->vlan)
		netpkt_tag_room(p);
	p->b.meta = *meta;
	assert_true(netrig_send_all(&s->rig, &p, 1));
	netpkt_free(p);
}

size_t portside_take(struct portside *s, int timeout_ms)
{
	struct pollfd pfd = { .fd = s->peer, .events = POLLIN };
	struct iovec iov[2] = { { &s->vh, sizeof(s->vh) },
				{ s->bytes, sizeof(s->bytes) } };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct msghdr msg = { .msg_iov = iov,
			      .msg_iovlen = 2,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct tpacket_auxdata aux;
	ssize_t n;

	if (poll(&pfd, 1, timeout_ms) != 1)
		return 0;
	n = recvmsg(s->peer, &msg, 0);
	assert_true(n > (ssize_t)sizeof(s->vh));
	s->tci = -1;
	if (CMSG_FIRSTHDR(&msg)) { /* a peer of the test's own may not ask */
		memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID)
			s->tci = aux.tp_vlan_tci;
	}
	return (size_t)n - sizeof(s->vh);
}

void portside_give(struct portside *s, const uint8_t *frame, size_t len,
		   const struct vnet_hdr *vh)
{
	struct iovec iov[2] = { { (void *)(uintptr_t)vh, sizeof(*vh) },
				{ (void *)(uintptr_t)frame, len } };

	assert_int_equal(writev(s->peer, iov, 2), (ssize_t)(len + sizeof(*vh)));
}

int portside_recv(struct portside *s, int timeout_ms)
{
	struct netpkt *p = netpkt_room(FRAMES_MAX, 18, 7);
	int ret;

	if (s->vlan)
		netpkt_tag_room(p);
	ret = netrig_recv(&s->rig, p, timeout_ms);
	if (ret > 0) {
		netpkt_bytes(p, s->bytes);
		s->meta = p->b.meta;
		ret = (int)p->b.len;
	}
	netpkt_free(p);
	return ret;
}

struct vnet_hdr portside_blank(const struct frame *f)
{
	return (struct vnet_hdr){ .flags = VNET_F_NEEDS_CSUM,
				  .hdr_len = (uint16_t)f->data,
				  .csum_start = (uint16_t)f->l4,
				  .csum_offset = (uint16_t)(f->csum - f->l4) };
}
