# SPDX-License-Identifier: MIT
"""B10: the same load over 1, 16 and 256 disks of one backend process."""
from . import fio, procs, stats
from .rows import Point
from .tandem import TandemSide

COUNTS = (1, 16, 256)
DISK = 1 << 20  # bytes a disk: 256 of them stay in the cache as one does


class ManySide(TandemSide):
    """One blkback with `n` small RAM disks; fio drives them all, one thread a disk."""

    def start(self):
        inst = self.ctx.instance
        self.guest, self.drv = f"g-{self.name}", f"d-{self.name}"
        inst.domain(self.guest)
        self.servers = [inst.blkback(self.drv)]
        self.rss_empty = rss(self.servers[0].pid)
        for i in range(self.opts["n"]):
            inst.cli("block-attach", self.guest,
                     f"format=raw,backendtype=ram,vdev={vdev(i)},access=w,"
                     f"backend={self.drv},target={DISK}")

    def stop(self):
        self.vdev = vdev(0)
        super().stop()

    def files(self):
        return [f"{self.guest}/{vdev(i)}" for i in range(self.opts["n"])]

    def client(self, point, seconds):
        so = self.ctx.built("frontends/fio/tandem.so")
        return fio.run(point, [f"--ioengine=external:{so}", "--thread"], seconds,
                       self.env(), self.files())


def vdev(i):
    """xvda ... xvdz, xvdaa ...: Xen's names."""
    letters = ""
    i += 1
    while i:
        i, r = divmod(i - 1, 26)
        letters = chr(ord("a") + r) + letters
    return f"xvd{letters}"


def rss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(l.split()[1]) << 10 for l in f if l.startswith("Pss:"))


def run(runner, row, verdict):
    out, total = {}, {}
    sides = {n: ManySide(f"many{n}", runner.ctx, n=n) for n in COUNTS}
    try:
        for n, side in sides.items():
            side.ensure()
            quiet = (rss(side.servers[0].pid) - side.rss_empty) / n - DISK
            out[f"{n} vbds"] = {"quiet_bytes_each": quiet}
        runs = {n: [] for n in COUNTS}
        for _ in range(runner.plan.repeats):
            for n, side in sides.items():
                point = Point(max(1, 32 // n), lat=False)
                runs[n].append(side.run(point, runner.plan.seconds))
                side.quiesce()
        for n in COUNTS:
            total[n] = stats.summary([r["iops"] for r in runs[n]])
            fair = [stats.jain(r["each_iops"]) for r in runs[n] if r["each_iops"]]
            out[f"{n} vbds"] |= {"iops": total[n],
                                 "jain": stats.median(fair) if fair else 1.0}
    except (OSError, KeyError) as e:
        raise procs.Failed(f"many vbds: {e}") from None
    finally:
        for side in sides.values():
            side.stop()
    base = [r["iops"] for r in runs[1]]
    targets = []
    for n in COUNTS[1:]:
        ratio = stats.median(stats.paired_ratios([r["iops"] for r in runs[n]], base))
        now = out[f"{n} vbds"]
        where = f"{n} vbds"
        targets += [verdict(row, where, "iops", "tandem", 0.9, ratio, False, "", "1 vbd"),
                    verdict(row, where, "Jain's index", "tandem", 0.95, now["jain"], False),
                    verdict(row, where, "bytes a quiet vbd", "tandem", 256 << 10,
                            now["quiet_bytes_each"], True)]
    return out, targets
