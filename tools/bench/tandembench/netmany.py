# SPDX-License-Identifier: MIT
"""N7: the same load over 1 to 32 pairs of vifs on one switch of one backend process."""
import json

from . import many, procs, stats
from .load import Packets
from .tandem import TandemSide

COUNTS = (2, 64)  # vifs: of each pair one sends to the other
PER_GUEST = 16    # a guest's xenstore quota has no room for 64


class Vifs(TandemSide):
    """One netback with `n` vifs on a switch; tdnet drives them all, a thread a vif."""

    @property
    def needs(self):
        t = self.ctx.tool
        return (t("tandem"), t("tandem-hvd"), t("tandem-netback"), t("bench/tdnet"))

    def start(self):
        inst = self.ctx.instance
        self.drv = f"d-{self.name}"
        self.servers = [inst.backend("tandem-netback", self.drv, "--switch",
                                     self.name)]
        for i in range(self.opts["n"]):
            inst.domain(self.guest_of(i))
            inst.cli("network-attach", self.guest_of(i),
                     f"port=switch:{self.name},backend={self.drv}")

    def guest_of(self, i):
        return f"g-{self.name}-{i // PER_GUEST}"

    def client(self, point, seconds):
        cmd = [self.ctx.tool("bench/tdnet"), "--time", str(seconds),
               "--size", str(point.size),
               *(f"{self.guest_of(i)}/{i % PER_GUEST}" for i in range(self.opts["n"]))]
        text, cpu = procs.run(cmd, self.env(), timeout=seconds + 60,
                              cpus=self.ctx.client_cpus)
        d = json.loads(text)
        return {**{k: d[k] for k in ("packets", "pps", "each_pps")}, "lat_us": None,
                "client_cpu_s": cpu, "cmd": cmd}

    def stop(self):
        for p in self.servers:
            procs.end(p)
        self.servers, self.up = [], False


def run(runner, row, verdict, missing):
    sides = {n: Vifs(f"vifs{n}", runner.ctx, n=n) for n in COUNTS}
    runs = {n: [] for n in COUNTS}
    try:
        many.measure(runner, sides, runs, missing, lambda n: Packets(64), "vifs")
    finally:
        for side in sides.values():
            side.stop()
    out, targets = {}, []
    for n in runs:
        fair = stats.median([stats.jain(r["each_pps"]) for r in runs[n]])
        out[f"{n} vifs"] = {"pps": stats.summary([r["pps"] for r in runs[n]]),
                            "jain": fair}
        runner.say(f"  {n} vifs: {out[f'{n} vifs']['pps']['median']:,.0f} packets/s")
        if n > 2 and 2 in runs:
            ratio = stats.median(stats.paired_ratios([r["pps"] for r in runs[n]],
                                                     [r["pps"] for r in runs[2]]))
            targets += [verdict(row, f"{n} vifs", "pps", "tandem", 0.9, ratio, False, "",
                                "2 vifs"),
                        verdict(row, f"{n} vifs", "Jain's index", "tandem", 0.95, fair,
                                False)]
    return out, targets
