#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""vublk against a real qemu-storage-daemon: what it writes is in the file, what it
reads is compared, and a wrong byte is noticed.

usage: test_vublk.py VUBLK
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SIZE = 4 << 20
BLOCK = 16384
M64 = (1 << 64) - 1


def pattern(block, word):
    x = ((block << 20 ^ word) + 0x9E3779B97F4A7C15) & M64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
    return x ^ x >> 27


def serve(blockdev, sock):
    qsd = subprocess.Popen(
        ["qemu-storage-daemon", "--object", "iothread,id=io0",
         "--blockdev", f"{blockdev},node-name=f",
         "--export", "vhost-user-blk,id=e,node-name=f,writable=on,iothread=io0,"
         f"addr.type=unix,addr.path={sock}"])
    for _ in range(200):
        if os.path.exists(sock):
            return qsd
        if qsd.poll() is not None:
            break
        time.sleep(0.02)
    qsd.kill()
    raise SystemExit("qemu-storage-daemon did not come up")


def stop(qsd):
    # not asked to go: its orderly end has been seen to wait for ever for a
    # client's connection, and all that was written is in the file already
    qsd.kill()
    qsd.wait()


def vublk(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, text=True, timeout=60)


def main():
    if not shutil.which("qemu-storage-daemon"):
        print("skipped: qemu-storage-daemon is not installed (qemu-system-common)")
        return 77
    exe = sys.argv[1]
    with tempfile.TemporaryDirectory() as d:
        img, sock = f"{d}/img", f"{d}/s"
        with open(img, "wb") as f:
            f.truncate(SIZE)
        qsd = serve(f"file,filename={img}", sock)
        try:
            r = vublk(exe, "--socket", sock, "--verify", "--bs", str(BLOCK), "--qd", "8")
            assert r.returncode == 0, r
            assert json.loads(r.stdout) == {
                "verified_blocks": SIZE // BLOCK, "errors": 0, "wrong": 0}, r.stdout
            r = vublk(exe, "--socket", sock, "--event", "--time", "0.2", "--qd", "4")
            out = json.loads(r.stdout)
            assert r.returncode == 0 and out["ios"] > 0 and out["errors"] == 0, out
            assert 0 < out["lat_ns"]["p50"] <= out["lat_ns"]["p99.9"], out
        finally:
            stop(qsd)
        with open(img, "rb") as f:
            data = f.read()
        assert len(data) == SIZE
        for block in range(SIZE // BLOCK):
            for word in (0, 1, BLOCK // 8 - 1):
                got, = struct.unpack_from("<Q", data, block * BLOCK + word * 8)
                assert got == pattern(block, word), f"block {block} word {word}"
        # a device that drops what is written must be seen
        sock = f"{d}/s2"
        qsd = serve(f"null-co,size={SIZE},read-zeroes=on", sock)
        try:
            r = vublk(exe, "--socket", sock, "--verify", "--bs", str(BLOCK))
            assert r.returncode == 1, r
            assert json.loads(r.stdout)["wrong"] == SIZE // BLOCK, r.stdout
        finally:
            stop(qsd)
        r = vublk(exe, "--socket", f"{d}/none")
        assert r.returncode == 2, r
    print("vublk: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
