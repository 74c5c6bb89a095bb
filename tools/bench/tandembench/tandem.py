# SPDX-License-Identifier: MIT
"""tandem's own sides: a hypervisor instance of the benchmark's own, and for each side
a driver domain with its blkback, a guest domain, and a disk."""
import os

from . import fio, procs
from .sides import Side, parse_bench, size_bytes


class Instance:
    """One tandem-hvd in a state directory that nobody else uses."""

    def __init__(self, ctx):
        self.ctx, self.hvd = ctx, None
        self.dir = f"{ctx.files.run}/t"
        self.env = {**os.environ, "TANDEM_DIR": self.dir}
        self.domains = set()

    def ensure(self):
        if self.hvd and self.hvd.poll() is None:
            return
        os.makedirs(self.dir, mode=0o700, exist_ok=True)
        self.log = open(f"{self.ctx.files.run}/hvd.log", "ab")
        self.hvd = procs.spawn([self.ctx.tool("tandem-hvd")], self.env, stderr=self.log)
        procs.wait_for("tandem-hvd", lambda: os.path.exists(f"{self.dir}/hv.sock"),
                       self.hvd)

    def domain(self, name):
        self.ensure()
        if name not in self.domains:
            self.cli("create", name)
            self.domains.add(name)

    def cli(self, *words):
        return procs.run([self.ctx.tool("tandem"), *words], self.env, timeout=60)[0]

    def backend(self, program, domain, *options):
        self.domain(domain)
        log = open(f"{self.ctx.files.run}/{domain}.log", "ab")
        return procs.spawn([self.ctx.tool(program), "--domain", domain, *options],
                           self.env, stderr=log, cpus=self.ctx.server_cpus)

    def blkback(self, domain, *options):
        return self.backend("tandem-blkback", domain, "--allow", self.ctx.files.disk,
                            "--allow", self.ctx.files.shm, *options)

    def close(self):
        if self.hvd:
            procs.end(self.hvd)
            self.hvd = None


class TandemSide(Side):
    """fio's external engine -> blkfront -> ring -> blkback -> a driver."""
    vdev = "xvda"

    @property
    def needs(self):
        t = self.ctx.tool
        return ("fio", t("tandem-hvd"), t("tandem-blkback"), t("tandem"),
                self.ctx.built("frontends/fio/tandem.so"))

    def start(self):
        inst = self.ctx.instance
        self.guest, self.drv = f"g-{self.name}", f"d-{self.name}"
        inst.domain(self.guest)
        self.servers = [inst.blkback(self.drv, *self.opts.get("blkback", ()))]
        inst.cli("block-attach", self.guest, self.disk())

    def disk(self):
        files, driver = self.ctx.files, self.opts["driver"]
        target = {"raw": files.raw, "tmpfs": files.tmpfs, "zstd": self.zstd,
                  "size": lambda: str(files.size)}[self.opts["target"]]()
        kind = "format=zstd" if driver == "zstd" else f"format=raw,backendtype={driver}"
        access = "r" if driver == "zstd" else "w"
        if "options" in self.opts:
            kind += f",options={self.opts['options']}"
        return f"{kind},vdev={self.vdev},access={access},backend={self.drv},target={target}"

    def zstd(self):
        """The raw file as a seekable zstd image."""
        path = f"{self.ctx.files.disk}/raw.zst"
        if not os.path.exists(path):
            self.ctx.instance.cli("image", "convert", self.ctx.files.raw(), path)
        return path

    def stop(self):
        if self.servers:
            self.pause(False)
            try:
                self.ctx.instance.cli("block-detach", self.guest, self.vdev)
            except procs.Failed:
                pass  # the backend may be gone
        super().stop()

    def pids(self):
        hvd = self.ctx.instance.hvd
        return super().pids() + ([hvd.pid] if hvd else [])

    def env(self):
        return self.ctx.instance.env

    def fill(self):
        tdblk = self.ctx.tool("bench/tdblk")
        rw = "read" if self.opts["driver"] == "zstd" else "write"
        procs.run([tdblk, self.files()[0], "--rw", rw, "--bs", str(256 << 10),
                   "--qd", "8", "--once"], self.env(), timeout=300)

    def files(self):
        return [f"{self.guest}/{self.vdev}"]

    def engine(self):
        so = self.ctx.built("frontends/fio/tandem.so")
        return [f"--ioengine=external:{so}", f"--filename={self.files()[0]}",
                *self.opts.get("engine", ())]


class TdblkSide(TandemSide):
    """The same by tdblk on libtandem, the counterpart of vublk."""

    @property
    def needs(self):
        t = self.ctx.tool
        return (t("tandem-hvd"), t("tandem-blkback"), t("tandem"), t("bench/tdblk"))

    def client(self, point, seconds):
        cmd = [self.ctx.tool("bench/tdblk"), self.files()[0],
               "--rw", point.rw, "--bs", str(size_bytes(point.bs)), "--qd", str(point.qd),
               "--time", str(seconds), *self.opts.get("client", ())]
        if point.size:
            cmd += ["--size", str(size_bytes(point.size))]
        text, cpu = procs.run(cmd, self.env(), timeout=seconds + 60,
                              cpus=self.ctx.client_cpus)
        return {**parse_bench(text), "client_cpu_s": cpu, "cmd": cmd}


RAM = dict(driver="ram", target="size", fill=True)
POLL = dict(restless=True, blkback=("--poll-us", "always"))
EVENT = ("--poll-us", "0")

SIDES = {
    "tandem-null": (TandemSide, dict(driver="null", target="size")),
    "tandem-ram": (TandemSide, RAM),
    "tandem-ram-lib": (TdblkSide, RAM),
    "tandem-ram-poll": (TandemSide, dict(RAM, **POLL, engine=("--tandem_poll_us=-1",))),
    "tandem-ram-poll-lib": (TdblkSide, dict(RAM, **POLL, client=("--poll-us", "always"))),
    "tandem-ram-event": (TandemSide, dict(RAM, blkback=EVENT, engine=("--tandem_poll_us=0",))),
    "tandem-ram-adaptive": (TandemSide, RAM),
    "tandem-raw": (TandemSide, dict(driver="uring", target="raw")),
    "tandem-tmpfs": (TandemSide, dict(driver="uring", target="tmpfs")),
    "tandem-aio": (TandemSide, dict(driver="aio", target="raw")),
    "tandem-zstd": (TandemSide, dict(driver="zstd", target="zstd")),
    "tandem-zstd-whole": (TandemSide, dict(driver="zstd", target="zstd", fill=True,
                                           options="cache=2G")),
}
