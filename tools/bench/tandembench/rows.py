# SPDX-License-Identifier: MIT
"""The rows of the benchmark as data: what is run, beside whom, and the target.

A side is named here and made in sides.py. A target's `ours` and `against` name
sides; with several names in `against` the best one counts.
"""
from dataclasses import dataclass, field

from .load import Asking, Packets, Point, Stream


@dataclass(frozen=True)
class Target:
    metric: str         # one of its load's (load.py)
    bound: float
    ours: str
    against: tuple = ()  # empty: the value itself is held to the bound
    at_most: bool = False
    points: tuple = ()   # indexes into the row's points; empty: all
    note: str = ""


@dataclass(frozen=True)
class Row:
    id: str
    title: str
    sides: tuple
    points: tuple
    targets: tuple
    sweep: tuple = ()    # sides for the plot of points[0] against its load's sweep
    notes: str = ""
    extra: tuple = field(default=())  # further measurements, by name (extras.py)


FAST = dict(lat=False)
RAM_PEERS = ("qemu-vub-tmpfs", "qemu-nbd-tmpfs", "nbdkit-memory")
NO_DATA_PEERS = ("qemu-vub-null",)
DPDK = ("dpdk-vhost", "dpdk-memif", "dpdk-memif-zc")
PACKETS = ("tandem-packets", "tandem-packets-poll") + DPDK

ROWS = (
    Row("B1", "null driver: the path without data",
        ("tandem-null", "fio-null"),
        (Point(32, **FAST), Point(128, **FAST), Point(32, batch=16, **FAST),
         Point(128, batch=16, **FAST)),
        (Target("iops", 0.8, "tandem-null", ("fio-null",)),),
        sweep=("tandem-null", "fio-null"), extra=("ring",)),
    Row("B2", "RAM driver: one copy",
        ("tandem-ram", "tandem-ram-lib") + RAM_PEERS + NO_DATA_PEERS,
        (Point(32, batch=16, **FAST), Point(32, batch=16, size="4m", **FAST)),
        (Target("iops", 3.0, "tandem-ram", RAM_PEERS, note="peers that hold data"),
         Target("iops", 3.0, "tandem-ram-lib", RAM_PEERS,
                note="tdblk, as vublk is a program of its own"),
         Target("iops", 3.0, "tandem-ram-lib", NO_DATA_PEERS,
                note="null-co with read-zeroes holds no data: one memset, no copy"),
         Target("iops", 2.5e6, "tandem-ram", note="where the ring alone does 40 M")),
        sweep=("tandem-ram",) + RAM_PEERS, extra=("ring",)),
    Row("B3", "RAM driver, one request at a time, both ends polling",
        ("tandem-ram-poll", "tandem-ram-poll-lib", "qemu-vub-tmpfs"),
        (Point(1, **FAST), Point(1, size="4m", **FAST)),
        (Target("round_trip_us", 0.6, "tandem-ram-poll-lib", at_most=True,
                note="tdblk"),
         Target("round_trip_us", 0.6, "tandem-ram-poll", at_most=True,
                note="with fio's own cost")),
        extra=("ring",)),
    Row("B4", "raw file, O_DIRECT, io_uring driver",
        ("tandem-raw", "fio-uring", "fio-uring-fixed"),
        (Point(1), Point(32), Point(32, batch=16)),
        (Target("iops", 0.98, "tandem-raw", ("fio-uring", "fio-uring-fixed")),
         Target("cpu_us_per_io", 1.3, "tandem-raw", ("fio-uring",), at_most=True)),
        sweep=("tandem-raw", "fio-uring", "fio-uring-fixed")),
    Row("B5", "file on tmpfs, io_uring driver",
        ("tandem-tmpfs", "fio-uring-tmpfs", "fio-uring-tmpfs-fixed"),
        (Point(32, **FAST), Point(32, batch=16, **FAST)),
        (Target("iops", 1.2, "tandem-tmpfs",
                ("fio-uring-tmpfs", "fio-uring-tmpfs-fixed")),),
        sweep=("tandem-tmpfs", "fio-uring-tmpfs", "fio-uring-tmpfs-fixed")),
    Row("B6", "raw file, O_DIRECT, libaio driver",
        ("tandem-aio", "fio-libaio"),
        (Point(1), Point(32), Point(32, batch=16)),
        (Target("iops", 0.97, "tandem-aio", ("fio-libaio",)),
         Target("cpu_us_per_io", 1.3, "tandem-aio", ("fio-libaio",), at_most=True)),
        sweep=("tandem-aio", "fio-libaio")),
    Row("B7", "sequential, large blocks (indirect segments)",
        ("tandem-raw", "fio-uring", "fio-libaio"),
        tuple(Point(qd, bs=bs, rw=rw) for bs, qd in (("128k", 16), ("512k", 8), ("1m", 8))
              for rw in ("read", "write")),
        (Target("bytes_per_s", 0.98, "tandem-raw", ("fio-uring", "fio-libaio")),)),
    Row("B8", "zstd image",
        ("tandem-zstd", "tandem-zstd-whole", "fio-uring", "nbdkit-xz", "nbdkit-xz-small",
         "nbdkit-gzip"),
        (Point(32), Point(32, size="8m"), Point(1)),
        (Target("iops", 5.0, "tandem-zstd", ("nbdkit-xz", "nbdkit-xz-small"),
                points=(0, 2)),
         Target("iops", 5.0, "tandem-zstd", ("nbdkit-gzip",), points=(0, 2),
                note="nbdkit's gzip filter unpacks the whole image into a file first"),
         Target("iops", 5.0, "tandem-zstd-whole", ("nbdkit-gzip",), points=(0, 2),
                note="a cache that has room for the whole image, as the filter has"),
         Target("iops", 0.8, "tandem-zstd", ("fio-uring",), points=(1,),
                note="cache hits")),
        sweep=("tandem-zstd", "fio-uring", "nbdkit-xz-small")),
    Row("B9", "events, polling, adaptive, at several loads",
        ("tandem-ram-adaptive", "tandem-ram-poll", "tandem-ram-event"),
        (Point(1, rate=500), Point(1, rate=20000), Point(1), Point(32)),
        (Target("iops", 0.9, "tandem-ram-adaptive",
                ("tandem-ram-poll", "tandem-ram-event")),),
        extra=("idle",),
        notes="At a load that all three carry the achieved rate is the same; latency and "
              "CPU time beside it say what it costs."),
    Row("B10", "many vbds in one backend process",
        (), (), (), extra=("many",)),
    Row("N1", "64-byte packets, generator to sink, one queue",
        PACKETS,
        (Packets(64), Packets(64, way="in")),
        (Target("pps", 1.2, "tandem-packets", DPDK),
         Target("pps", 1.2, "tandem-packets-poll", DPDK,
                note="polling always, as testpmd does")),
        sweep=("tandem-packets", "dpdk-vhost", "dpdk-memif"), extra=("ring",)),
    Row("N2", "1500-byte packets, the same",
        PACKETS,
        (Packets(1500), Packets(1500, way="in")),
        (Target("pps", 1.2, "tandem-packets", DPDK),
         Target("pps", 1.2, "tandem-packets-poll", DPDK,
                note="polling always, as testpmd does"))),
    Row("N3", "TCP between two namespaces, large segments",
        ("tandem-tap", "shovel", "veth"),
        (Stream(), Stream(way="in")),
        (Target("gbit_per_s", 1.0, "tandem-tap", ("shovel",)),
         Target("gbit_per_s", 0.75, "tandem-tap", ("veth",)),
         Target("gbit_per_cpu_s", 0.9, "tandem-tap", ("shovel",))),
        sweep=("tandem-tap", "shovel", "veth")),
    Row("N4", "TCP between two namespaces, packets of 1500 bytes",
        ("tandem-tap-plain", "tandem-tap-nogso", "shovel-plain", "veth-plain"),
        (Stream(), Stream(way="in")),
        (Target("gbit_per_s", 1.5, "tandem-tap-plain", ("shovel-plain",)),
         Target("gbit_per_s", 1.5, "tandem-tap-nogso", ("shovel-plain",),
                note="with checksum offload, which the shovel has not"))),
    Row("N5", "UDP request and response",
        ("tandem-tap", "shovel", "veth"),
        (Asking(),),
        (Target("p50_us", 1.0, "tandem-tap", ("shovel",), at_most=True),
         Target("p99_us", 1.0, "tandem-tap", ("shovel",), at_most=True))),
    Row("N6", "TCP, four streams, several queues",
        ("tandem-tap", "tandem-tap-q2", "tandem-tap-q4"),
        (Stream(4), Stream(4, way="in")),
        tuple(Target("gbit_per_s", 0.95, f"tandem-tap-q{n}", ("tandem-tap",),
                     note="no loss by more queues, within what runs differ")
              for n in (2, 4))),
    Row("N7", "many vifs on one switch in one backend process",
        (), (), (), extra=("vifs",)),
)


def find(ids):
    """The rows of 'B1,B2' or all of them. ValueError names what is unknown."""
    known = {r.id: r for r in ROWS}
    if not ids:
        return list(ROWS)
    wanted = [i.strip().upper() for i in ids.split(",") if i.strip()]
    unknown = [i for i in wanted if i not in known]
    if unknown:
        raise ValueError(f"no row {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[i] for i in wanted]
