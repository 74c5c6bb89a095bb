#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The benchmark's own arithmetic: statistics, the clients' JSON, verdicts, the report, and that what it starts is ended.

usage: test_bench.py TOOLS_BENCH_DIR
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from html.parser import HTMLParser

sys.dont_write_bytecode = True
BENCH = os.path.abspath(sys.argv.pop(1))
sys.path.insert(0, BENCH)

from tandembench import fio, load, netns, netsides, pktsides, procs  # noqa: E402
from tandembench import report, rows, runner, sides, stats  # noqa: E402
from tandembench import main, many  # noqa: E402


class Statistics(unittest.TestCase):
    def test_median(self):
        self.assertEqual(stats.median([3, 1, 2]), 2)
        self.assertEqual(stats.median([4, 1, 3, 2]), 2.5)
        self.assertRaises(ValueError, stats.median, [])

    def test_spread(self):
        self.assertEqual(stats.spread([90, 100, 110]), 0.2)
        self.assertEqual(stats.spread([0, 0]), 0)

    def test_percentile(self):
        xs = list(range(1, 101))
        self.assertEqual([stats.percentile(xs, q) for q in (0.5, 0.99, 0.999, 1, 0)],
                         [50, 99, 100, 100, 1])

    def test_paired_ratios_cancel_drift(self):
        """The machine gets twice as slow half way; the ratio does not move."""
        self.assertEqual(stats.paired_ratios([80, 80, 40], [100, 100, 50]), [0.8] * 3)
        self.assertRaises(ValueError, stats.paired_ratios, [1], [1, 2])

    def test_jain(self):
        self.assertEqual(stats.jain([5, 5, 5, 5]), 1)
        self.assertEqual(stats.jain([1, 0, 0, 0]), 0.25)


def fio_json(**over):
    read = {"iops": 1000.0, "bw_bytes": 4096000, "total_ios": 5000,
            "lat_ns": {"mean": 2500.0},
            "clat_ns": {"percentile": {"50.000000": 2000, "99.000000": 9000,
                                       "99.900000": 20000}}}
    none = {"iops": 0, "bw_bytes": 0, "total_ios": 0}
    return {"jobs": [{"error": 0, "read": {**read, **over}, "write": none}]}


class FioJson(unittest.TestCase):
    def test_sample(self):
        s = fio.parse("fio: a warning\n" + json.dumps(fio_json()) + "\n")
        self.assertEqual((s["iops"], s["ios"], s["bytes_per_s"]), (1000, 5000, 4096000))
        self.assertEqual(s["lat_us"], {"p50": 2.0, "p99": 9.0, "p99.9": 20.0, "mean": 2.5})

    def test_jobs_are_summed_and_kept(self):
        d = fio_json()
        d["jobs"] *= 2
        s = fio.parse(json.dumps(d))
        self.assertEqual((s["iops"], s["each_iops"]), (2000, [1000, 1000]))

    def test_no_latency_under_gtod_reduce(self):
        self.assertIsNone(fio.parse(json.dumps(fio_json(clat_ns={})))["lat_us"])

    def test_failures_are_said(self):
        bad = fio_json()
        bad["jobs"][0]["error"] = 5
        for text in ("", "{", "{}", json.dumps(bad), json.dumps(fio_json(total_ios=0))):
            self.assertRaises(procs.Failed, fio.parse, text)

    def test_command(self):
        c = fio.command(rows.Point(32, batch=16, rate=500), ["--ioengine=x"], 2)
        for word in ("--iodepth=32", "--iodepth_batch_submit=16", "--rate_iops=500",
                     "--iodepth_batch_complete_max=32", "--runtime=2"):
            self.assertIn(word, c)
        self.assertNotIn("--gtod_reduce=1", c)

    def test_client_json(self):
        s = sides.parse_bench('{"iops": 10, "bytes_per_s": 40960, "ios": 20, '
                              '"lat_ns": {"p50": 1500, "max": 9}}')
        self.assertEqual(s["lat_us"], {"p50": 1.5})
        self.assertRaises(procs.Failed, sides.parse_bench, "{}")


class NetworkJson(unittest.TestCase):
    IPERF = {"end": {"sum_sent": {"bytes": 1100, "bits_per_second": 8800, "retransmits": 3},
                     "sum_received": {"bytes": 1000, "bits_per_second": 8000}}}

    def test_iperf_counts_what_arrived(self):
        s = netsides.parse_iperf(json.dumps(self.IPERF))
        self.assertEqual(s, {"bytes_per_s": 1000, "bytes": 1000, "retransmits": 3})
        load.Stream().derive(s, 0.5)
        self.assertEqual((s["gbit_per_s"], s["gbit_per_cpu_s"]), (8e-6, 16e-6))

    def test_netrr(self):
        s = netsides.parse_netrr('{"asks": 10, "asks_per_s": 5, "lost": 1, '
                                 '"lat_ns": {"p50": 7000, "p99": 9000, "max": 1}}')
        load.Asking().derive(s, 1e-3)
        self.assertEqual((s["p50_us"], s["p99_us"], s["cpu_us_per_ask"]), (7, 9, 100))

    def test_packets(self):
        s = pktsides.parse_netfront('{"tx_packets":200,"rx_packets":0,"seconds":2.0}', "tx")
        load.Packets(125).derive(s, 1e-6)
        self.assertEqual((s["pps"], s["gbit_per_s"], s["cpu_ns_per_packet"]),
                         (100, 1e-4, 5))

    def test_failures_are_said(self):
        nothing = json.loads(json.dumps(self.IPERF))
        nothing["end"]["sum_received"]["bytes"] = 0
        for text in ("", "{}", '{"error": "unable to connect"}', json.dumps(nothing)):
            self.assertRaises(procs.Failed, netsides.parse_iperf, text)
        self.assertRaises(procs.Failed, netsides.parse_netrr, "{}")
        for text in ("", "{}", '{"tx_packets":0,"seconds":1}'):
            self.assertRaises(procs.Failed, pktsides.parse_netfront, text, "tx")


class Namespaces(unittest.TestCase):
    def test_two_that_are_not_ours_and_go(self):
        try:
            pair = netns.Pair()
        except procs.Failed as e:
            self.skipTest(str(e))
        here = os.readlink("/proc/self/ns/net")
        try:
            spaces = [procs.run(pair.inside(end, ["readlink", "/proc/self/ns/net"]))[0]
                      for end in (pair.left, pair.right)]
            self.assertEqual(len({here + "\n", *spaces}), 3)
        finally:
            pids = [pair.left.pid, pair.right.pid]
            pair.close()
        for pid in pids:
            self.assertFalse(os.path.exists(f"/proc/{pid}"))


class Pages(unittest.TestCase):
    """What is put back is put back when the benchmark is killed, too."""

    def killed(self, sig):
        with tempfile.NamedTemporaryFile("w+") as f:
            f.write("7\n")
            f.flush()
            code = (f"import sys,time; sys.path.insert(0, {BENCH!r})\n"
                    "from tandembench import pktsides\n"
                    f"pktsides._HUGEPAGES = {f.name!r}\n"
                    "n = iter((0, 1 << 20))\npktsides._free_pages = lambda: next(n)\n"
                    "h = pktsides.Hugepages()\nprint(h.ensure(), flush=True)\n"
                    "time.sleep(60)\n")
            b = subprocess.Popen([sys.executable, "-B", "-c", code],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True)
            self.assertEqual(b.stdout.readline(), "True\n")
            with open(f.name) as now:
                self.assertEqual(int(now.read()), 7 + pktsides._NEEDED)
            with open(f.name, "w") as now:  # somebody else takes two more
                now.write(f"{9 + pktsides._NEEDED}\n")
            b.send_signal(sig)
            b.wait(20)
            b.stdout.close()
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                with open(f.name) as now:
                    if now.read() == "9\n":
                        return True
                time.sleep(0.02)
            return False

    def test_killed(self):
        self.assertTrue(self.killed(signal.SIGKILL))
        self.assertTrue(self.killed(signal.SIGINT))


def runs(*iops):
    return runner.collect([
        {"iops": i, "bytes_per_s": i * 4096, "cpu_us_per_io": 2.0, "round_trip_us": 1e6 / i,
         "lat_us": {"p50": 1, "p99": 2, "p99.9": 3}, "cmd": ["x"], "client_cpu_s": 1.0,
         "server_cpu_s": 0.0, "ios": i} for i in iops])


POINT = rows.Point(32)
ROW = rows.Row("BX", "x", ("a", "b", "c"), (POINT,), ())


def judged(target, **side_runs):
    out = {"points": [{"name": POINT.name, "sides": side_runs}]}
    return next(runner.judge(target, ROW, out))


class Verdicts(unittest.TestCase):
    def test_met_and_missed_against_the_best_peer(self):
        t = rows.Target("iops", 0.8, "a", ("b", "c"))
        v = judged(t, a=runs(90, 95), b=runs(100, 100), c=runs(50, 50))
        self.assertEqual((v["verdict"], v["against"]), ("met", "b"))
        self.assertEqual(v["spread"], [0.9, 0.95])
        v = judged(t, a=runs(70, 75), b=runs(100, 100), c=runs(50, 50))
        self.assertEqual(v["verdict"], "missed")

    def test_at_most_takes_the_lowest_peer(self):
        t = rows.Target("round_trip_us", 1.3, "a", ("b", "c"), at_most=True)
        v = judged(t, a=runs(100), b=runs(200), c=runs(100))
        self.assertEqual((v["against"], v["value"], v["verdict"]), ("b", 2.0, "missed"))

    def test_absolute(self):
        t = rows.Target("iops", 1000, "a")
        self.assertEqual(judged(t, a=runs(1500))["verdict"], "met")
        self.assertEqual(judged(t, a=runs(500))["verdict"], "missed")

    def test_a_missing_side_is_not_a_result(self):
        t = rows.Target("iops", 0.8, "a", ("b",))
        self.assertEqual(judged(t, b=runs(1))["verdict"], "not measured")
        self.assertEqual(judged(t, a=runs(1))["verdict"], "not measured")


class Loads(unittest.TestCase):
    def test_each_has_labels_and_a_sweep_begins_at_its_point(self):
        for kind in load.KINDS.values():
            for m in kind.metrics:
                self.assertIn(m, load.LABELS)
        self.assertEqual([x for x, _ in rows.Point(32).sweep(True)], [1, 32])
        line = dict(rows.Packets(64, way="in").sweep(False))
        self.assertEqual({p.way for p in line.values()}, {"in"})
        self.assertEqual(line[1500].size, 1500)

    def test_a_row_measures_what_its_targets_are_about(self):
        for r in rows.ROWS:
            self.assertLessEqual(len({p.kind for p in r.points}), 1, r.id)
            for t in r.targets:
                self.assertIn(t.metric, r.points[0].metrics, r.id)


class Rows(unittest.TestCase):
    def test_every_side_exists(self):
        known = main.SIDES
        for r in rows.ROWS:
            for name in r.sides + r.sweep:
                self.assertIn(name, known, r.id)
            for t in r.targets:
                for name in (t.ours, *t.against):
                    self.assertIn(name, r.sides, f"{r.id}: a target's side is not run")
                self.assertLess(max(t.points, default=-1), len(r.points))

    def test_find(self):
        self.assertEqual([r.id for r in rows.find("b2,B1")], ["B2", "B1"])
        self.assertEqual(len(rows.find(None)), len(rows.ROWS))
        self.assertRaisesRegex(ValueError, "B77", rows.find, "B1,B77")

    def test_vdev_names(self):
        self.assertEqual([many.vdev(i) for i in (0, 25, 26, 255)],
                         ["xvda", "xvdz", "xvdaa", "xvdiv"])


class Tags(HTMLParser):
    VOID = {"meta", "br", "path", "use"}

    def __init__(self):
        super().__init__()
        self.open, self.urls = [], []

    def handle_starttag(self, tag, attrs):
        self.urls += [v for k, v in attrs if k in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass


def result():
    sides_ = {"tandem-<x>": runs(70, 75), "fio-null": runs(100, 100)}
    t = rows.Target("iops", 0.8, "tandem-<x>", ("fio-null",))
    point = {"point": {}, "name": POINT.name, "sides": sides_}
    line = [{"qd": q, "iops": 10 * q, "bytes_per_s": 1, "cpu_us_per_io": 1,
             "lat_us": {"p50": 1, "p99": 2, "p99.9": 3}} for q in (1, 32)]
    row = {"id": "BX", "title": "x", "notes": "", "points": [point], "extra": {"ring": [1]},
           "sweep": {"tandem-<x>": line, "fio-null": line},
           "missing": {"peer": "qemu & co is not installed"},
           "targets": list(runner.judge(t, ROW, {"points": [point]}))}
    return {"argv": ["run"], "started": "now", "quick": False, "seconds": 1, "repeats": 2,
            "size": 1 << 20, "rows": [row],
            "machine": {"cpu": "c", "versions": {"fio": "fio-3.33"}}}


class Report(unittest.TestCase):
    def test_a_network_row(self):
        point = rows.Packets(64)
        sample = {"pps": 2e6, "gbit_per_s": 1.0, "cpu_ns_per_packet": 90, "lat_us": None,
                  "cmd": ["x"]}
        sides_ = {"tandem-x": runner.collect([sample, sample], point.metrics)}
        r = result()
        r["rows"][0] |= {
            "points": [{"kind": "packets", "point": vars(point), "name": point.name,
                        "sides": sides_}],
            "sweep": {"tandem-x": [{"size": s, **sample} for s in (64, 1500)]}}
        page = report.html(json.loads(json.dumps(r)))
        self.assertIn("<th>CPU ns per packet</th>", page)
        self.assertIn("<td>2 M</td>", page)
        if report.plot.available():
            self.assertIn("million packets per second", page)
            self.assertIn("bytes a packet", page)

    def test_a_loss_is_shown_and_the_page_stands_alone(self):
        page = report.html(json.loads(json.dumps(result())))
        self.assertIn('<span class="missed">missed</span>', page)
        self.assertIn("qemu &amp; co is not installed", page)
        self.assertNotIn("tandem-<x>", page)
        tags = Tags()
        tags.feed(page)
        self.assertEqual([u for u in tags.urls if not u.startswith("#")], [])
        if report.plot.available():
            self.assertEqual(page.count("<svg"), 2)

    def test_text(self):
        text = report.text(result())
        self.assertIn("missed", text)
        self.assertIn("not measured: peer", text)


class Processes(unittest.TestCase):
    def test_run(self):
        out, cpu = procs.run(["sh", "-c", "echo hi; i=0; while [ $i -lt 60000 ]; do "
                              "i=$((i+1)); done"])
        self.assertEqual(out, "hi\n")
        self.assertGreater(cpu, 0.005)

    def test_failure_says_why(self):
        with self.assertRaisesRegex(procs.Failed, "exit 3: error: no luck"):
            procs.run(["sh", "-c", "echo error: no luck >&2; exit 3"])
        with self.assertRaisesRegex(procs.Failed, "/no/such"):
            procs.run(["/no/such"])

    def test_a_time_out_ends_it(self):
        with self.assertRaisesRegex(procs.Failed, "not done"):
            procs.run(["sleep", "60"], timeout=0.1)
        self.assertEqual(procs._live, {})

    def test_cpu_of_a_live_process(self):
        p = procs.spawn(["sh", "-c", "while :; do :; done"])
        try:
            time.sleep(0.3)
            used = procs.cpu_seconds(p.pid)
        finally:
            procs.end(p)
        self.assertTrue(0.01 < used < 0.5, used)
        self.assertEqual(procs.cpu_seconds(p.pid), 0)

    def killed(self, sig):
        """A benchmark with a child that ignores SIGTERM gets sig: is the child gone?"""
        code = (f"import sys,time; sys.path.insert(0, {BENCH!r})\n"
                "from tandembench import procs\nprocs.guard(0.3)\n"
                "p = procs.spawn(['sh', '-c', 'trap : TERM; while :; do sleep 0.1; done'])\n"
                "print(p.pid, flush=True)\ntime.sleep(60)\n")
        b = subprocess.Popen([sys.executable, "-B", "-c", code], stdout=subprocess.PIPE,
                             text=True)
        child = int(b.stdout.readline())
        b.send_signal(sig)
        b.wait(20)
        b.stdout.close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with open(f"/proc/{child}/stat") as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return True  # dead; its new parent has not looked yet
            except (FileNotFoundError, ProcessLookupError):
                return True
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        return False

    def test_interrupted(self):
        self.assertTrue(self.killed(signal.SIGINT))
        self.assertTrue(self.killed(signal.SIGTERM))

    def test_killed(self):
        self.assertTrue(self.killed(signal.SIGKILL))


if __name__ == "__main__":
    unittest.main()
