# SPDX-License-Identifier: MIT
"""B10: the same load over 1 to 256 disks of one backend process."""
import threading

from . import fio, procs, stats
from .rows import Point
from .tandem import TandemSide

COUNTS = (1, 16, 64, 256)
DISK = 1 << 20  # bytes a disk
PER_GUEST = 16  # disks; a guest's xenstore quota has no room for 256


class ManySide(TandemSide):
    """One blkback with `n` small RAM disks; fio drives them all, one thread a disk."""

    def start(self):
        inst = self.ctx.instance
        self.drv = f"d-{self.name}"
        self.servers = [inst.blkback(self.drv)]
        self.pss = []
        self.pss_empty = pss(self.servers[0].pid)
        for guest, dev in self.disks():
            inst.domain(guest)
            inst.cli("block-attach", guest,
                     f"format=raw,backendtype=ram,vdev={dev},access=w,"
                     f"backend={self.drv},target={DISK}")

    def disks(self):
        return [(f"g-{self.name}-{i // PER_GUEST}", vdev(i % PER_GUEST))
                for i in range(self.opts["n"])]

    def stop(self):
        for p in self.servers:
            procs.end(p)
        self.servers, self.up = [], False

    def files(self):
        return ["/".join(d) for d in self.disks()]

    def client(self, point, seconds):
        """Memory is looked at half way: then every disk is connected. Nothing was ever
        written to them, so that it is the backend's own."""
        so = self.ctx.built("frontends/fio/tandem.so")
        half = threading.Timer(1 + seconds / 2, self.sample)
        half.start()
        try:
            return fio.run(point, [f"--ioengine=external:{so}", "--thread",
                                   "--tandem_queues=1"], seconds,
                           self.env(), self.files())
        finally:
            half.cancel()

    def sample(self):
        self.pss.append(pss(self.servers[0].pid) - self.pss_empty)


def vdev(i):
    """xvda ... xvdz, xvdaa ...: Xen's names."""
    letters = ""
    i += 1
    while i:
        i, r = divmod(i - 1, 26)
        letters = chr(ord("a") + r) + letters
    return f"xvd{letters}"


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(l.split()[1]) << 10 for l in f if l.startswith("Pss:"))


def measure(runner, sides, runs, missing, point, what):
    """Turn and turn about, as everywhere; a count that fails leaves the others."""
    for _ in range(runner.plan.repeats):
        for n in list(runs):
            try:
                runs[n].append(sides[n].run(point(n), runner.plan.seconds))
                sides[n].quiesce()
            except (procs.Failed, OSError) as e:
                missing[f"{n} {what}"] = str(e)
                runner.say(f"  {n} {what}: not measured: {e}")
                sides[n].stop()
                del runs[n]


def run(runner, row, verdict, missing):
    sides = {n: ManySide(f"many{n}", runner.ctx, n=n) for n in COUNTS}
    runs = {n: [] for n in COUNTS}
    try:
        measure(runner, sides, runs, missing, lambda n: Point(max(1, 32 // n), lat=False),
                "vbds")
    finally:
        for side in sides.values():
            side.stop()
    out, targets = {}, []
    for n in runs:
        fair = [stats.jain(r["each_iops"]) for r in runs[n] if r["each_iops"]]
        out[f"{n} vbds"] = now = {"iops": stats.summary([r["iops"] for r in runs[n]]),
                                  "jain": stats.median(fair) if fair else 1.0}
        if sides[n].pss:
            now["bytes_each"] = stats.median(sides[n].pss) / n
        runner.say(f"  {n} vbds: {now['iops']['median']:,.0f} IOPS")
        if n > 1 and 1 in runs:
            targets += verdicts(row, verdict, n, now, runs)
    return out, targets


def verdicts(row, verdict, n, now, runs):
    ratio = stats.median(stats.paired_ratios([r["iops"] for r in runs[n]],
                                             [r["iops"] for r in runs[1]]))
    where = f"{n} vbds"
    yield verdict(row, where, "iops", "tandem", 0.9, ratio, False, "", "1 vbd")
    yield verdict(row, where, "Jain's index", "tandem", 0.95, now["jain"], False)
    if "bytes_each" in now:
        yield verdict(row, where, "bytes a vbd", "tandem", 256 << 10, now["bytes_each"], True)
