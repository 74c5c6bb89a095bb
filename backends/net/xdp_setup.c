/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP's beginnings, by libxdp and libbpf: the frames, the socket, and the
 * program that redirects what the interface receives. The program hangs on a
 * descriptor and goes with it, also when its holder is killed; libxdp's own would
 * stay on the interface.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#include "backends/drvopt.h"
#include "backends/net/ifport.h"
#include "backends/net/xdp.h"
#include "hv/base/cleanup.h"
#include "hv/base/iface.h"

struct setup {
	struct netdrv_params *p;
	int index;
	bool native; /* in the interface's driver, not behind it */
	char **why;
};

static int setup_options(struct setup *s)
{
	const char *at = s->p->options;
	struct drvopt o;
	int ret;

	while ((ret = drvopt_next(&at, &o)) > 0) {
		s->native = !strcmp(o.value, "native");
		if (strcmp(o.key, "mode") || (!s->native && strcmp(o.value, "skb")))
			break;
	}
	if (!ret)
		return 0;
	*s->why = netdrv_why("options=%s: want mode=skb or mode=native", s->p->options);
	return -EINVAL;
}

static int setup_limits(struct setup *s)
{
	struct netdrv_params *p = s->p;
	uint32_t queues = iface_rx_queues(p->target);

	if (queues > 1) {
		*s->why =
			netdrv_why("target=%s: it receives on %u queues, and xdp serves "
				   "one (ethtool -L %s combined 1)",
				   p->target, queues, p->target);
		return -EINVAL;
	}
	if (p->found_mtu > XDP_MAX_MTU) {
		*s->why = netdrv_why("target=%s: its mtu is %u, and xdp carries %u at "
				     "most",
				     p->target, p->found_mtu, XDP_MAX_MTU);
		return -EINVAL;
	}
	return 0;
}

/* ------------------------------------------------------------------- the parts */

static int make_memory(void)
{
	const int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	int fd = memfd_create("xdp-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd >= 0 && !ftruncate(fd, (off_t)XDP_AREA) && !fcntl(fd, F_ADD_SEALS, seals))
		return fd;
	err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* The socket, bound, whose memory is `area`: a duplicate of libxdp's, whose own
 * mappings go away. */
static int make_socket(const struct setup *s, void *area)
{
	const struct xsk_umem_config mem = { .fill_size = XDP_RING,
					     .comp_size = XDP_RING,
					     .frame_size = XDP_FRAME };
	const struct xsk_socket_config cfg = {
		.rx_size = XDP_RING,
		.tx_size = XDP_RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.xdp_flags = s->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE,
		.bind_flags = XDP_USE_NEED_WAKEUP | (s->native ? 0 : XDP_COPY),
	};
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons comp, rx;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	int fd, err = xsk_umem__create(&umem, area, XDP_AREA, &fill, &comp, &mem);

	if (err)
		return err;
	err = xsk_socket__create(&xsk, s->p->target, 0, umem, &rx, &tx, &cfg);
	if (err) {
		xsk_umem__delete(umem);
		return err;
	}
	fd = fcntl(xsk_socket__fd(xsk), F_DUPFD_CLOEXEC, 0);
	err = -errno;
	xsk_socket__delete(xsk);
	xsk_umem__delete(umem);
	return fd < 0 ? err : fd;
}

#define INSN(c, dst, src, o, i)                                                         \
	{                                                                               \
		.code = (c), .dst_reg = (dst), .src_reg = (src), .off = (o), .imm = (i) \
	}

/* return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS) */
static int load_program(int map)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_W | BPF_MEM, BPF_REG_2, BPF_REG_1,
		     offsetof(struct xdp_md, rx_queue_index), 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "tandem_port", "Dual MIT/GPL", insns,
			     sizeof(insns) / sizeof(insns[0]), NULL);
}

/* What the interface receives goes to the socket; a descriptor that keeps it so. */
static int make_program(const struct setup *s, int sock)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = s->native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	cleanup_close int map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "tandem_port",
					       sizeof(int), sizeof(int), 1, NULL);
	cleanup_close int prog = -1;
	int zero = 0, link;

	if (map < 0)
		return -errno;
	prog = load_program(map);
	if (prog < 0)
		return -errno;
	if (bpf_map_update_elem(map, &zero, &sock, 0) < 0)
		return -errno;
	link = bpf_link_create(prog, s->index, BPF_XDP, &opts);
	return link < 0 ? -errno : link;
}

/* A packet socket that receives nothing. */
static int make_promisc(const struct setup *s)
{
	struct packet_mreq m = { .mr_ifindex = s->index, .mr_type = PACKET_MR_PROMISC };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* ----------------------------------------------------------------------- */

static int setup_refused(const struct setup *s, const char *what, int err)
{
	if (err == -EBUSY)
		*s->why = netdrv_why("target=%s: another program has it (ip link show "
				     "dev %s)",
				     s->p->target, s->p->target);
	else if (err == -EOPNOTSUPP || err == -EINVAL)
		*s->why = netdrv_why("target=%s: %s: this interface or kernel cannot do "
				     "it%s",
				     s->p->target, what,
				     s->native ? " (mode=skb may work)" : "");
	else
		(void)ifport_refused(s->p, err, s->why);
	return err;
}

static int setup_make(const struct setup *s)
{
	struct netdrv_params *p = s->p;
	const char *what = "memory for frames";
	void *area;
	int fd = make_memory();

	if (fd < 0)
		return setup_refused(s, what, fd);
	p->fds[XDP_FD_MEMORY] = fd;
	area = mmap(NULL, XDP_AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (area == MAP_FAILED) {
		fd = -errno;
		goto fail;
	}
	what = "an AF_XDP socket";
	p->fds[XDP_FD_SOCKET] = fd = make_socket(s, area);
	munmap(area, XDP_AREA); /* the socket has pinned it */
	if (fd < 0)
		goto fail;
	what = "an XDP program";
	p->fds[XDP_FD_PROGRAM] = fd = make_program(s, p->fds[XDP_FD_SOCKET]);
	if (fd < 0)
		goto fail;
	what = "promiscuous mode";
	p->fds[XDP_FD_PROMISC] = fd = make_promisc(s);
	if (fd < 0)
		goto fail;
	p->nfds = XDP_NR_FDS;
	return 0;
fail:
	for (int i = 0; i < XDP_NR_FDS; i++)
		if (p->fds[i] >= 0)
			close(p->fds[i]);
	return setup_refused(s, what, fd);
}

int xdp_open_files(struct netdrv_params *p, char **why)
{
	struct setup s = { .p = p, .why = why };
	int err = ifport_check(p, &s.index, why);

	libbpf_set_print(NULL); /* what goes wrong is said once, by us */
	libxdp_set_print(NULL);
	if (!err)
		err = setup_options(&s);
	if (!err)
		err = setup_limits(&s);
	if (err)
		return err;
	for (int i = 0; i < XDP_NR_FDS; i++)
		p->fds[i] = -1;
	return setup_make(&s);
}
