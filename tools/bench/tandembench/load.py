# SPDX-License-Identifier: MIT
"""Loads: what a point of a row asks of every side, what it measures, and in which
units. The first of a load's metrics is its headline.
"""
from dataclasses import dataclass, replace
from typing import ClassVar


@dataclass(frozen=True)
class Point:
    """Block I/O."""
    kind: ClassVar = "block"
    metrics: ClassVar = ("iops", "bytes_per_s", "cpu_us_per_io", "round_trip_us")
    axis: ClassVar = ("thousand I/Os per second", 1e3)
    sweep_key: ClassVar = ("qd", "queue depth")

    qd: int
    bs: str = "4k"
    rw: str = "randread"
    batch: int = 1      # fio: submitted and reaped together; 1 is fio's default
    lat: bool = True    # False: gtod_reduce, for rates of millions
    rate: int = 0       # I/Os per second asked for; 0: as many as go
    size: str = ""      # only the first part of the device

    @property
    def name(self):
        words = [self.rw, self.bs, f"QD{self.qd}"]
        if self.batch > 1:
            words.append(f"batch {self.batch}")
        if self.rate:
            words.append(f"{self.rate}/s")
        if self.size:
            words.append(f"first {self.size}")
        return " ".join(words)

    def derive(self, s, cpu_s):
        """What follows from a sample and the CPU time of all that took part."""
        s["cpu_us_per_io"] = cpu_s * 1e6 / s["ios"]
        s["round_trip_us"] = self.qd * 1e6 / s["iops"]

    def sweep(self, quick):
        for qd in (1, 32) if quick else (1, 2, 4, 8, 16, 32, 64, 128):
            yield qd, replace(self, qd=qd, batch=max(1, min(16, qd // 2)), lat=True,
                              rate=0, size="")


@dataclass(frozen=True)
class Packets:
    """As many packets of one size as go, from a generator to a sink."""
    kind: ClassVar = "packets"
    metrics: ClassVar = ("pps", "gbit_per_s", "cpu_ns_per_packet")
    axis: ClassVar = ("million packets per second", 1e6)
    sweep_key: ClassVar = ("size", "bytes a packet")

    size: int
    way: str = "out"    # out: the frontend (DPDK: the client end) sends; in: it receives

    @property
    def name(self):
        return f"{self.size} bytes, {self.way}"

    def derive(self, s, cpu_s):
        s["gbit_per_s"] = s["pps"] * self.size * 8 / 1e9
        s["cpu_ns_per_packet"] = cpu_s * 1e9 / s["packets"]

    def sweep(self, quick):
        for size in (64, 1500) if quick else (64, 128, 256, 512, 1024, 1500):
            yield size, replace(self, size=size)


@dataclass(frozen=True)
class Stream:
    """iperf3: TCP from one network namespace to another."""
    kind: ClassVar = "stream"
    metrics: ClassVar = ("gbit_per_s", "gbit_per_cpu_s")
    axis: ClassVar = ("Gbit/s", 1)
    sweep_key: ClassVar = ("parallel", "streams")

    parallel: int = 1
    way: str = "out"

    @property
    def name(self):
        return f"TCP, {self.parallel} stream{'s' * (self.parallel > 1)}, {self.way}"

    def derive(self, s, cpu_s):
        s["gbit_per_s"] = s["bytes_per_s"] * 8 / 1e9
        s["gbit_per_cpu_s"] = s["bytes"] * 8 / 1e9 / cpu_s

    def sweep(self, quick):
        for n in (1, 4) if quick else (1, 2, 4, 8):
            yield n, replace(self, parallel=n)


@dataclass(frozen=True)
class Asking:
    """UDP request and response, one at a time."""
    kind: ClassVar = "asking"
    metrics: ClassVar = ("p50_us", "p99_us", "asks_per_s", "cpu_us_per_ask")
    axis: ClassVar = ("µs, p50", 1)

    size: int = 64

    @property
    def name(self):
        return f"UDP, {self.size} bytes there and back"

    def derive(self, s, cpu_s):
        s["p50_us"], s["p99_us"] = s["lat_us"]["p50"], s["lat_us"]["p99"]
        s["cpu_us_per_ask"] = cpu_s * 1e6 / s["asks"]


KINDS = {c.kind: c for c in (Point, Packets, Stream, Asking)}

LABELS = {"iops": "IOPS", "bytes_per_s": "bytes/s", "cpu_us_per_io": "CPU µs per I/O",
          "round_trip_us": "µs a round trip", "pps": "packets/s", "gbit_per_s": "Gbit/s",
          "cpu_ns_per_packet": "CPU ns per packet",
          "gbit_per_cpu_s": "Gbit per CPU-second", "p50_us": "µs, p50",
          "p99_us": "µs, p99", "asks_per_s": "round trips/s",
          "cpu_us_per_ask": "CPU µs per round trip"}
