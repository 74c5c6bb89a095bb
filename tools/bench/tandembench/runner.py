# SPDX-License-Identifier: MIT
"""Runs rows: warm-up, then A B A B, then medians, ratios and verdicts."""
import math

from . import load, procs, report, stats


class Plan:
    """How long and how often."""

    def __init__(self, quick, seconds=None, repeats=None):
        self.seconds = seconds or (1 if quick else 5)
        self.repeats = repeats or (2 if quick else 5)
        self.warmup = 1
        self.sweep_seconds = 1 if quick else 3
        self.quick, self.sweep = quick, True


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
            for name in row.sweep if self.plan.sweep else ():
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
        sides = {n: collect(r, point.metrics) for n, r in runs.items()}
        head = point.metrics[0]
        for n, s in sides.items():
            self.say(f"  {n:24} {report.num(s[head]['median']):>12} {load.LABELS[head]}  "
                     f"±{s[head]['spread'] / 2:.0%}")
        return {"kind": point.kind, "point": vars(point), "name": point.name,
                "sides": sides}

    def sweep(self, row, name, missing):
        """One run a point of the load's sweep, for the plots."""
        line, (key, words) = [], row.points[0].sweep_key
        for x, point in row.points[0].sweep(self.plan.quick):
            try:
                s = self.side(name).run(point, self.plan.sweep_seconds)
            except procs.Failed as e:
                missing[name] = f"at {x} {words}: {e}"
                break
            line.append({key: x, "lat_us": s["lat_us"],
                         **{m: s[m] for m in point.metrics}})
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


def collect(runs, metrics=load.Point.metrics):
    """Runs of one side at one point: medians and spreads, and the runs themselves."""
    out = {m: stats.summary([r[m] for r in runs]) for m in metrics}
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
