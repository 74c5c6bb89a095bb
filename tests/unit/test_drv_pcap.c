/* SPDX-License-Identifier: MIT */
/* Captures as ports: replayed as they were, refused where they are broken. */
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

#define WAIT_MS 10000
#define NS	UINT64_C(1000000000)
#define T0	(UINT64_C(1700000000) * NS)

static char dir[64], in[80], out[80], opt[128];
static uint8_t frame[65536], seen[65536];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/tandem-pcap.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(in, sizeof(in), "%s/in.pcap", dir);
	snprintf(out, sizeof(out), "%s/out.pcap", dir);
	snprintf(opt, sizeof(opt), "write=%s", out);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(in);
	unlink(out);
	return rmdir(dir);
}

static struct netdrv *open_pcap(const char *target, const char *options)
{
	struct netdrv_params p = { .driver = "pcap",
				   .target = target,
				   .options = options };

	return netrig_open(NULL, &p);
}

/* It is refused, with one line that names the file and says `word`. */
static void refused(const char *target, const char *options, int want, const char *word)
{
	struct netdrv_params p = { .driver = "pcap",
				   .target = target,
				   .options = options };
	unsigned fds = netrig_fds();
	struct netdrv *dev;
	char *why;
	int err = netrig_try_open(NULL, &p, &dev, &why);

	if (err != want || !why || strchr(why, '\n') || !strstr(why, word))
		fail_msg("%d: %s", err, why);
	free(why);
	assert_int_equal(netrig_fds(), fds);
}

static uint32_t size_of(unsigned i)
{
	static const uint32_t sizes[] = { 60, 61, 1514, 14, 9000 };

	return sizes[i % 5];
}

static struct capfile make(enum capfile_kind kind, unsigned packets)
{
	struct capfile c;

	capfile_start(&c, kind, CAPFILE_ETHER);
	for (unsigned i = 0; i < packets; i++) {
		netrig_frame(frame, size_of(i), i);
		capfile_add(&c, T0 + i, frame, size_of(i), size_of(i));
	}
	return c;
}

/* The next packet is the i-th that make() made. */
static void next_is(struct netrig *rig, unsigned i)
{
	struct netpkt *room = netpkt_room(size_of(i), size_of(i) > NETBUF_HDR ? 2 : 0, i);

	assert_int_equal(netrig_recv(rig, room, WAIT_MS), 1);
	assert_int_equal(room->b.len, size_of(i));
	netpkt_bytes(room, seen);
	netrig_frame(frame, size_of(i), i);
	assert_memory_equal(seen, frame, size_of(i));
	netpkt_free(room);
}

static void nothing_more(struct netrig *rig)
{
	struct netpkt *room = netpkt_room(65535, 1, 1);

	assert_int_equal(netrig_recv(rig, room, 5), 0);
	assert_int_equal(netrig_arm(rig, true), 0);
	netpkt_free(room);
}

/* Replays the capture `times` times over. */
static void replays(const char *options, unsigned packets, unsigned times)
{
	struct netdrv *dev = open_pcap(in, options);
	struct netrig rig;

	netrig_start(&rig, dev, 0, 0);
	for (unsigned i = 0; i < packets * times; i++)
		next_is(&rig, i % packets);
	nothing_more(&rig);
	assert_int_equal(netrig_drops(&rig), 0);
	netrig_stop(&rig);
	assert_int_equal(netrig_stat(dev, "replayed"), packets * times);
	dev->ops->close(dev);
}

static void test_kinds(void **state)
{
	(void)state;
	for (enum capfile_kind kind = CAPFILE_PCAP; kind <= CAPFILE_NG; kind++)
		for (unsigned packets = 0; packets <= 5; packets += 5) {
			struct capfile c = make(kind, packets);

			capfile_save(&c, in, c.len);
			capfile_free(&c);
			replays(NULL, packets, 1);
			replays("rate=0,loop=3", packets, 3);
			replays("rate=10000", packets, 1);
		}
}

/* Cut at each byte: whole where a packet ends there, refused elsewhere. */
static void test_truncated(void **state)
{
	(void)state;
	for (enum capfile_kind kind = CAPFILE_PCAP; kind <= CAPFILE_NG; kind++) {
		struct capfile c = make(kind, 2);
		size_t whole[3] = { kind == CAPFILE_NG ? 60 : CAPFILE_HEADER };
		unsigned packets = 0;

		for (unsigned i = 0; i < 2; i++)
			whole[i + 1] = whole[i] + (kind == CAPFILE_NG
							   ? 32 + (size_of(i) + 3) / 4 * 4
							   : 16 + size_of(i));
		assert_int_equal(whole[2], c.len);
		for (size_t len = 0; len <= c.len; len++) {
			capfile_save(&c, in, len);
			if (packets < 3 && len == whole[packets])
				replays("rate=0", packets++, 1);
			else if (kind != CAPFILE_NG || len != 28)
				refused(in, NULL, -EINVAL, in);
		}
		assert_int_equal(packets, 3);
		capfile_free(&c);
	}
}

/* What is found only far behind the start ends the replay. */
static void test_truncated_late(void **state)
{
	struct netpkt *room = netpkt_room(60000, 3, 1);
	struct netdrv *dev;
	struct capfile c;
	struct netrig rig;
	char text[512];
	int keep;

	(void)state;
	capfile_start(&c, CAPFILE_PCAP, CAPFILE_ETHER);
	netrig_frame(frame, 60000, 1);
	for (unsigned i = 0; i < 300; i++)
		capfile_add(&c, T0, frame, 60000, 60000);
	capfile_save(&c, in, c.len - 1);
	capfile_free(&c);
	dev = open_pcap(in, "rate=0,loop=2");
	netrig_start(&rig, dev, 0, 0);
	keep = heard_begin();
	for (unsigned i = 0; i < 299; i++)
		if (netrig_recv(&rig, room, WAIT_MS) != 1)
			break;
	nothing_more(&rig);
	nothing_more(&rig);
	assert_int_equal(heard_end(keep, text, sizeof(text)), 1);
	assert_non_null(strstr(text, in));
	assert_non_null(strstr(text, "ends here"));
	assert_int_equal(netrig_stat(dev, "replayed"), 299);
	netrig_stop(&rig);
	dev->ops->close(dev);
	netpkt_free(room);
}

static void test_refused(void **state)
{
	struct capfile c = make(CAPFILE_PCAP, 3);
	struct stat st;
	uint32_t link;

	(void)state;
	for (link = 101; link <= 147; link += 46) { /* bare IP; private */
		memcpy(c.data + 20, &link, 4);
		capfile_save(&c, in, c.len);
		refused(in, NULL, -EINVAL, link == 101 ? "RAW" : "147");
	}
	refused("/dev/null", NULL, -EINVAL, "regular");
	refused(in, "write=/nonexistent/out.pcap", -ENOENT, "/nonexistent/out.pcap");
	/* what is replayed is not written over */
	snprintf(opt, sizeof(opt), "write=%s", in);
	refused(in, opt, -EINVAL, in);
	assert_int_equal(stat(in, &st), 0);
	assert_int_equal(st.st_size, c.len);
	capfile_free(&c);
	snprintf(opt, sizeof(opt), "write=%s", out);
}

static bool may_not(const struct netdrv_params *p, const char *path)
{
	return strcmp(path, p->may_open_arg) != 0;
}

static void test_may_open(void **state)
{
	struct capfile c = make(CAPFILE_PCAP, 1);
	char *const paths[] = { in, out };

	(void)state;
	capfile_save(&c, in, c.len);
	capfile_free(&c);
	for (int i = 0; i < 2; i++) {
		struct netdrv_params p = { .driver = "pcap",
					   .target = in,
					   .options = opt,
					   .may_open = may_not,
					   .may_open_arg = paths[i] };
		struct netdrv *dev;
		char *why;

		assert_int_equal(netrig_try_open(NULL, &p, &dev, &why), -EACCES);
		assert_non_null(strstr(why, paths[i]));
		free(why);
		assert_int_equal(access(out, F_OK), -1);
	}
}

/* Packets that were not captured whole come as far as they were; what is no
 * packet, or too long, is dropped. */
static void test_odd_packets(void **state)
{
	struct netpkt *room = netpkt_room(65535, 1, 1);
	struct netdrv *dev;
	struct netrig rig;
	struct capfile c;
	uint8_t *large = calloc(1, 70000);

	(void)state;
	capfile_start(&c, CAPFILE_NG, CAPFILE_ETHER);
	netrig_frame(frame, 100, 1);
	capfile_add(&c, T0, frame, 0, 0);
	capfile_add(&c, T0, frame, 13, 13);
	capfile_add(&c, T0, large, 70000, 70000);
	capfile_add(&c, T0, frame, 100, 1514);
	capfile_save(&c, in, c.len);
	capfile_free(&c);
	dev = open_pcap(in, NULL);
	netrig_start(&rig, dev, 0, 0);
	assert_int_equal(netrig_recv(&rig, room, WAIT_MS), -EMSGSIZE);
	assert_int_equal(netrig_recv(&rig, room, WAIT_MS), 1);
	assert_int_equal(room->b.len, 100);
	assert_int_equal(netrig_drops(&rig), 3);
	nothing_more(&rig);
	netrig_stop(&rig);
	assert_int_equal(netrig_stat(dev, "replayed-cut"), 1);
	dev->ops->close(dev);
	netpkt_free(room);
	free(large);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

/* As far apart as they were, or `speed` times nearer; clocks that jump back, or
 * to the end of time, hold nothing up for ever that came before. */
static void test_timing(void **state)
{
	static const uint64_t at[] = { T0, T0 + 60000000, T0 + 30000000, 5,
				       T0 + 90000000 };
	static const struct {
		const char *options;
		uint64_t least;
	} cases[] = { { NULL, 90000000 }, { "speed=3", 30000000 }, { "rate=0", 0 } };
	struct capfile c;

	(void)state;
	capfile_start(&c, CAPFILE_PCAP_NS, CAPFILE_ETHER);
	for (unsigned i = 0; i < 5; i++) {
		netrig_frame(frame, size_of(i), i);
		capfile_add(&c, at[i], frame, size_of(i), size_of(i));
	}
	capfile_save(&c, in, c.len);
	capfile_free(&c);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t start = now_ns(CLOCK_MONOTONIC), took;

		replays(cases[i].options, 5, 1);
		took = now_ns(CLOCK_MONOTONIC) - start;
		assert_true(took >= cases[i].least);
	}
}

/* With its files opened before, the port needs nothing that the sandbox of a
 * backend refuses. An exit status. */
static int replay_in_sandbox(void)
{
	const struct sandbox_spec spec = { .uring_setup = true };
	struct netdrv_params p = { .driver = "pcap",
				   .target = in,
				   .options = "rate=0,loop=2" };
	const struct netdrv_ops *ops = netdrv_find("pcap");
	struct netpkt *room = netpkt_room(9000, 1, 1);
	struct netdrv *dev;
	struct netrig rig;
	char *why = NULL;

	if (ops->open_files(&p, &why) || sandbox_enter(&spec) < 0)
		return 1;
	if (open(in, O_RDONLY | O_CLOEXEC) >= 0)
		return 2;
	if (ops->open(&p, &dev, &why))
		return 3;
	netrig_start(&rig, dev, 0, 0);
	for (unsigned i = 0; i < 10; i++)
		if (netrig_recv(&rig, room, WAIT_MS) != 1)
			return 4;
	netrig_stop(&rig);
	dev->ops->close(dev);
	return 0;
}

static void test_sandbox(void **state)
{
	struct capfile c = make(CAPFILE_NG, 5);
	int status;
	pid_t pid;

	(void)state;
	capfile_save(&c, in, c.len);
	capfile_free(&c);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(replay_in_sandbox());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
		DIR_TEST(test_kinds),	 DIR_TEST(test_truncated),
		DIR_TEST(test_refused),	 DIR_TEST(test_truncated_late),
		DIR_TEST(test_timing),	 DIR_TEST(test_odd_packets),
		DIR_TEST(test_may_open), DIR_TEST(test_sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
