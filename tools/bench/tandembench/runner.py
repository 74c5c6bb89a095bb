# SPDX-License-Identifier: MIT
"""Runs rows: warm-up, then A B A B, then medians, ratios and verdicts."""
import math

from . import procs, rows, stats

METRICS = ("iops", "bytes_per_s", "cpu_us_per_io", "round_trip_us")


class Plan:
    """How long and how often."""

    def __init__(self, quick, seconds=None, repeats=None):
        self.seconds = seconds or (1 if quick else 5)
        self.repeats = repeats or (2 if quick else 5)
        self.warmup = 1
        self.sweep_seconds = 1 if quick else 3
        self.qds = (1, 32) if quick else rows.QDS


class Runner:
    def __init__(self, ctx, plan, say):
        self.ctx, self.plan, self.say = ctx, plan, say
        self.sides = {}

    def side(self, name):
        if name not in self.sides:
            self.sides[name] = self.ctx.make_side(name)
        return self.sides[name]

    def stop_sides(self):
        for s in self.sides.values():
            s.stop()
        self.sides = {}

    def row(self, row):
        """Everything of one row, as it goes into the JSON."""
        out = {"id": row.id, "title": row.title, "notes": row.notes, "points": [],
               "sweep": {}, "missing": {}, "targets": [], "extra": {}}
        try:
            for point in row.points:
                self.say(f"{row.id}: {point.name}")
                out["points"].append(self.point(row.sides, point, out["missing"]))
            for name in row.sweep:
                if name not in out["missing"]:
                    out["sweep"][name] = self.sweep(row, name, out["missing"])
            for name in row.extra:
                self.extra(row, name, out)
        finally:
            self.stop_sides()
        out["targets"] = [v for t in row.targets for v in judge(t, row, out)]
        out["targets"] += out["extra"].pop("targets", [])
        return out

    def point(self, names, point, missing):
        """A B A B: every repeat runs each side once, in the same order."""
        runs = {}
        for name in names:
            if name in missing:
                continue
            try:
                self.side(name).run(point, self.plan.warmup)
                self.side(name).quiesce()
                runs[name] = []
            except procs.Failed as e:
                missing[name] = str(e)
                self.say(f"  {name}: not measured: {e}")
        for _ in range(self.plan.repeats):
            for name in list(runs):
                try:
                    runs[name].append(self.side(name).run(point, self.plan.seconds))
                except procs.Failed as e:
                    missing[name] = str(e)
                    del runs[name]
                    self.say(f"  {name}: not measured: {e}")
                    continue
                self.side(name).quiesce()
        sides = {n: collect(r) for n, r in runs.items()}
        for n, s in sides.items():
            self.say(f"  {n:24} {s['iops']['median']:>12,.0f} IOPS  "
                     f"±{s['iops']['spread'] / 2:.0%}")
        return {"point": vars(point), "name": point.name, "sides": sides}

    def sweep(self, row, name, missing):
        """One run a queue depth, with latencies, for the plots."""
        line = []
        for qd in self.plan.qds:
            point = rows.sweep_point(row, qd)
            try:
                s = self.side(name).run(point, self.plan.sweep_seconds)
            except procs.Failed as e:
                missing[name] = f"at queue depth {qd}: {e}"
                break
            line.append({"qd": qd, "iops": s["iops"], "bytes_per_s": s["bytes_per_s"],
                         "lat_us": s["lat_us"], "cpu_us_per_io": s["cpu_us_per_io"]})
            self.side(name).quiesce()
        return line

    def extra(self, row, name, out):
        try:
            result, targets = self.ctx.extras[name](self, row, out["missing"])
            out["extra"][name] = result
            out["extra"].setdefault("targets", []).extend(targets)
        except procs.Failed as e:
            out["missing"][name] = str(e)
            self.say(f"  {name}: not measured: {e}")


def collect(runs):
    """Runs of one side at one point: medians and spreads, and the runs themselves."""
    out = {m: stats.summary([r[m] for r in runs]) for m in METRICS}
    lats = [r["lat_us"] for r in runs if r["lat_us"]]
    out["lat_us"] = {k: stats.median([l[k] for l in lats]) for k in lats[0]} if lats else None
    out["cmd"] = runs[0]["cmd"]
    out["runs"] = [{k: v for k, v in r.items() if k != "cmd"} for r in runs]
    return out


def judge(target, row, out):
    """One verdict a point: met, missed, or not measured."""
    for i in target.points or range(len(row.points)):
        yield _judge_point(target, row, out["points"][i])


def _judge_point(t, row, point):
    sides = point["sides"]
    v = {"row": row.id, "point": point["name"], "metric": t.metric, "ours": t.ours,
         "bound": t.bound, "at_most": t.at_most, "note": t.note, "against": None,
         "value": None, "spread": None, "verdict": "not measured"}
    peers = [n for n in t.against if n in sides]
    if t.ours not in sides or (t.against and not peers):
        v["against"] = " / ".join(t.against) or None
        return v
    ours = [r[t.metric] for r in sides[t.ours]["runs"]]
    if peers:
        better = min if t.at_most else max
        best = better(peers, key=lambda n: sides[n][t.metric]["median"])
        v["against"] = best
        ours = stats.paired_ratios(ours, [r[t.metric] for r in sides[best]["runs"]])
    v["value"] = stats.median(ours)
    v["spread"] = [min(ours), max(ours)]
    met = v["value"] <= t.bound if t.at_most else v["value"] >= t.bound
    v["verdict"] = "met" if met and math.isfinite(v["value"]) else "missed"
    return v
