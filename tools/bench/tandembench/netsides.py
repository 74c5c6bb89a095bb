# SPDX-License-Identifier: MIT
"""Sides of the network rows that join two namespaces: veth, a shovel between two taps,
tandem's taps. iperf3 or netrr runs in both."""
import json
import os

from . import netns, procs
from .sides import Side

_IPERF, _NETRR = "5201", "5202"
LEFT, RIGHT = "left", "right"  # the interfaces' names


def parse_iperf(text):
    """What arrived, all streams summed."""
    try:
        d = json.loads(text)
        if "error" in d:
            raise procs.Failed(f"iperf3: {d['error']}")
        got, sent = d["end"]["sum_received"], d["end"]["sum_sent"]
        s = {"bytes_per_s": got["bits_per_second"] / 8, "bytes": got["bytes"],
             "retransmits": sent.get("retransmits", 0)}
    except (ValueError, KeyError) as e:
        raise procs.Failed(f"iperf3's JSON cannot be read: {e}") from None
    if not s["bytes"]:
        raise procs.Failed("iperf3: nothing arrived")
    return s


def parse_netrr(text):
    try:
        d = json.loads(text)
        return {"asks": d["asks"], "asks_per_s": d["asks_per_s"], "lost": d["lost"],
                "lat_us": {k: v / 1e3 for k, v in d["lat_ns"].items() if k != "max"}}
    except (ValueError, KeyError) as e:
        raise procs.Failed(f"netrr's JSON cannot be read: {e}") from None


class Joined(Side):
    """Base: two namespaces; join() puts an interface into each."""

    @property
    def needs(self):
        return ("iperf3", "ip", "ethtool", self.ctx.tool("bench/netrr"))

    def start(self):
        self.log = f"{self.ctx.files.run}/{self.name}.log"
        open(self.log, "w").close()
        try:
            self.connect()
        except procs.Failed as e:
            with open(self.log, errors="replace") as f:
                said = f.read().strip().splitlines()
            raise procs.Failed(f"{e}: {said[-1]}" if said else str(e)) from None

    def connect(self):
        self.pair = netns.Pair()
        self.join()
        self.pair.up(LEFT, RIGHT)
        for cmd in (["iperf3", "-s", "-p", _IPERF],
                    [self.ctx.tool("bench/netrr"), "server", netns.RIGHT, _NETRR]):
            self.serve(self.pair.right, cmd, cpus=self.ctx.server_cpus)
        procs.wait_for(f"{self.name}: packets across", self.answers)

    def serve(self, end, cmd, env=None, cpus=None):
        with open(self.log, "ab") as log:
            p = procs.spawn(self.pair.inside(end, cmd), env, log, log, cpus)
        self.servers.append(p)
        return p

    def answers(self):
        try:
            self.ask(0.01, 64)
            return True
        except procs.Failed:
            return False

    def ask(self, seconds, size):
        return self.left([self.ctx.tool("bench/netrr"), "client", netns.RIGHT, _NETRR,
                          "--time", str(seconds), "--size", str(size)], seconds)

    def left(self, cmd, seconds):
        cmd = self.pair.inside(self.pair.left, cmd)
        text, cpu = procs.run(cmd, timeout=seconds * 2 + 20, cpus=self.ctx.client_cpus)
        return text, cpu, cmd

    def client(self, point, seconds):
        if point.kind == "asking":
            text, cpu, cmd = self.ask(seconds, point.size)
            return {**parse_netrr(text), "client_cpu_s": cpu, "cmd": cmd}
        text, cpu, cmd = self.left(
            ["iperf3", "-J", "-c", netns.RIGHT, "-p", _IPERF, "-t", str(round(seconds) or 1),
             "-P", str(point.parallel), *["-R"] * (point.way == "in")], seconds)
        return {**parse_iperf(text), "lat_us": None, "client_cpu_s": cpu, "cmd": cmd}

    def stop(self):
        super().stop()
        if getattr(self, "pair", None):
            self.pair.close()
            self.pair = None


class Veth(Joined):
    def join(self):
        p = self.pair
        p.ip(p.left, "link", "add", LEFT, "type", "veth", "peer", "name", RIGHT, "netns",
             str(p.right.pid))
        if self.opts.get("offloads", True):
            return
        for end, name in ((p.left, LEFT), (p.right, RIGHT)):
            off = [w for f in ("tso", "gso", "gro", "tx", "rx") for w in (f, "off")]
            procs.run(p.inside(end, ["ethtool", "-K", name, *off]), timeout=10)


class Shovel(Joined):
    """tapshovel opens both taps in one namespace; one of them moves."""

    @property
    def needs(self):
        return (*super().needs, self.ctx.tool("bench/tapshovel"))

    def join(self):
        p = self.pair
        shovel = self.serve(p.left, [self.ctx.tool("bench/tapshovel"), LEFT, RIGHT,
                                     *["offload"] * self.opts.get("offloads", True)],
                            cpus=self.ctx.server_cpus)
        procs.wait_for("tapshovel", self.ready, shovel)
        p.ip(p.left, "link", "set", RIGHT, "netns", str(p.right.pid))

    def ready(self):
        with open(self.log) as f:
            return "ready" in f.read()


class TandemTaps(Joined):
    """tap <-> netfront <-> rings <-> netback <-> tap."""

    @property
    def needs(self):
        t = self.ctx.tool
        return (*super().needs, t("tandem"), t("tandem-hvd"), t("tandem-netback"),
                t("tandem-netfront"))

    def join(self):
        inst, p, t = self.ctx.instance, self.pair, self.ctx.tool
        self.guest, self.drv = f"g-{self.name}", f"d-{self.name}"
        inst.domain(self.guest)
        inst.domain(self.drv)
        queues = self.opts.get("queues", 1)
        self.serve(p.right, [t("tandem-netback"), "--domain", self.drv,
                             "--workers", str(queues), *self.opts.get("netback", ())],
                   inst.env, self.ctx.server_cpus)
        inst.cli("network-attach", self.guest,
                 f"port=tap,vifname={RIGHT},queues={queues},backend={self.drv}")
        front = self.serve(p.left, [t("tandem-netfront"), "--domain", self.guest, "--tap",
                                    LEFT, "--queues", str(queues),
                                    *self.opts.get("netfront", ())],
                           inst.env, self.ctx.server_cpus)
        procs.wait_for("the vif's tap", lambda: p.has(p.left, LEFT), front)

    def stop(self):
        if getattr(self, "guest", None):
            try:
                self.ctx.instance.cli("network-detach", "--force", self.guest, "0")
            except procs.Failed:
                pass  # it never was, or the backend is gone
        super().stop()

    def pids(self):
        hvd = self.ctx.instance.hvd
        return super().pids() + ([hvd.pid] if hvd else [])


NO_OFFLOADS = ("--offload", "csum=off,csum6=off,tso4=off,tso6=off")
NO_GSO = ("--offload", "tso4=off,tso6=off")

SIDES = {
    "veth": (Veth, {}),
    "veth-plain": (Veth, dict(offloads=False)),
    "shovel": (Shovel, {}),
    "shovel-plain": (Shovel, dict(offloads=False)),
    "tandem-tap": (TandemTaps, {}),
    "tandem-tap-plain": (TandemTaps, dict(netfront=NO_OFFLOADS)),
    "tandem-tap-nogso": (TandemTaps, dict(netfront=NO_GSO)),
    "tandem-tap-q2": (TandemTaps, dict(queues=2)),
    "tandem-tap-q4": (TandemTaps, dict(queues=4)),
}
