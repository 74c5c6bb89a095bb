# SPDX-License-Identifier: MIT
"""Measurements that are not a side beside a side: the ring alone, idle, many disks.

Each returns (what goes into the JSON, verdicts).
"""
import json
import time

from . import procs, stats


def verdict(row, point, metric, ours, bound, value, at_most, note="", against=None):
    met = value <= bound if at_most else value >= bound
    return {"row": row.id, "point": point, "metric": metric, "ours": ours, "bound": bound,
            "at_most": at_most, "note": note, "against": against, "value": value,
            "spread": None, "verdict": "met" if met else "missed"}


def ring(runner, row, _missing):
    """The shared ring between two pinned threads: the bound of every path over it."""
    exe = runner.ctx.tool("bench/ringbench")
    out = []
    for mode in (["--net"],) if row.id[0] == "N" else ([], ["--bare"]):
        for qd in (1, 32, 128):
            cmd = [exe, "--qd", str(qd), "--time", str(min(2, runner.plan.seconds)), *mode]
            runs = [json.loads(procs.run(cmd)[0]) for _ in range(runner.plan.repeats)]
            out.append({"cmd": cmd, "mode": runs[0]["mode"], "qd": qd,
                        "per_s": stats.summary([r["per_s"] for r in runs])})
            runner.say(f"  ring alone, {runs[0]['mode']}, QD{qd}: "
                       f"{out[-1]['per_s']['median']:,.0f}/s")
    return out, []


def idle(runner, row, _missing):
    """CPU of both ends while a disk is open and nothing is asked of it."""
    ctx, out, targets = runner.ctx, {}, []
    seconds = max(3, runner.plan.seconds)
    for name in ("tandem-ram-lib",):
        side = runner.side(name)
        side.ensure()
        holder = procs.spawn([ctx.tool("bench/tdblk"), *side.files(), "--hold"], side.env())
        try:
            time.sleep(2)  # opened, read once, gone to sleep
            if holder.poll() is not None:
                raise procs.Failed(f"tdblk --hold ended with {holder.returncode}")
            pids = {"frontend": [holder.pid], "backend": side.pids()}
            before = {k: _usage(v) for k, v in pids.items()}
            time.sleep(seconds)
            used = {k: [a - b for a, b in zip(_usage(v), before[k])]
                    for k, v in pids.items()}
        finally:
            procs.end(holder)
        out[name] = {k: dict(zip(("cpu_s", "ticks", "switches"), u))
                     for k, u in used.items()} | {"seconds": seconds}
        for end in pids:
            targets.append(verdict(row, f"idle {seconds} s, {end}", "CPU ticks", name, 0,
                                   used[end][1], True,
                                   f"{used[end][2]} voluntary context switches"))
    return out, targets


def _usage(pids):
    return [sum(procs.cpu_seconds(p) for p in pids), sum(procs.cpu_ticks(p) for p in pids),
            sum(procs.switches(p) for p in pids)]


def many(runner, row, missing):
    """B10: the same load over 1 to 256 disks of one backend process."""
    return runner.ctx.many(runner, row, verdict, missing)


def vifs(runner, row, missing):
    """N7: the same load between 2 and 64 vifs of one switch."""
    return runner.ctx.netmany(runner, row, verdict, missing)


EXTRAS = {"ring": ring, "idle": idle, "many": many, "vifs": vifs}
