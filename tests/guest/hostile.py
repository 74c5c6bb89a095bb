#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Guests that make random hypercalls, one after the other: tandem-vm lives and stays small.

usage: hostile.py TANDEM_VM GUEST [p|v]

Each guest has another start of its chance, every second one spares nothing, the others
what they stand on as far as they know. For $GUEST_SECONDS, 10 unless said, or $HOURS. p: calls by a port, on any KVM; v: as guests call.
What a guest does to itself may crash it, or halt it for ever: tandem-vm must end as it
says it does, or when it is told to, with few lines, and without memory of its own that
grows.
"""
import os
import subprocess
import sys
import time

MIB = 16
OWN_KIB = 16 * 1024  # of the process, with what its libraries and its sanitizer take
LINES = 80
ENDS = (0, 17, 18, 19, 20, 21)
SECONDS, OBEYS = 30, 10


def run(argv, seed):
    """(status, lines on stderr, the most memory in KiB) of one guest."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as p:
        begin, told, text = time.monotonic(), False, b""
        os.set_blocking(p.stderr.fileno(), False)
        while True:
            pid, status, usage = os.wait4(p.pid, os.WNOHANG)
            text += p.stderr.read() or b""
            if pid:
                p.returncode = os.waitstatus_to_exitcode(status)
                break
            if not told and time.monotonic() > begin + SECONDS:
                told = True
                p.terminate()
            if time.monotonic() > begin + SECONDS + OBEYS:
                p.kill()
                raise SystemExit(f"seed {seed}: it does not end")
            time.sleep(0.02)
        return "told" if told and not p.returncode else p.returncode, text, usage.ru_maxrss


def main():
    vm, guest, way = sys.argv[1], sys.argv[2], (sys.argv[3:] + ["p"])[0]
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("no /dev/kvm here, or none for this user")
        return 77
    seconds = float(os.environ.get("HOURS", 0)) * 3600 or \
        float(os.environ.get("GUEST_SECONDS", 10))
    start = int(os.environ.get("SEED", 0)) or time.time_ns() // 1000000 % 1000000000
    asan = "asan" in vm or os.environ.get("ASAN_OPTIONS")
    end, n, most, ends = time.monotonic() + seconds, 0, 0, {}
    while n < 2 or time.monotonic() < end:
        seed = f"{start + n}{'w' if n % 2 else ''}"
        argv = [vm, "--name", "hostile", "--memory", str(MIB), "--kernel", guest, "--cmdline",
                way + seed] + (["--call-port"] if way == "p" else [])
        status, text, rss = run(argv, seed)
        ends[status] = ends.get(status, 0) + 1
        most = max(most, rss)
        # KVM writes times where such a guest said, which it then takes for pointers
        if status not in ENDS and (way, status) != ("v", "told"):
            print(text.decode(errors="replace"))
            print(f"seed {seed}: status {status}")
            return 1
        if text.count(b"\n") > LINES:
            print(f"seed {seed}: {text.count(10)} lines")
            return 1
        if not asan and rss > MIB * 1024 + OWN_KIB:
            print(f"seed {seed}: {rss} KiB")
            return 1
        n += 1
    if 0 not in ends:
        print(f"no guest from seed {start} on came to its end: {ends}")
        return 1
    print(f"{n} guests from seed {start} on, ends {ends}, at most {most} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
