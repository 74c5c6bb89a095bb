/* SPDX-License-Identifier: MIT */
/*
 * Follows memory/max: a watch, and a read at each of its events. The key is the
 * toolstack's; the guest can read it. A value that is none changes nothing.
 */
#include "tools/vm_limit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/base/num.h"
#include "ringproto/xs_wire.h"

#define KEY	"memory/max"
#define READ_ID 2u

struct vm_limit {
	struct vm *vm;
	int sock;
	struct evsource *src;
	size_t have;
	union {
		struct xsd_sockmsg head;
		char bytes[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
	} in;
};

static int request(int sock, uint32_t type, const void *body, uint32_t len)
{
	struct {
		struct xsd_sockmsg head;
		char body[64];
	} m = { .head = { .type = type,
			  .req_id = type == XS_READ ? READ_ID : 1,
			  .len = len } };
	const size_t all = sizeof(m.head) + len;

	memcpy(m.body, body, len);
	return write(sock, &m, all) == (ssize_t)all ? 0 : -EIO;
}

static void limit_take(struct vm_limit *l, const char *kib)
{
	struct vm *vm = l->vm;
	uint64_t n;

	if (num_parse_u64(kib, vm->mem.ram_bytes / 1024, &n) || !n)
		return;
	pthread_mutex_lock(&vm->lock);
	vm->xen.max_pages = n * 1024 / XEN_PAGE_SIZE;
	pthread_mutex_unlock(&vm->lock);
	log_info("%s: may have %" PRIu64 " KiB", vm->name, n);
}

/* One message, its payload ended by a NUL. */
static int message_take(struct vm_limit *l, char *payload)
{
	if (l->in.head.type == XS_WATCH_EVENT)
		return request(l->sock, XS_READ, KEY, sizeof(KEY));
	if (l->in.head.type == XS_READ && l->in.head.req_id == READ_ID)
		limit_take(l, payload);
	return 0;
}

static int messages_take(struct vm_limit *l)
{
	const size_t head = sizeof(l->in.head);

	while (l->have >= head) {
		const size_t all = head + l->in.head.len;
		char *end, last;
		int err;

		if (l->in.head.len > XENSTORE_PAYLOAD_MAX)
			return -EPROTO;
		if (l->have < all)
			break;
		end = l->in.bytes + all;
		last = *end; /* the first of the next, if it is here */
		*end = '\0';
		err = message_take(l, l->in.bytes + head);
		*end = last;
		if (err)
			return err;
		l->have -= all;
		memmove(l->in.bytes, end, l->have);
	}
	return 0;
}

static void on_ready(void *arg, uint32_t events)
{
	struct vm_limit *l = arg;
	ssize_t n =
		read(l->sock, l->in.bytes + l->have, sizeof(l->in.bytes) - 1 - l->have);
	int err = n > 0 ? 0 : n < 0 ? -errno : -ENOTCONN;

	(void)events;
	if (err == -EINTR || err == -EAGAIN)
		return;
	if (!err) {
		l->have += (size_t)n;
		err = messages_take(l);
	}
	if (err) { /* the limit stays what it is */
		evloop_del(l->src);
		l->src = NULL;
	}
}

int vm_limit_open(struct vm_limit **limit, struct vm *vm, struct evloop *loop, int sock)
{
	static const char watch[] = KEY "\0limit";
	struct vm_limit *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->vm = vm;
	l->sock = sock;
	err = request(sock, XS_WATCH, watch, sizeof(watch));
	if (!err)
		err = evloop_add(loop, sock, EPOLLIN, on_ready, l, &l->src);
	if (err)
		free(l);
	else
		*limit = l;
	return err;
}

void vm_limit_close(struct vm_limit *l)
{
	if (l->src)
		evloop_del(l->src);
	free(l);
}
