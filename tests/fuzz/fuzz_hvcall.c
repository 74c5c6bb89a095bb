/* SPDX-License-Identifier: MIT */
/*
 * The control socket's server against five connections (dom0, two domains, one of
 * the second domain again, and a VM's) that send what the input says: calls with
 * interesting fields, raw packets, packets with descriptors, silence (replies that
 * nobody reads), ends, memory of every kind for the VM, and words in the entries
 * of the last arena.
 *
 * What must hold: every reply is well-formed, one's misbehaviour ends nobody
 * else's connection, and in the end no descriptor is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/fdpass.h"
#include "hv/base/log.h"
#include "hv/proc/hvcall.h"
#include "hv/proc/server.h"

#define NR_CONNS 5
#define VM_CONN	 4
#define VM_DOMID 3
#define MAX_FD	 512

#define MUST(cond)                                                                 \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

struct input {
	const uint8_t *p, *end;
};

struct world {
	struct evloop *loop;
	struct xs_server *xs;
	struct hvserver *srv;
	int conn[NR_CONNS];
	bool ok[NR_CONNS]; /* has sent nothing malformed: must live */
	bool vm[NR_CONNS]; /* said hello as a VM: may send descriptors */
	int arena;	   /* the memfd that came last */
	struct hvreply last;
};

static const domid_t conn_domid[NR_CONNS] = { 0, 1, 2, 2, VM_DOMID };

static uint8_t take(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* Mostly small numbers, and those at the bounds. */
static uint32_t number(struct input *in)
{
	static const uint32_t edges[16] = {
		0,	 1u << 19, (1u << 19) + 1, UINT32_MAX, 1u << 31, 4095,
		4096,	 4097,	   0x7fef,	   0x7ff0,     0x7ff4,	 0xffff,
		0x10000, 0x10001,  1u << 20,	   1000,
	};
	uint8_t b = take(in);

	return b < 0xf0 ? b & 15 : edges[b & 15];
}

static void string(struct input *in, char *str)
{
	static const char *const words[] = {
		"",   "a",	"guest",	   "device/vbd/51712", "Domain-0",
		"12", "a/../b", "backend/vbd/1/2", "device/vbd/1/",    "dom0",
	};
	uint8_t b = take(in);

	if (b < sizeof(words) / sizeof(words[0]))
		strcpy(str, words[b]);
	else if (b >= 0x80)
		for (int i = 0; i < (b & 63); i++)
			str[i] = (char)take(in);
	if (b == 0xff)
		memset(str, 'x', HVCALL_PATH_MAX);
}

static void world_settle(struct world *w)
{
	for (int i = 0; i < 3; i++)
		MUST(!evloop_once(w->loop, 0));
}

/* Reads one reply; false: the connection ended or has nothing. */
static bool reply_take(struct world *w, int c)
{
	int fds[HVCALL_MAX_FDS], nfds = HVCALL_MAX_FDS;
	struct hvreply r;
	long n = fdpass_recv(w->conn[c], &r, sizeof(r), fds, &nfds, MSG_DONTWAIT);

	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		MUST(!w->ok[c]);
		return false;
	}
	MUST(n == sizeof(r) && r.version == HVCALL_VERSION && r.status <= 0);
	MUST(strnlen(r.name, sizeof(r.name)) < sizeof(r.name));
	MUST(!r.status || !nfds);
	w->last = r;
	/* a VM's entries are in the second one */
	if (nfds && r.value && fcntl(fds[nfds - 1], F_GET_SEALS) >= 0) {
		if (w->arena >= 0)
			close(w->arena);
		w->arena = fds[--nfds];
	}
	while (nfds > 0)
		close(fds[--nfds]);
	return true;
}

static void hello(struct world *w, int c)
{
	struct hvcall call = { .op = HVCALL_HELLO, .version = HVCALL_VERSION };

	MUST(!fdpass_send(w->conn[c], &call, sizeof(call), NULL, 0));
	world_settle(w);
	MUST(reply_take(w, c));
	w->vm[c] = w->last.flags & HVCALL_DOMAIN_VM;
}

static void conn_open(struct world *w, int c)
{
	int sv[2];

	MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv));
	w->conn[c] = sv[1];
	/* not where the input had the domain destroyed */
	w->ok[c] = !hvserver_connect(w->srv, sv[0], conn_domid[c]);
	if (w->ok[c])
		hello(w, c);
}

static void domain_new(struct world *w, const char *name, uint32_t flags)
{
	struct hvcall call = {
		.op = HVCALL_DOMAIN_CREATE,
		.version = HVCALL_VERSION,
		.flags = flags,
	};

	strcpy(call.str, name);
	MUST(!fdpass_send(w->conn[0], &call, sizeof(call), NULL, 0));
	world_settle(w);
	MUST(reply_take(w, 0));
}

static void world_new(struct world *w)
{
	const struct core_limits limits = {
		.arena_pages = 2048,
		.arenas_per_peer = 16,
		.fds = 48,
	};

	w->arena = -1;
	w->loop = evloop_new();
	w->xs = xs_server_new(w->loop, &xs_quota_default);
	MUST(w->loop && w->xs && !hvserver_new(w->loop, w->xs, &limits, &w->srv));
	conn_open(w, 0);
	domain_new(w, "front", 0);
	domain_new(w, "back", 0);
	domain_new(w, "vm", HVCALL_DOMAIN_VM);
	/* dom0 serves a device of it */
	MUST(!xs_server_write(w->xs, "/local/domain/3/device/vbd/1/backend-id", "0"));
	for (int c = 1; c < NR_CONNS; c++)
		conn_open(w, c);
}

static void world_free(struct world *w)
{
	for (int c = 0; c < NR_CONNS; c++)
		close(w->conn[c]);
	if (w->arena >= 0)
		close(w->arena);
	hvserver_free(w->srv);
	xs_server_free(w->xs);
	evloop_free(w->loop);
}

/* What ends other connections by right. */
static void expect_ends(struct world *w, const struct hvcall *call, int c)
{
	if (call->op == HVCALL_DOMAIN_DESTROY && c == 0)
		memset(w->ok + 1, 0, sizeof(w->ok) - sizeof(w->ok[0]));
}

/* A call that the protocol allows (its fields may still be nonsense). */
static void send_call(struct world *w, struct input *in, int c)
{
	struct hvcall call = { .version = HVCALL_VERSION };

	call.op = take(in) % (HVCALL_NR_OPS + 1);
	call.domid = number(in);
	call.id = number(in);
	call.value = number(in);
	call.flags = number(in) & 3;
	string(in, call.str);
	/* may well be malformed, and then the connection may end */
	w->ok[c] = false;
	expect_ends(w, &call, c);
	(void)fdpass_send(w->conn[c], &call, sizeof(call), NULL, 0);
}

/* A memfd of few pages with any seals, or something else. */
static int memory_make(struct input *in)
{
	uint8_t b = take(in);
	int fd;

	if (b == 0xff)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	fd = memfd_create("vm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	MUST(fd >= 0 && !ftruncate(fd, (off_t)(b & 3) * 4096 + (b >> 6 == 1)));
	/* mostly the right one */
	(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK ^ (b & 0x20 ? take(in) & 31 : 0));
	return fd;
}

static void send_memory(struct world *w, struct input *in, int c)
{
	struct hvcall call = { .op = HVCALL_VM_MEMORY, .version = HVCALL_VERSION };
	int fds[2] = { -1, -1 }, n = w->vm[c] ? 2 : 0;

	call.value = number(in);
	call.id = number(in);
	for (int i = 0; i < n; i++)
		fds[i] = memory_make(in);
	(void)fdpass_send(w->conn[c], &call, sizeof(call), fds, n);
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

/* The same with the unused fields zero, as a good client has it. */
static void send_good(struct world *w, struct input *in, int c)
{
	struct hvcall call = { .version = HVCALL_VERSION };

	call.op = take(in) % HVCALL_NR_OPS;
	switch (call.op) {
	case HVCALL_VM_MEMORY:
		send_memory(w, in, c);
		return;
	case HVCALL_EVTCHN_ALLOC_LOCAL:
		call.value = number(in);
		call.id = number(in);
		break;
	case HVCALL_ARENA_CREATE:
		call.value = number(in);
		call.flags = number(in) & 1;
		/* fallthrough */
	case HVCALL_DOMAIN_DESTROY:
	case HVCALL_DOMAIN_NEXT:
	case HVCALL_EVTCHN_ALLOC_UNBOUND:
		call.domid = number(in);
		if (call.op == HVCALL_EVTCHN_ALLOC_UNBOUND && c == VM_CONN)
			call.value = number(in);
		break;
	case HVCALL_ARENA_MAP:
	case HVCALL_ARENA_UNMAP:
	case HVCALL_DOMAIN_PROCESS:
	case HVCALL_EVTCHN_BIND_INTERDOMAIN:
		call.domid = number(in);
		/* fallthrough */
	case HVCALL_ARENA_DESTROY:
	case HVCALL_EVTCHN_CLOSE:
	case HVCALL_EVTCHN_STATUS:
		call.id = number(in);
		if (call.op == HVCALL_EVTCHN_BIND_INTERDOMAIN && c == VM_CONN)
			call.value = number(in);
		break;
	default:
		break;
	}
	expect_ends(w, &call, c);
	(void)fdpass_send(w->conn[c], &call, sizeof(call), NULL, 0);
}

static void send_raw(struct world *w, struct input *in, int c)
{
	uint8_t buf[512] = { 0 };
	size_t len = (size_t)take(in) * 2 + (take(in) & 1);
	int fds[2] = { w->conn[c], w->conn[c] };

	for (size_t i = 0; i < len && in->p < in->end; i++)
		buf[i] = take(in);
	w->ok[c] = false;
	(void)fdpass_send(w->conn[c], buf, len, fds, take(in) % 3);
}

static void scribble(struct world *w, struct input *in)
{
	uint8_t *p;

	if (w->arena < 0)
		return;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, w->arena, 0);
	for (int i = 0; p != MAP_FAILED && i < 16; i++)
		p[i] = take(in);
	if (p != MAP_FAILED)
		munmap(p, 4096);
}

static void step(struct world *w, struct input *in)
{
	uint8_t b = take(in);
	int c = b & 0x80 ? VM_CONN : b & 3;

	switch (b >> 2 & 7) {
	case 0:
	case 1:
	case 2:
		send_good(w, in, c);
		break;
	case 3:
		send_call(w, in, c);
		break;
	case 4:
		send_raw(w, in, c);
		break;
	case 5:
		close(w->conn[c]);
		world_settle(w);
		conn_open(w, c);
		break;
	case 6:
		scribble(w, in);
		break;
	default:
		/* many calls, no reply read: this one may be dropped */
		w->ok[c] = false;
		for (int i = 0; i < 40; i++) {
			send_good(w, in, c);
			world_settle(w);
		}
		break;
	}
	world_settle(w);
	for (int k = 0; k < NR_CONNS; k++)
		while (reply_take(w, k))
			;
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < MAX_FD; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct world w = { 0 };
	unsigned before = open_fds();

	log_set_level(LOG_ERROR);
	world_new(&w);
	for (int i = 0; i < 200 && in.p < in.end; i++)
		step(&w, &in);
	world_free(&w);
	MUST(open_fds() == before);
	return 0;
}
