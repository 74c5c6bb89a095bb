/* SPDX-License-Identifier: MIT */
/* A tandem-hvd for a test. */
#include "tests/lib/hvd.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hv/proc/hvclient.h"
#include "tests/lib/fakevm.h"

#define START_TRIES 5000 /* a millisecond each */

static void hvd_exec(const char *dir, pid_t parent)
{
	const char *prog = getenv("TANDEM_HVD");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (!prog)
		prog = TANDEM_HVD_PATH;
	execl(prog, "tandem-hvd", "--dir", dir, (char *)NULL);
	_exit(127);
}

static int hvd_wait_ready(struct hvd *h)
{
	const struct timespec ms = { 0, 1000000 };

	for (int i = 0; i < START_TRIES; i++) {
		h->ctl = hvclient_connect(h->dir, NULL, 0);
		if (h->ctl >= 0)
			return 0;
		if (waitpid(h->pid, NULL, WNOHANG) == h->pid) {
			h->pid = 0;
			return -ECHILD;
		}
		nanosleep(&ms, NULL);
	}
	return -ETIMEDOUT;
}

int hvd_start(struct hvd *h)
{
	const char *tmp = getenv("TMPDIR");
	pid_t self = getpid();
	int err;

	h->ctl = -1;
	h->pid = 0;
	snprintf(h->dir, sizeof(h->dir), "%.50s/tandem-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(h->dir))
		return -errno;
	h->pid = fork();
	if (h->pid < 0)
		return -errno;
	if (!h->pid)
		hvd_exec(h->dir, self);
	err = hvd_wait_ready(h);
	if (err)
		hvd_stop(h);
	else
		setenv("TANDEM_DIR", h->dir, 1);
	return err;
}

static int hvd_reap(struct hvd *h, int sig)
{
	int status = -1;

	if (!h->pid)
		return 0;
	kill(h->pid, sig);
	waitpid(h->pid, &status, 0);
	h->pid = 0;
	return status;
}

void hvd_kill(struct hvd *h)
{
	hvd_reap(h, SIGKILL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int hvd_stop(struct hvd *h)
{
	int status = hvd_reap(h, SIGTERM);

	if (h->ctl >= 0)
		close(h->ctl);
	h->ctl = -1;
	nftw(h->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status ? -EIO : 0;
}

static int domain_create(struct hvd *h, const char *name, uint32_t flags)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_CREATE, .flags = flags };
	struct hvreply reply;
	int err = hvclient_str(&call, name);

	if (!err)
		err = hvclient_call(h->ctl, &call, &reply, NULL, NULL);
	return err ? err : (int)reply.domid;
}

int hvd_domain(struct hvd *h, const char *name)
{
	return domain_create(h, name, 0);
}

int hvd_vm(struct hvd *h, const char *name)
{
	return domain_create(h, name, HVCALL_DOMAIN_VM);
}

static int device_key(struct plat *dom0, const char *dir, const char *key,
		      const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return xenstore_write(dom0, XENSTORE_NO_TX, path, value);
}

static int device_dir(struct plat *dom0, const char *dir, domid_t owner, domid_t reader)
{
	char perms[32];
	int err = xenstore_mkdir(dom0, XENSTORE_NO_TX, dir);

	snprintf(perms, sizeof(perms), "n%u r%u", owner, reader);
	return err ? err : xenstore_set_perms(dom0, XENSTORE_NO_TX, dir, perms);
}

int hvd_device(domid_t front, domid_t back, const char *type, unsigned id)
{
	char fe[80], be[80], n[8];
	struct plat *dom0;
	int err = plat_open(NULL, "0", &dom0, NULL);

	if (err)
		return err;
	snprintf(fe, sizeof(fe), "/local/domain/%u/device/%s/%u", front, type, id);
	snprintf(be, sizeof(be), "/local/domain/%u/backend/%s/%u/%u", back, type, front,
		 id);
	err = device_dir(dom0, fe, front, back);
	if (!err)
		err = device_dir(dom0, be, back, front);
	snprintf(n, sizeof(n), "%u", back);
	if (!err)
		err = device_key(dom0, fe, "backend-id", n);
	snprintf(n, sizeof(n), "%u", front);
	if (!err)
		err = device_key(dom0, be, "frontend-id", n);
	plat_close(dom0);
	return err;
}

static bool is_vm(domid_t id)
{
	struct hvcall call = { .op = HVCALL_HELLO };
	int conn = hvd_connect_as(id);
	struct hvreply reply;
	bool vm = conn >= 0 && !hvclient_call(conn, &call, &reply, NULL, NULL) &&
		  reply.flags & HVCALL_DOMAIN_VM;

	if (conn >= 0)
		close(conn);
	return vm;
}

int hvd_domain_destroy(struct hvd *h, domid_t id)
{
	struct hvcall call = { .op = HVCALL_DOMAIN_DESTROY, .domid = id };
	struct hvreply reply;

	return hvclient_call(h->ctl, &call, &reply, NULL, NULL);
}

int hvd_plat(const char *spec, domid_t id, struct plat **plat)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", id);
	if (spec && !strcmp(spec, HVD_VM))
		return is_vm(id) ? fakevm_open(id, plat)
				 : plat_open(NULL, name, plat, NULL);
	return plat_open(spec, name, plat, NULL);
}

int hvd_pair_new(const char *spec, struct hvd_pair **pair)
{
	struct hvd_pair *p = calloc(1, sizeof(*p));
	bool vm = spec && !strcmp(spec, HVD_VM);
	int front, back;

	*pair = p;
	if (!p || hvd_start(&p->hvd))
		return -1;
	front = vm ? hvd_vm(&p->hvd, "front") : hvd_domain(&p->hvd, "front");
	back = hvd_domain(&p->hvd, "back");
	if (front < 0 || back < 0)
		return -1;
	p->front_id = (domid_t)front;
	p->back_id = (domid_t)back;
	if (vm && hvd_device(p->front_id, p->back_id, "vbd", 51712))
		return -1;
	return hvd_plat(spec, p->front_id, &p->front) ||
			       hvd_plat(spec, p->back_id, &p->back)
		       ? -1
		       : 0;
}

int hvd_pair_free(struct hvd_pair *p)
{
	int err;

	plat_close(p->front);
	plat_close(p->back);
	err = hvd_stop(&p->hvd);
	free(p);
	return err;
}

int hvd_connect_as(domid_t id)
{
	char name[HVCALL_NAME_MAX];
	int ctl = hvclient_connect(NULL, NULL, 0), conn = -1, err = ctl;
	domid_t got;

	if (ctl >= 0)
		err = hvclient_domain_connect(ctl, id, NULL, &conn);
	if (err >= 0)
		err = hvclient_hello(conn, &got, name);
	if (ctl >= 0)
		close(ctl);
	return err < 0 ? err : conn;
}

int hvd_call(int conn, uint32_t op, uint32_t domid, uint32_t id)
{
	struct hvcall call = { .op = op, .domid = domid, .id = id };
	int fds[HVCALL_MAX_FDS], nfds, err;
	struct hvreply reply;

	err = hvclient_call(conn, &call, &reply, fds, &nfds);
	while (nfds > 0)
		close(fds[--nfds]);
	return err;
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool fd_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents & POLLIN;
}

int fd_count(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -3; /* ".", ".." and the directory's own */

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}
