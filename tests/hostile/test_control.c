/* SPDX-License-Identifier: MIT */
/*
 * Control connections that misbehave: malformed packets, silence, floods, rights
 * that they have not. The hypervisor drops them and serves the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/fdpass.h"
#include "hv/proc/hvclient.h"
#include "hv/proc/spawn.h"
#include "tests/lib/hvd.h"

static int setup(void **state)
{
	return hvd_pair_new(NULL, (struct hvd_pair **)state);
}

static int teardown(void **state)
{
	return hvd_pair_free(*state);
}

/* Does the other, well-behaved connection still get answers, and soon? */
static void assert_served(struct hvd_pair *p)
{
	uint64_t before = now_ms();
	struct evtchn *ch;

	assert_int_equal(evtchn_alloc_unbound(p->front, p->back_id, &ch), 0);
	evtchn_close(ch);
	assert_true(now_ms() - before < 2000);
}

/* The hypervisor ended this connection (what it had answered before is read). */
static void assert_ended(int conn)
{
	char buf[512];
	ssize_t n;

	do {
		assert_true(fd_readable(conn, 5000));
		n = recv(conn, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0);
	assert_true(n == 0 || errno == ECONNRESET);
	close(conn);
}

static void test_malformed(void **state)
{
	struct hvd_pair *p = *state;
	const struct hvcall good = { .op = HVCALL_EVTCHN_RESET,
				     .version = HVCALL_VERSION };
	struct hvcall bad[10];
	size_t n = 0;

	for (size_t i = 0; i < 10; i++)
		bad[i] = good;
	bad[n++].op = HVCALL_NR_OPS;
	bad[n++].op = UINT32_MAX;
	bad[n++].version = 0;
	bad[n++].version = HVCALL_VERSION + 1;
	bad[n++].domid = 1;
	bad[n++].id = 1;
	bad[n++].value = 1;
	bad[n++].flags = 1;
	bad[n++].str[0] = 'x';
	memset(bad[n++].str, 'x', sizeof(bad[0].str));
	for (size_t i = 0; i < n; i++) {
		int conn = hvd_connect_as(p->front_id);

		assert_int_equal(fdpass_send(conn, &bad[i], sizeof(bad[i]), NULL, 0), 0);
		assert_ended(conn);
	}
	/* sizes, and descriptors that nobody asked for */
	char packet[sizeof(good) + 1] = { 0 };
	memcpy(packet, &good, sizeof(good));
	static const size_t sizes[] = { 1, 4, sizeof(good) - 1, sizeof(good) + 1 };
	for (size_t i = 0; i < 4; i++) {
		int conn = hvd_connect_as(p->front_id);

		assert_int_equal(fdpass_send(conn, packet, sizes[i], NULL, 0), 0);
		assert_ended(conn);
	}
	int conn = hvd_connect_as(p->front_id), fds[2] = { 0, 1 };
	assert_int_equal(fdpass_send(conn, &good, sizeof(good), fds, 2), 0);
	assert_ended(conn);
	assert_served(p);
}

static void test_hello_first(void **state)
{
	struct hvcall call = { .op = HVCALL_EVTCHN_RESET, .version = HVCALL_VERSION };
	struct hvd_pair *p = *state;
	struct hvreply reply;
	int conn;

	assert_int_equal(hvclient_domain_connect(p->hvd.ctl, 0, "front", &conn), 0);
	assert_int_equal(fdpass_send(conn, &call, sizeof(call), NULL, 0), 0);
	assert_ended(conn);
	/* another version is told so */
	assert_int_equal(hvclient_domain_connect(p->hvd.ctl, 0, "front", &conn), 0);
	call.op = HVCALL_HELLO;
	call.version = HVCALL_VERSION + 7;
	assert_int_equal(fdpass_send(conn, &call, sizeof(call), NULL, 0), 0);
	assert_int_equal(recv(conn, &reply, sizeof(reply), 0), sizeof(reply));
	assert_int_equal(reply.status, -EPROTO);
	assert_int_equal(reply.version, HVCALL_VERSION);
	close(conn);
}

static void test_rights(void **state)
{
	static const uint32_t dom0_only[] = { HVCALL_DOMAIN_DESTROY, HVCALL_DOMAIN_NEXT,
					      HVCALL_DOMAIN_CONNECT,
					      HVCALL_DOMAIN_PROCESS };
	struct hvd_pair *p = *state;
	int conn = hvd_connect_as(p->front_id);
	struct hvcall create = { .op = HVCALL_DOMAIN_CREATE };
	struct hvreply reply;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(hvd_call(conn, dom0_only[i], p->back_id, 0), -EPERM);
	assert_int_equal(hvclient_str(&create, "mine"), 0);
	assert_int_equal(hvclient_call(conn, &create, &reply, NULL, NULL), -EPERM);
	assert_int_equal(hvd_call(p->hvd.ctl, HVCALL_DOMAIN_DESTROY, 0, 0), -EPERM);
	/* another's resources are not there for it, by number or by name */
	struct evtchn *ch;
	assert_int_equal(evtchn_alloc_unbound(p->front, p->back_id, &ch), 0);
	assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_CLOSE, 0, ch->port), -EINVAL);
	assert_int_equal(plat_claim(p->front, "device/vbd/1"), 0);
	struct hvcall unclaim = { .op = HVCALL_UNCLAIM };
	assert_int_equal(hvclient_str(&unclaim, "device/vbd/1"), 0);
	assert_int_equal(hvclient_call(conn, &unclaim, &reply, NULL, NULL), -ENOENT);
	close(conn);
}

/* Calls without reading an answer: this connection is dropped, with all it had. */
static void test_unread_replies(void **state)
{
	struct hvcall call = { .op = HVCALL_EVTCHN_ALLOC_UNBOUND,
			       .version = HVCALL_VERSION };
	struct hvd_pair *p = *state;
	int conn = hvd_connect_as(p->front_id), err = 0;

	call.domid = p->back_id;
	for (int i = 0; i < 100000 && !err; i++)
		err = fdpass_send(conn, &call, sizeof(call), NULL, 0);
	assert_true(err == -EPIPE || err == -ECONNRESET);
	close(conn);
	assert_served(p);
	/* its ports are free again: the whole quota */
	conn = hvd_connect_as(p->front_id);
	for (int i = 0; i < 32; i++)
		assert_int_equal(hvd_call(conn, HVCALL_EVTCHN_ALLOC_UNBOUND, p->back_id,
					  0),
				 0);
	close(conn);
}

static void flood(domid_t id)
{
	struct hvcall call = { .op = HVCALL_ARENA_CREATE, .value = 4000, .domid = id };
	int conn = hvd_connect_as(id), fds[HVCALL_MAX_FDS], nfds;
	struct hvreply reply;

	for (;;) {
		if (hvclient_call(conn, &call, &reply, fds, &nfds)) {
			close(conn);
			conn = hvd_connect_as(id);
		}
		while (nfds > 0)
			close(fds[--nfds]);
	}
}

/* Two that flood it with the dearest call there is; others are served. */
static void test_flood(void **state)
{
	struct hvd_pair *p = *state;
	uint64_t worst = 0;
	pid_t pids[2];

	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (!pids[i])
			flood(p->back_id);
	}
	for (int i = 0; i < 50; i++) {
		uint64_t before = now_ms();

		assert_served(p);
		if (now_ms() - before > worst)
			worst = now_ms() - before;
	}
	for (int i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	assert_true(worst < 1500);
	assert_served(p);
}

/* xenstore connections that one control connection may ask for are few. */
static void test_xenstore_connections(void **state)
{
	struct hvd_pair *p = *state;
	int conn = hvd_connect_as(p->front_id), n = 0;

	while (n < 100 && !hvd_call(conn, HVCALL_XENSTORE_CONNECT, 0, 0))
		n++;
	assert_in_range(n, 1, 16);
	close(conn);
	assert_served(p);
}

/* A client that waits for an answer when the hypervisor is killed. */
static void *wait_xenstore(void *arg)
{
	struct hvd_pair *p = arg;
	char *value;

	return (void *)(intptr_t)xenstore_read(p->front, 0, "name", &value, NULL);
}

static void *wait_call(void *arg)
{
	struct hvd_pair *p = arg;
	struct evtchn *ch;

	return (void *)(intptr_t)evtchn_alloc_unbound(p->back, p->front_id, &ch);
}

static void test_killed_while_clients_wait(void **state)
{
	struct hvd_pair *p = *state;
	void *(*const fns[])(void *) = { wait_xenstore, wait_call };
	pthread_t threads[2];
	uint64_t before;
	char *value;
	void *err;

	assert_int_equal(xenstore_read(p->front, 0, "name", &value, NULL), 0);
	free(value);
	kill(p->hvd.pid, SIGSTOP); /* it answers nobody any more */
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, fns[i], p), 0);
	usleep(50000);
	before = now_ms();
	hvd_kill(&p->hvd);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &err);
		assert_int_equal((int)(intptr_t)err, -ENOTCONN);
	}
	assert_true(now_ms() - before < 2000);
}

/* A program started as a domain: it has that connection and no other descriptor. */
static void test_spawn(void **state)
{
	struct hvd_pair *p = *state;
	char script[] = "[ \"$TANDEM_HV_FD\" = 3 ] && [ -z \"$TANDEM_DIR\" ] && "
			"[ -S /proc/self/fd/3 ] && [ ! -e /proc/$$/fd/4 ]";
	char *argv[] = { "bash", "-c", script, NULL };
	char *none[] = { "/no/such/program", NULL };
	int status, leak = open("/dev/null", O_RDONLY);
	pid_t pid;

	assert_int_equal(spawn_domain(p->hvd.ctl, p->front_id, none, &pid), -ENOENT);
	assert_int_equal(spawn_domain(p->hvd.ctl, 999, argv, &pid), -ENOENT);
	assert_int_equal(spawn_domain(p->hvd.ctl, p->front_id, argv, &pid), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(leak);
}

/* $TANDEM_HV_FD is who plat_open() says it is. */
static void test_passed_connection(void **state)
{
	struct hvd_pair *p = *state;
	const char *what = NULL;
	struct plat *q;
	char fd[16];
	int conn;

	assert_int_equal(hvclient_domain_connect(p->hvd.ctl, 0, "front", &conn), 0);
	snprintf(fd, sizeof(fd), "%d", conn);
	setenv("TANDEM_HV_FD", fd, 1);
	assert_int_equal(plat_open(NULL, "back", &q, &what), -EACCES);
	assert_non_null(strstr(what, "TANDEM_HV_FD"));
	assert_int_equal(plat_open(NULL, NULL, &q, &what), 0);
	assert_string_equal(plat_domain_name(q), "front");
	assert_null(getenv("TANDEM_HV_FD")); /* it serves one */
	plat_close(q);
	setenv("TANDEM_HV_FD", "nonsense", 1);
	assert_int_equal(plat_open(NULL, NULL, &q, &what), -EBADF);
	setenv("TANDEM_HV_FD", "1000000", 1);
	assert_int_equal(plat_open(NULL, NULL, &q, &what), -EBADF);
	unsetenv("TANDEM_HV_FD");
}

/* How many of the domain's connections that process has said hello on. */
static int connections_of(struct hvd_pair *p, pid_t pid)
{
	struct hvreply reply;
	int found = 0, err = 0;

	for (uint32_t i = 0; !err; i++) {
		struct hvcall call = { .op = HVCALL_DOMAIN_PROCESS,
				       .domid = p->front_id,
				       .id = i };

		err = hvclient_call(p->hvd.ctl, &call, &reply, NULL, NULL);
		found += !err && reply.value == (uint32_t)pid;
	}
	assert_int_equal(err, -ENOENT);
	return found;
}

/* Who a domain's processes are is what the kernel says, whoever made the connection. */
static void test_processes(void **state)
{
	struct hvd_pair *p = *state;
	char name[HVCALL_NAME_MAX], c = 0;
	int conn, up[2], down[2], n = connections_of(p, getpid());
	domid_t domid;
	pid_t pid;

	assert_int_equal(hvclient_domain_connect(p->hvd.ctl, 0, "front", &conn), 0);
	assert_int_equal(connections_of(p, 0), 1); /* no hello yet */
	assert_int_equal(pipe(up) | pipe(down), 0);
	pid = fork();
	if (!pid) {
		alarm(60);
		c = hvclient_hello(conn, &domid, name) ? 'x' : 'h';
		_exit(write(up[1], &c, 1) != 1 || read(down[0], &c, 1) != 1);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	assert_int_equal(c, 'h');
	assert_int_equal(connections_of(p, 0), 0);
	assert_int_equal(connections_of(p, pid), 1);
	assert_int_equal(connections_of(p, getpid()), n);
	/* a second hello changes nothing */
	assert_int_equal(hvclient_hello(conn, &domid, name), 0);
	assert_int_equal(connections_of(p, pid), 1);
	assert_int_equal(write(down[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(conn);
	close(up[0]);
	close(up[1]);
	close(down[0]);
	close(down[1]);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_malformed),
		T(test_hello_first),
		T(test_rights),
		T(test_unread_replies),
		T(test_flood),
		T(test_xenstore_connections),
		T(test_killed_while_clients_wait),
		T(test_spawn),
		T(test_passed_connection),
		T(test_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
