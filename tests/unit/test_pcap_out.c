/* SPDX-License-Identifier: MIT */
/* Recordings: all that was sent, readable by others, and a full disk. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/sandbox.h"
#include "tests/lib/capfile.h"
#include "tests/lib/heard.h"
#include "tests/lib/netrig.h"

#define NS UINT64_C(1000000000)

static char dir[64], out[80], opt[128];
static uint8_t frame[65536], seen[65536];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/tandem-pcap.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(out, sizeof(out), "%s/out.pcap", dir);
	snprintf(opt, sizeof(opt), "write=%s", out);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(out);
	return rmdir(dir);
}

static struct netdrv *open_pcap(const char *options)
{
	struct netdrv_params p = { .driver = "pcap", .options = options };

	return netrig_open(NULL, &p);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static void send_lens(struct netrig *rig, const uint32_t *lens, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct netpkt *p;

		netrig_frame(frame, lens[i], i);
		p = netpkt_new(frame, lens[i], NETBUF_HDR, lens[i] > NETBUF_HDR ? 3 : 0,
			       i);
		if (lens[i] > 10000)
			p->b.meta =
				(struct netif_meta){ .csum_blank = true,
						     .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
						     .gso_size = 1448 };
		assert_true(netrig_send_all(rig, &p, 1));
		netpkt_free(p);
	}
}

/* How many packets Debian's tcpdump finds; -1: there is no tcpdump. */
static int tcpdump_count(const char *path)
{
	char cmd[200], line[1024];
	int n = 0;
	FILE *f;

	if (access("/usr/bin/tcpdump", X_OK))
		return -1;
	snprintf(cmd, sizeof(cmd), "tcpdump -enr '%s' 2>/dev/null", path);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "0x88b5") != NULL;
	return pclose(f) ? -2 : n;
}

static void test_record(void **state)
{
	static const uint32_t lens[] = { 14, 60, 128, 129, 1514, 9014, 65535 };
	uint64_t ns, before = now_ns();
	struct netdrv *dev = open_pcap(opt);
	off_t at = CAPFILE_HEADER;
	struct netrig rig;
	int fd, n;

	(void)state;
	assert_true(dev->info.no_recv && dev->info.send.tso4);
	netrig_start(&rig, dev, 0, 0);
	send_lens(&rig, lens, 7);
	netrig_stop(&rig);
	/* all of it is there before the port is closed */
	fd = open(out, O_RDONLY | O_CLOEXEC);
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(capfile_read(fd, &at, seen, sizeof(seen), &ns, 0),
				 lens[i]);
		netrig_frame(frame, lens[i], i);
		assert_memory_equal(seen, frame, lens[i]);
		assert_true(ns >= before && ns <= now_ns());
		before = ns;
	}
	assert_int_equal(lseek(fd, 0, SEEK_END), at);
	close(fd);
	n = tcpdump_count(out);
	if (n == -1)
		print_message("no tcpdump here to read it with\n");
	else
		assert_int_equal(n, 7);
	assert_int_equal(netrig_stat(dev, "recorded"), 7);
	assert_int_equal(netrig_stat(dev, "record-lost"), 0);
	dev->ops->close(dev);
}

/* No room on the disk: packets go on, are counted as lost, and that is said once. */
static void test_disk_full(void **state)
{
	static const uint32_t lens[] = { 65535, 65535, 65535, 65535, 65535, 65535, 60 };
	struct netdrv_params p = { .driver = "pcap", .options = "write=full.pcap" };
	struct netdrv *dev;
	struct netrig rig;
	char text[1024], *why = NULL;
	int keep;

	(void)state;
	p.fds[p.nfds++] = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(netdrv_find("pcap")->open(&p, &dev, &why), 0);
	keep = heard_begin();
	netrig_start(&rig, dev, 0, 0);
	send_lens(&rig, lens, 7);
	netrig_stop(&rig);
	netrig_start(&rig, dev, 0, 0);
	send_lens(&rig, lens, 7);
	netrig_stop(&rig);
	assert_true(netrig_stat(dev, "record-lost") >= 7);
	assert_true(netrig_stat(dev, "record-lost") + netrig_stat(dev, "recorded") == 14);
	dev->ops->close(dev);
	assert_int_equal(heard_end(keep, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "full.pcap"));
	assert_non_null(strstr(text, strerror(ENOSPC)));
}

/* With its file opened before, the port needs nothing that the sandbox of a
 * backend refuses. An exit status. */
static int record_in_sandbox(void)
{
	static const uint32_t lens[] = { 60, 65535, 1514 };
	const struct sandbox_spec spec = { .uring_setup = true };
	struct netdrv_params p = { .driver = "pcap", .options = opt };
	const struct netdrv_ops *ops = netdrv_find("pcap");
	struct netdrv *dev;
	struct netrig rig;
	char *why = NULL;

	if (ops->open_files(&p, &why) || sandbox_enter(&spec) < 0)
		return 1;
	if (ops->open(&p, &dev, &why))
		return 3;
	netrig_start(&rig, dev, 0, 0);
	send_lens(&rig, lens, 3);
	netrig_stop(&rig);
	dev->ops->close(dev);
	return 0;
}

static void test_sandbox(void **state)
{
	struct stat st;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(record_in_sandbox());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_size, CAPFILE_HEADER + 3 * CAPFILE_RECORD + 67109);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
		DIR_TEST(test_record),
		DIR_TEST(test_disk_full),
		DIR_TEST(test_sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
