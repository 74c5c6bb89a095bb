# SPDX-License-Identifier: MIT
"""Sides of the network rows that make packets and drop them: tandem-netfront against
netback's ports gen and sink, and DPDK's testpmd at both ends of a virtual device."""
import json
import os
import re
import select
import subprocess
import time

from . import procs
from .sides import Side

_HUGEPAGES = "/proc/sys/vm/nr_hugepages"
_NEEDED = 420  # pages of 2 MiB: 128 MiB for each end of three pairs, and a bit
_HUGE = ("--in-memory", "--single-file-segments")
_PROMPT = "testpmd> "


class TandemPackets(Side):
    """A vif a direction and size; the frontend opens the one that the point asks for."""

    @property
    def needs(self):
        return tuple(self.ctx.tool(n) for n in
                     ("tandem", "tandem-hvd", "tandem-netback", "tandem-netfront"))

    def start(self):
        inst = self.ctx.instance
        self.guest, self.drv = f"g-{self.name}", f"d-{self.name}"
        inst.domain(self.guest)
        self.servers = [inst.backend("tandem-netback", self.drv,
                                     *self.opts.get("netback", ()))]
        self.vifs = {}

    def vif(self, point):
        port = "sink" if point.way == "out" else f"gen:;size={point.size};same=1"
        if port not in self.vifs:
            self.ctx.instance.cli("network-attach", self.guest,
                                  f"port={port},backend={self.drv}")
            self.vifs[port] = str(len(self.vifs))
        return self.vifs[port]

    def client(self, point, seconds):
        out = point.way == "out"
        cmd = [self.ctx.tool("tandem-netfront"), "--domain", self.guest,
               "--vif", self.vif(point), "--seconds", str(round(seconds) or 1),
               *(["--gen", str(point.size)] if out else ["--sink"]),
               *self.opts.get("netfront", ())]
        text, cpu = procs.run(cmd, self.ctx.instance.env, timeout=seconds + 30,
                              cpus=self.ctx.client_cpus)
        return {**parse_netfront(text, "tx" if out else "rx"), "lat_us": None,
                "client_cpu_s": cpu, "cmd": cmd}

    def stop(self):
        if self.servers:
            self.pause(False)
            for vif in getattr(self, "vifs", {}).values():
                try:
                    self.ctx.instance.cli("network-detach", "--force", self.guest, vif)
                except procs.Failed:
                    pass  # the backend may be gone
        super().stop()

    def pids(self):
        hvd = self.ctx.instance.hvd
        return super().pids() + ([hvd.pid] if hvd else [])


def parse_netfront(text, way):
    try:
        d = json.loads(text[text.index("{"):])
        n = d[f"{way}_packets"]
    except (ValueError, KeyError) as e:
        raise procs.Failed(f"tandem-netfront's JSON cannot be read: {e}") from None
    if not n:
        raise procs.Failed("tandem-netfront: no packet")
    return {"packets": n, "pps": n / d["seconds"]}


# Adds pages, and takes as many away again when its standard input ends: others may
# have changed the number meanwhile.
_KEEPER = """f=$1; old=$(cat $f); echo $((old + $2)) >$f; got=$(($(cat $f) - old)); echo
read x; now=$(($(cat $f) - got)); [ $now -ge 0 ] || now=0; echo $now >$f"""


class Hugepages:
    """Has the kernel set pages aside, as root, by a process that gives them back when
    we end, whatever our end is."""

    def __init__(self):
        self.keeper = None

    def ensure(self):
        """Are there pages? Without root perhaps not: DPDK then runs on small ones."""
        if self.keeper or _free_pages() >= _NEEDED:
            return True
        self.keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", _HUGEPAGES, str(_NEEDED)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        self.keeper.stdout.readline()
        if _free_pages() < _NEEDED:
            self.close()
        return self.keeper is not None

    def close(self):
        if self.keeper:
            self.keeper.stdin.close()
            self.keeper.stdout.close()
            self.keeper.wait(10)
            self.keeper = None


def _free_pages():
    with open("/proc/meminfo") as f:
        return next(int(l.split()[1]) for l in f if l.startswith("HugePages_Free"))


class Testpmd:
    """One dpdk-testpmd with one device, told what to do on its standard input."""

    def __init__(self, run, name, cpu, vdev, memory):
        read, self._in = os.pipe()
        self._out, write = os.pipe()
        cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        self.cmd = ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", f"(0)@({cpus}),1@{cpu}",
                    "--no-pci", *memory, "--no-telemetry", f"--file-prefix={name}",
                    "-m", "128", "--vdev", vdev, "--", "-i",
                    "--nb-cores=1", "--forward-mode=rxonly", "--total-num-mbufs=8192"]
        try:
            self.proc = procs.spawn(self.cmd, {**os.environ, "XDG_RUNTIME_DIR": run},
                                    write, write, stdin=read)
        finally:
            os.close(read)
            os.close(write)
        try:
            self.answer("start")
        except BaseException:
            self.close()
            raise

    def ask(self, words):
        os.write(self._in, f"{words}\n".encode())
        return self.answer(words)

    def answer(self, words, seconds=20):
        """What testpmd prints up to its prompt."""
        text, deadline = "", time.monotonic() + seconds
        while not text.endswith(_PROMPT):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._out], [], [], left)[0]:
                raise procs.Failed(f"dpdk-testpmd: {words}: no answer")
            more = os.read(self._out, 65536).decode(errors="replace")
            if not more:
                raise procs.Failed(f"dpdk-testpmd: {words}: it ended: {text[-200:].strip()}")
            text += more
        return text

    def received(self):
        return int(re.search(r"RX-packets: (\d+)", self.ask("show port stats 0"))[1])

    def close(self):
        procs.end(self.proc)
        os.close(self._in)
        os.close(self._out)


class Dpdk(Side):
    """testpmd at each end, a polling thread each on a CPU of its own."""
    needs = ("dpdk-testpmd",)

    def start(self):
        memory = _HUGE if self.ctx.hugepages.ensure() else ("--no-huge",)
        self.ends = []
        socket = f"{self.ctx.files.run}/{self.name}.s"
        vdevs = [v.format(socket) for v in self.opts["vdevs"]]
        cpus = sorted(os.sched_getaffinity(0))
        for i, vdev in enumerate(vdevs):
            self.ends.append(Testpmd(self.ctx.files.run, f"{self.name}{i}",
                                     cpus[i % len(cpus)], vdev, memory))
            self.servers.append(self.ends[-1].proc)

    def client(self, point, seconds):
        """The server end is the backend's place, the client end the frontend's."""
        back, front = self.ends
        sender, taker = (front, back) if point.way == "out" else (back, front)
        taker.ask("set fwd rxonly")
        sender.ask("set fwd txonly")
        sender.ask(f"set txpkts {point.size}")
        before = taker.received()
        try:
            taker.ask("start")
            sender.ask("start")
            time.sleep(min(0.2, seconds / 5))
            t0, n0 = time.monotonic(), taker.received()
            time.sleep(seconds)
            t1, n1 = time.monotonic(), taker.received()
        finally:
            sender.ask("stop")
            taker.ask("stop")
        if n1 == n0:
            raise procs.Failed("dpdk-testpmd: no packet arrived")
        return {"packets": taker.received() - before, "pps": (n1 - n0) / (t1 - t0),
                "lat_us": None, "client_cpu_s": 0.0,
                "cmd": [*front.cmd, "+", *back.cmd]}

    def stop(self):
        for end in getattr(self, "ends", ()):
            end.close()
        self.ends, self.servers, self.up = [], [], False


POLL = dict(restless=True, netback=("--poll-us", "always"), netfront=("--poll-us", "always"))
_MEMIF = "net_memif0,role={role},id=0,socket={{}},socket-abstract=no,bsize=2048"


def _memif(zero_copy):
    return (_MEMIF.format(role="server"),
            _MEMIF.format(role="client") + f",zero-copy={zero_copy}")


SIDES = {
    "tandem-packets": (TandemPackets, {}),
    "tandem-packets-poll": (TandemPackets, POLL),
    "dpdk-vhost": (Dpdk, dict(vdevs=("net_vhost0,iface={},queues=1",
                                     "net_virtio_user0,path={},queues=1,queue_size=1024"))),
    "dpdk-memif": (Dpdk, dict(vdevs=_memif("no"))),
    "dpdk-memif-zc": (Dpdk, dict(vdevs=_memif("yes"))),
}
