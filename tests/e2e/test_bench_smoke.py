#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tools/bench/run from end to end on a row of disks and one of networks: tandem's sides
and their peers are measured, the results are there, and nothing is left behind.

usage: test_bench_smoke.py BUILD_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NEEDED = ("tools/tandem", "tools/tandem-hvd", "tools/tandem-blkback", "tools/bench/tdblk",
          "tools/tandem-netback", "tools/tandem-netfront", "tools/bench/netrr")
ENGINE = "frontends/fio/tandem.so"


def leftovers(mark):
    """Processes whose environment carries our mark."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if mark.encode() in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return [p for p in found if p != os.getpid()]


def main():
    build = os.path.abspath(sys.argv[1])
    for path in NEEDED:
        if not os.path.exists(os.path.join(build, path)):
            print(f"skipped: {path} is not built")
            return 77
    with tempfile.TemporaryDirectory() as d:
        tmp = os.path.join(d, "tmp")
        os.mkdir(tmp)
        mark = f"BENCH_SMOKE={d}"
        env = {**os.environ, "TMPDIR": tmp, "BENCH_SMOKE": d}
        r = subprocess.run(
            [os.path.join(ROOT, "tools/bench/run"), "--rows", "B2,N5", "--quick", "--seconds",
             "1", "--repeats", "1", "--no-sweep", "--size", "16m", "--scratch", tmp,
             "--build", build, "--out", d], env=env, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=150)
        print(r.stdout)
        assert r.returncode == 0, r.returncode
        with open(os.path.join(d, "results.json")) as f:
            row, network = json.load(f)["rows"]
        ours = ["tandem-ram-lib"]
        if os.path.exists(os.path.join(build, ENGINE)):
            ours.append("tandem-ram")
        for name in ours:
            side = row["points"][0]["sides"].get(name)
            assert side and side["iops"]["median"] > 0, row["missing"]
        for name in ("tandem-tap", "shovel", "veth"):
            side = network["points"][0]["sides"].get(name)
            if side:
                assert side["asks_per_s"]["median"] > 0, side
            else:  # no namespaces, no taps, no iperf3: the reason has to be there
                print(f"{name}: {network['missing'][name]}")
        with open(os.path.join(d, "report.html")) as f:
            page = f.read()
        assert "tandem-ram-lib" in page and "tandem-tap" in page
        assert os.listdir(tmp) == [], f"left in TMPDIR: {os.listdir(tmp)}"
        assert leftovers(mark) == [], "processes left running"
        r = subprocess.run([os.path.join(ROOT, "tools/bench/run"), "--rows", "B77",
                            "--out", d], stderr=subprocess.PIPE, text=True)
        assert r.returncode == 2 and "B77" in r.stderr and r.stderr.count("\n") == 1, r
    return 0


if __name__ == "__main__":
    sys.exit(main())
