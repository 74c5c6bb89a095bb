/* SPDX-License-Identifier: MIT */
/* vu: vhost-user connection and virtqueue for vublk; see vu.h. */
#include "tools/bench/vu.h"

#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_SET_VRING_ENABLE = 18,
	VU_GET_CONFIG = 24,
};

#define VU_FLAG_VERSION 1u
#define VU_F_PROTOCOL	30 /* VHOST_USER_F_PROTOCOL_FEATURES */
#define VU_PF_CONFIG	(1ull << 9)

struct vu_region {
	uint64_t guest, size, user, offset;
};

struct vu_msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct {
			uint32_t n, pad;
			struct vu_region region;
		} mem;
		struct {
			uint32_t offset, size, flags;
			uint8_t bytes[VU_CONFIG_MAX];
		} config;
	};
} __attribute__((packed));

#define VU_HEADER offsetof(struct vu_msg, u64)

static int msg_send(int sock, const struct vu_msg *m, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)m, VU_HEADER + m->size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		h.msg_control = control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL) == (ssize_t)iov.iov_len ? 0 : -EPROTO;
}

/* Sends m; with `reply`, m becomes the answer. */
static int ask(struct vu *vu, enum vu_request request, struct vu_msg *m, size_t size,
	       int fd, bool reply)
{
	m->request = request;
	m->flags = VU_FLAG_VERSION;
	m->size = (uint32_t)size;
	if (msg_send(vu->sock, m, fd))
		goto bad;
	if (!reply)
		return 0;
	if (recv(vu->sock, m, VU_HEADER, MSG_WAITALL) != (ssize_t)VU_HEADER ||
	    m->size > sizeof(*m) - VU_HEADER ||
	    recv(vu->sock, &m->u64, m->size, MSG_WAITALL) != (ssize_t)m->size)
		goto bad;
	return 0;
bad:
	fprintf(stderr, "vublk: the vhost-user peer broke off at request %d\n", request);
	return -EPROTO;
}

static int negotiate(struct vu *vu, uint64_t want)
{
	const uint64_t need = 1ull << VU_F_PROTOCOL | 1ull << VIRTIO_F_VERSION_1;
	struct vu_msg m = { 0 };
	int err;

	if ((err = ask(vu, VU_SET_OWNER, &m, 0, -1, false)) ||
	    (err = ask(vu, VU_GET_FEATURES, &m, 0, -1, true)))
		return err;
	vu->features = m.u64 & (want | need);
	if ((vu->features & need) != need) {
		fprintf(stderr, "vublk: the peer lacks virtio 1 (features %#llx)\n",
			(unsigned long long)vu->features);
		return -EPROTO;
	}
	if ((err = ask(vu, VU_GET_PROTOCOL_FEATURES, &m, 0, -1, true)))
		return err;
	m.u64 &= VU_PF_CONFIG;
	if ((err = ask(vu, VU_SET_PROTOCOL_FEATURES, &m, 8, -1, false)))
		return err;
	m.u64 = vu->features;
	if ((err = ask(vu, VU_SET_FEATURES, &m, 8, -1, false)))
		return err;
	memset(&m, 0, sizeof(m));
	m.config.size = VU_CONFIG_MAX - 4; /* sizeof(struct virtio_blk_config) */
	err = ask(vu, VU_GET_CONFIG, &m, 12 + VU_CONFIG_MAX - 4, -1, true);
	memcpy(vu->config, m.config.bytes, VU_CONFIG_MAX);
	return err;
}

static int share_memory(struct vu *vu, size_t data_bytes)
{
	const size_t rings = (vring_size(VU_QUEUE_SIZE, 4096) + 4095) & ~(size_t)4095;
	struct vu_msg m = { 0 };

	vu->mem_size = rings + data_bytes;
	vu->memfd = memfd_create("vublk", MFD_CLOEXEC);
	if (vu->memfd < 0 || ftruncate(vu->memfd, (off_t)vu->mem_size))
		return -errno;
	vu->mem = mmap(NULL, vu->mem_size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, vu->memfd, 0);
	if (vu->mem == MAP_FAILED)
		return -errno;
	vu->data = vu->mem + rings;
	vring_init(&vu->ring, VU_QUEUE_SIZE, vu->mem, 4096);
	m.mem.n = 1;
	/* guest-physical is the offset in the region */
	m.mem.region =
		(struct vu_region){ 0, vu->mem_size, (uint64_t)(uintptr_t)vu->mem, 0 };
	return ask(vu, VU_SET_MEM_TABLE, &m, 8 + sizeof(m.mem.region), vu->memfd, false);
}

static int start_queue(struct vu *vu)
{
	struct vu_msg m = { 0 };
	int err;

	vu->kick = eventfd(0, EFD_CLOEXEC);
	vu->call = eventfd(0, EFD_CLOEXEC);
	if (vu->kick < 0 || vu->call < 0)
		return -errno;
	m.state.num = VU_QUEUE_SIZE;
	if ((err = ask(vu, VU_SET_VRING_NUM, &m, sizeof(m.state), -1, false)))
		return err;
	m.state.num = 0;
	if ((err = ask(vu, VU_SET_VRING_BASE, &m, sizeof(m.state), -1, false)))
		return err;
	memset(&m, 0, sizeof(m));
	m.addr.desc_user_addr = (uint64_t)(uintptr_t)vu->ring.desc;
	m.addr.avail_user_addr = (uint64_t)(uintptr_t)vu->ring.avail;
	m.addr.used_user_addr = (uint64_t)(uintptr_t)vu->ring.used;
	if ((err = ask(vu, VU_SET_VRING_ADDR, &m, sizeof(m.addr), -1, false)))
		return err;
	m.u64 = 0; /* queue 0 */
	if ((err = ask(vu, VU_SET_VRING_CALL, &m, 8, vu->call, false)))
		return err;
	if ((err = ask(vu, VU_SET_VRING_KICK, &m, 8, vu->kick, false)))
		return err;
	m.state.index = 0;
	m.state.num = 1;
	if ((err = ask(vu, VU_SET_VRING_ENABLE, &m, sizeof(m.state), -1, false)))
		return err;
	/* an answer to anything means that all of the above was taken */
	return ask(vu, VU_GET_FEATURES, &m, 0, -1, true);
}

int vu_open(struct vu *vu, const char *path, uint64_t want, size_t data_bytes)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int err;

	*vu = (struct vu){ .sock = -1, .memfd = -1, .kick = -1, .call = -1 };
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	vu->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (vu->sock < 0)
		return -errno;
	if (connect(vu->sock, (struct sockaddr *)&sa, sizeof(sa)))
		err = -errno;
	else if (!(err = negotiate(vu, want)) && !(err = share_memory(vu, data_bytes)))
		err = start_queue(vu);
	if (err)
		vu_close(vu);
	return err;
}

void vu_close(struct vu *vu)
{
	const int fds[] = { vu->sock, vu->kick, vu->call, vu->memfd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (vu->mem && vu->mem != MAP_FAILED)
		munmap(vu->mem, vu->mem_size);
}

void vu_push(struct vu *vu)
{
	const uint16_t old = vu->avail_pub, now = vu->avail;
	const uint64_t one = 1;
	bool notify;

	if (now == old)
		return;
	vu->avail_pub = now;
	/* release: the peer reads descriptors after the index */
	__atomic_store_n(&vu->ring.avail->idx, now, __ATOMIC_RELEASE);
	/* full: pairs with the peer's, between its event index and its last look */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vu->features & 1ull << VIRTIO_RING_F_EVENT_IDX)
		notify = vring_need_event(vring_avail_event(&vu->ring), now, old);
	else
		notify = !(vu->ring.used->flags & VRING_USED_F_NO_NOTIFY);
	if (!notify)
		return;
	vu->kicks++;
	if (write(vu->kick, &one, sizeof(one)) != sizeof(one))
		perror("vublk: kick");
}

void vu_sleep(struct vu *vu)
{
	uint64_t n;

	while (!vu_avail(vu)) {
		__atomic_store_n(&vring_used_event(&vu->ring), vu->used,
				 __ATOMIC_RELAXED);
		/* full: pairs with the peer's, between its used index and its look here
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (vu_avail(vu))
			return;
		if (read(vu->call, &n, sizeof(n)) != sizeof(n))
			return;
	}
}
