# SPDX-License-Identifier: MIT
"""fio: a command line from a point, a sample from its JSON."""
import functools
import json

from . import procs, stats

PERCENTILES = {"p50": "50.000000", "p99": "99.000000", "p99.9": "99.900000"}


def command(point, engine, seconds, files=None):
    """engine: list of options that name the engine and the file(s)."""
    cmd = ["fio", "--output-format=json", "--time_based", f"--runtime={seconds}",
           f"--rw={point.rw}", f"--bs={point.bs}", f"--iodepth={point.qd}",
           "--norandommap", "--randrepeat=1", "--group_reporting=0",
           "--verify_state_save=0"]
    if point.batch > 1:
        cmd += [f"--iodepth_batch_submit={point.batch}", "--iodepth_batch_complete_min=1",
                f"--iodepth_batch_complete_max={point.qd}"]
    if not point.lat:
        cmd += ["--gtod_reduce=1"]
    if point.rate:
        cmd += [f"--rate_iops={point.rate}"]
    if point.size:
        cmd += [f"--size={point.size}"]
    cmd += engine
    for i, f in enumerate(files or []):
        cmd += [f"--name=j{i}", f"--filename={f}"]
    if not files:
        cmd += ["--name=bench"]
    return cmd


def parse(text):
    """The one sample that fio's JSON holds, all jobs summed. Latencies in µs."""
    start = text.find("{")
    if start < 0:
        raise procs.Failed("fio printed no JSON")
    try:
        jobs = json.loads(text[start:text.rindex("}") + 1])["jobs"]
    except (ValueError, KeyError) as e:
        raise procs.Failed(f"fio's JSON cannot be read: {e}") from None
    iops = bytes_s = ios = 0
    lat, each = None, []
    for job in jobs:
        if job.get("error"):
            raise procs.Failed(f"fio: job error {job['error']}")
        own = 0
        for way in ("read", "write"):
            d = job[way]
            if not d["total_ios"]:
                continue
            own += d["iops"]
            bytes_s += d["bw_bytes"]
            ios += d["total_ios"]
            pct = d.get("clat_ns", {}).get("percentile")
            if pct and lat is None:  # of several jobs, the first one's
                lat = {k: pct[v] / 1e3 for k, v in PERCENTILES.items()}
                lat["mean"] = d["lat_ns"]["mean"] / 1e3
        iops += own
        each.append(own)
    if not ios:
        raise procs.Failed("fio did no I/O")
    return {"iops": iops, "bytes_per_s": bytes_s, "ios": ios, "lat_us": lat,
            "each_iops": each if len(each) > 1 else None}


@functools.cache
def startup_cpu():
    """What fio takes to start and end: not part of any I/O's cost, and left in it
    would move the ratio of two costs towards 1."""
    cmd = ["fio", "--name=start", "--ioengine=null", "--filesize=16m", "--rw=randread",
           "--number_ios=1", "--output-format=json"]
    return stats.median([procs.run(cmd)[1] for _ in range(3)])


def run(point, engine, seconds, env=None, files=None, cpus=None):
    cmd = command(point, engine, seconds, files)
    start = startup_cpu()
    text, cpu = procs.run(cmd, env, timeout=seconds * 3 + 60, cpus=cpus)
    return {**parse(text), "client_cpu_s": max(0.0, cpu - start), "cmd": cmd}


def fill(engine, size, env=None):
    """Writes the whole device once."""
    procs.run(["fio", "--name=fill", "--rw=write", "--bs=256k", "--iodepth=8",
               f"--size={size}", "--randrepeat=1", "--verify_state_save=0"] + engine, env, timeout=300)
