# SPDX-License-Identifier: MIT
"""What the figures were measured on."""
import os
import platform
import re
import shutil
import subprocess

_VERSIONS = {
    "fio": ["fio", "--version"],
    "qemu-storage-daemon": ["qemu-storage-daemon", "--version"],
    "nbdkit": ["nbdkit", "--version"],
    "zstd": ["zstd", "--version"],
    "iperf3": ["iperf3", "--version"],
    "dpdk-dev": ["dpkg-query", "-W", "-f=${Version}", "dpdk-dev"],
}


def _read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return None


def _first_line(cmd):
    if not shutil.which(cmd[0]):
        return None
    r = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return r.stdout.strip().splitlines()[0] if r.stdout.strip() else None


def _filesystem(path):
    r = subprocess.run(["findmnt", "-no", "SOURCE,FSTYPE", "-T", path],
                       stdout=subprocess.PIPE, text=True)
    return r.stdout.strip()


def describe(root, scratch):
    cpu = re.search(r"model name\s*:\s*(.*)", _read("/proc/cpuinfo") or "")
    git = subprocess.run(["git", "-C", root, "describe", "--always", "--dirty"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "memory_MiB": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        "load": _read("/proc/loadavg"),
        "idle_driver": _read("/sys/devices/system/cpu/cpuidle/current_driver"),
        "haltpoll_ns": _read("/sys/module/haltpoll/parameters/guest_halt_poll_ns"),
        "scratch": _filesystem(scratch),
        "tandem": git.stdout.strip() or None,
        "versions": {k: _first_line(v) for k, v in _VERSIONS.items()},
    }
