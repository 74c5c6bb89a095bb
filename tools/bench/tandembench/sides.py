# SPDX-License-Identifier: MIT
"""Sides: what a row compares. A side starts its servers, runs a point, and accounts
for the CPU time of every process that took part."""
import json
import os
import shutil
import signal
import time

from . import fio, procs


class Side:
    """Base: no server, fio as the client."""
    needs = ("fio",)  # programs, each with its Debian package in PACKAGES

    def __init__(self, name, ctx, **opts):
        self.name, self.ctx, self.opts = name, ctx, opts
        self.servers = []
        self.up = False

    def missing(self):
        """None, or why this side cannot run here."""
        for prog in self.needs:
            if not os.path.isabs(prog) and not shutil.which(prog):
                return f"{prog} is not installed (package {PACKAGES.get(prog, prog)})"
            if os.path.isabs(prog) and not os.path.exists(prog):
                return f"{prog} is not built"
        return None

    def ensure(self):
        if self.up:
            return
        why = self.missing()
        if why:
            raise procs.Failed(why)
        try:
            self.start()
            if self.opts.get("fill"):  # memory never written would be read as one zero page
                self.fill()
        except BaseException:
            self.stop()
            raise
        self.up = True

    def start(self):
        pass

    def fill(self):
        fio.fill(self.engine(), self.ctx.files.size, self.env())

    def stop(self):
        for p in reversed(self.servers):
            procs.end(p)
        self.servers, self.up = [], False

    def pids(self):
        return [p.pid for p in self.servers]

    def server_cpu(self):
        return sum(procs.cpu_seconds(pid) for pid in self.pids())

    def quiesce(self, seconds=5.0):
        """Waits until the servers have gone to sleep, so that they take nothing from
        the side that runs next. Returns whether they did."""
        self.pause(True)
        deadline = time.monotonic() + seconds
        before = self.server_cpu()
        while self.pids() and time.monotonic() < deadline:
            time.sleep(0.05)
            now = self.server_cpu()
            if now - before < 0.002:
                return True
            before = now
        return not self.pids()

    def client(self, point, seconds):
        """-> lat_us, client_cpu_s, cmd, and what the load's derive() starts from: of
        block I/O iops, bytes_per_s, ios."""
        return fio.run(point, self.engine(), seconds, self.env(), cpus=self.ctx.client_cpus)

    def engine(self):
        raise NotImplementedError

    def env(self):
        return None

    def pause(self, paused):
        """A server that polls for ever would run in the other side's turn."""
        if self.opts.get("restless"):
            for p in self.servers:
                os.kill(p.pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def run(self, point, seconds):
        self.ensure()
        self.pause(False)
        busy, steal = procs.machine_busy()
        cpu = self.server_cpu()
        s = self.client(point, seconds)
        s["server_cpu_s"] = self.server_cpu() - cpu
        busy2, steal2 = procs.machine_busy()
        own = s["client_cpu_s"] + s["server_cpu_s"]
        s["foreign_cpu_s"] = max(0.0, busy2 - busy - own)
        s["stolen_cpu_s"] = steal2 - steal
        point.derive(s, own)
        return s


class FioSide(Side):
    """fio straight on a file, or on nothing."""

    def engine(self):
        o = [f"--ioengine={self.opts['engine']}"]
        where = self.opts.get("file")
        if where == "raw":
            o += [f"--filename={self.ctx.files.raw()}", "--direct=1"]
        elif where == "tmpfs":
            o += [f"--filename={self.ctx.files.tmpfs()}"]
        o += [f"--filesize={self.ctx.files.size}"]
        return o + list(self.opts.get("extra", ()))


class ServedSide(Side):
    """A server on a unix socket; command() gives its command line."""

    def start(self):
        self.socket = f"{self.ctx.files.run}/{self.name}.s"
        p = procs.spawn(self.command(), cpus=self.ctx.server_cpus)
        self.servers = [p]
        procs.wait_for(self.name, lambda: os.path.exists(self.socket), p)
        time.sleep(0.1)

    def stop(self):
        super().stop()
        if getattr(self, "socket", None) and os.path.exists(self.socket):
            os.unlink(self.socket)

    def engine(self):  # an NBD server, unless client() is overridden
        return ["--ioengine=nbd", f"--uri=nbd+unix:///?socket={self.socket}"]


def _qemu_node(files, kind):
    if kind == "null":
        return f"null-co,size={files.size},read-zeroes=on"
    path = files.tmpfs() if kind == "tmpfs" else files.raw()
    direct = ",cache.direct=on" if kind == "raw" else ""
    return f"file,filename={path},aio={'io_uring' if kind != 'threads' else kind}{direct}"


class QemuNbd(ServedSide):
    needs = ("fio", "qemu-storage-daemon")

    def command(self):
        return ["qemu-storage-daemon",
                "--blockdev", _qemu_node(self.ctx.files, self.opts["node"]) + ",node-name=n",
                "--nbd-server", f"addr.type=unix,addr.path={self.socket}",
                "--export", "nbd,id=e,node-name=n,name=,writable=on"]


class QemuVub(ServedSide):
    """vhost-user-blk with an iothread of its own, driven by vublk."""

    @property
    def needs(self):
        return ("qemu-storage-daemon", self.ctx.tool("bench/vublk"))

    def command(self):
        return ["qemu-storage-daemon", "--object",
                f"iothread,id=io0,poll-max-ns={self.opts.get('poll_ns', 32768)}",
                "--blockdev", _qemu_node(self.ctx.files, self.opts["node"]) + ",node-name=n",
                "--export", "vhost-user-blk,id=e,node-name=n,writable=on,iothread=io0,"
                f"addr.type=unix,addr.path={self.socket}"]

    def client(self, point, seconds):
        cmd = [self.ctx.tool("bench/vublk"), "--socket", self.socket, "--rw", point.rw,
               "--bs", str(size_bytes(point.bs)), "--qd", str(point.qd),
               "--time", str(seconds)]
        if point.size:
            cmd += ["--size", str(size_bytes(point.size))]
        if self.opts.get("event"):
            cmd += ["--event"]
        text, cpu = procs.run(cmd, timeout=seconds + 30, cpus=self.ctx.client_cpus)
        return {**parse_bench(text), "client_cpu_s": cpu, "cmd": cmd}


class Nbdkit(ServedSide):
    needs = ("fio", "nbdkit")

    def command(self):
        files, kind = self.ctx.files, self.opts["plugin"]
        base = ["nbdkit", "-f", "-U", self.socket]
        if kind == "memory":
            return base + ["memory", str(files.size)]
        if kind == "xz":
            return base + ["-r", "--filter=xz", "file", files.xz(self.opts["block"]),
                           f"xz-max-depth={self.opts['depth']}"]
        return base + ["-r", "--filter=gzip", "file", files.gzip()]


def parse_bench(text):
    """vublk's and libtandem's bench's JSON object."""
    try:
        d = json.loads(text[text.index("{"):text.rindex("}") + 1])
        return {"iops": d["iops"], "bytes_per_s": d["bytes_per_s"], "ios": d["ios"],
                "lat_us": {k: v / 1e3 for k, v in d["lat_ns"].items() if k != "max"}}
    except (ValueError, KeyError) as e:
        raise procs.Failed(f"the client's JSON cannot be read: {e}") from None


def size_bytes(s):
    """fio's "4k", "1m" in bytes."""
    units = {"k": 10, "m": 20, "g": 30, "t": 40}
    s = s.lower()
    return int(s[:-1]) << units[s[-1]] if s[-1] in units else int(s)


PACKAGES = {"qemu-storage-daemon": "qemu-system-common", "ip": "iproute2",
            "dpdk-testpmd": "dpdk-dev"}

FIXED = ("--fixedbufs=1", "--registerfiles=1")

PEERS = {
    "fio-null": (FioSide, dict(engine="null")),
    "fio-uring": (FioSide, dict(engine="io_uring", file="raw")),
    "fio-uring-fixed": (FioSide, dict(engine="io_uring", file="raw", extra=FIXED)),
    "fio-uring-tmpfs": (FioSide, dict(engine="io_uring", file="tmpfs")),
    "fio-uring-tmpfs-fixed": (FioSide, dict(engine="io_uring", file="tmpfs", extra=FIXED)),
    "fio-libaio": (FioSide, dict(engine="libaio", file="raw")),
    "qemu-vub-tmpfs": (QemuVub, dict(node="tmpfs")),
    "qemu-vub-null": (QemuVub, dict(node="null")),
    "qemu-nbd-tmpfs": (QemuNbd, dict(node="tmpfs")),
    "nbdkit-memory": (Nbdkit, dict(plugin="memory", fill=True)),
    "nbdkit-xz": (Nbdkit, dict(plugin="xz", block=16 << 20, depth=8)),
    "nbdkit-xz-small": (Nbdkit, dict(plugin="xz", block=64 << 10, depth=1024)),
    "nbdkit-gzip": (Nbdkit, dict(plugin="gzip")),
}
