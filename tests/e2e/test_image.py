#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tandem image, end to end: what is converted, checked and committed, against
zstd -d and byte-for-byte models, with damage and with a full disk."""
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

IMAGE = os.path.abspath(sys.argv.pop(1))
SIZE = 24 << 20


def run(*args, status=0, **kw):
    p = subprocess.run([IMAGE, *map(str, args)], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=120, **kw)
    assert p.returncode == status, (args, p.returncode, p.stdout, p.stderr)
    if status == 2:
        assert p.stderr.count("\n") == 1, ("one clear line", p.stderr)
    return p.stdout if status == 0 else p.stderr


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def make_raw(path, size, seed):
    """Random, repetitive and sparse stretches."""
    rng = random.Random(seed)
    with open(path, "wb") as f:
        f.truncate(size)
        for i in range(40):
            n = rng.randrange(1, 200000)
            f.seek(rng.randrange(0, size - n))
            f.write(rng.randbytes(n) if i % 2 else b"tandem %d " % i * (n // 10))


def zstd(data):
    return subprocess.run(["zstd", "-qc", "-1"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def foreign(frames):
    """A seekable image by another writer: frames of any size, no checksums."""
    body, table = b"", b""
    for data in frames:
        z = zstd(data)
        body += z
        table += struct.pack("<II", len(z), len(data))
    return (body + struct.pack("<II", 0x184D2A5E, len(table) + 9) + table +
            struct.pack("<IBI", len(frames), 0, 0x8F92EAB1))


class Image(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tandem-image.")
        self.old = os.getcwd()
        os.chdir(self.dir)

    def tearDown(self):
        os.chdir(self.old)
        shutil.rmtree(self.dir)

    def leftovers(self):
        return [n for n in os.listdir(".") if ".tmp-" in n]

    def test_convert(self):
        for frame, size in (("16K", SIZE), ("64K", SIZE + 512), ("1M", SIZE - 1),
                            ("64K", 1), ("64K", 65536), ("64K", 65537)):
            if size > 1 << 20:
                make_raw("a.raw", size, frame)
            else:
                write("a.raw", b"x" * size)
            run("convert", "a.raw", "a.zst", "--frame-size", frame, "-f")
            plain = subprocess.run(["zstd", "-dc", "a.zst"], stdout=subprocess.PIPE,
                                   check=True).stdout
            self.assertTrue(plain == read("a.raw"))
            run("convert", "-f", "a.zst", "b.raw")
            self.assertTrue(read("b.raw") == plain)
            run("check", "a.zst")
            info = json.loads(run("info", "--json", "a.zst"))
            self.assertEqual((info["format"], info["size"]), ("zstd", size))
        self.assertEqual(self.leftovers(), [])

    def test_holes_stay(self):
        with open("a.raw", "wb") as f:
            f.truncate(1 << 30)
            f.seek(700 << 20)
            f.write(b"data")
        run("convert", "a.raw", "a.zst", "-j", 2)
        self.assertLess(os.path.getsize("a.zst"), 1 << 20)
        run("convert", "a.zst", "b.raw")
        self.assertEqual(os.path.getsize("b.raw"), 1 << 30)
        self.assertLess(os.stat("b.raw").st_blocks * 512, 4 << 20)
        with open("b.raw", "rb") as f:
            f.seek(700 << 20)
            self.assertEqual(f.read(5), b"data\0")

    def test_foreign(self):
        rng = random.Random(5)
        frames = [rng.randbytes(rng.choice((1, 511, 4097, 70000))) for _ in range(200)]
        write("f.zst", foreign(frames))
        run("convert", "f.zst", "f.raw")
        self.assertTrue(read("f.raw") == b"".join(frames))
        self.assertIn("without checksums", run("check", "f.zst"))
        info = json.loads(run("info", "f.zst", "--json"))
        self.assertEqual((info["frames"], info["checksums"]), (200, False))

    def test_truncated(self):
        make_raw("a.raw", 1 << 20, 1)
        run("convert", "a.raw", "a.zst")
        good = read("a.zst")
        n = len(good)
        table = 17 + 12 * 17
        for cut in (1, 4, 5, 8, 9, 10, table - 1, table, table + 1, table + 32,
                    table + 33, n // 2, n - 4, n - 3, n - 1):
            write("b.zst", good[:-cut])
            if n - cut >= 4:
                self.assertIn("b.zst", run("check", "b.zst", status=1))
            run("convert", "-f", "b.zst", "b.raw", "--source-format", "zstd", status=2)
            self.assertFalse(os.path.exists("b.raw"))
        write("b.zst", b"")
        run("info", "b.zst", "--source-format", status=2)

    def test_corrupt(self):
        make_raw("a.raw", 1 << 20, 2)
        run("convert", "a.raw", "a.zst", "--frame-size", "16K")
        good, want = read("a.zst"), read("a.raw")
        rng = random.Random(7)
        found = 0
        for _ in range(60):
            bad = bytearray(good)
            at = rng.randrange(len(bad))
            bad[at] ^= 1 << rng.randrange(8)
            write("b.zst", bad)
            p = subprocess.run([IMAGE, "check", "b.zst", "--json"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            found += p.returncode == 1
            c = subprocess.run([IMAGE, "convert", "-f", "b.zst", "b.raw"],
                               stderr=subprocess.DEVNULL)
            if c.returncode == 0:
                self.assertTrue(read("b.raw") == want)
            else:
                self.assertEqual(p.returncode, 1)
        self.assertGreater(found, 50)

    def test_check_says_where(self):
        make_raw("a.raw", 1 << 20, 3)
        run("convert", "a.raw", "a.zst")
        bad = bytearray(read("a.zst"))
        bad[20] ^= 1
        write("a.zst", bad)
        self.assertIn("frame 0 (bytes 0-65535", run("check", "a.zst", status=1))
        p = subprocess.run([IMAGE, "check", "--json", "a.zst"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
        j = json.loads(p.stdout)
        self.assertEqual((p.returncode, j["status"], j["damaged_frames"]),
                         (1, "damaged", 1))
        self.assertEqual(j["damage"][0]["offset"], 0)

    def test_errors(self):
        write("raw", b"r" * 4096)
        run("create", "c.zst", "--size", "1M")
        for args in (("info", "nowhere"), ("check", "raw"), ("convert", "nowhere", "x"),
                     ("convert", "raw", "c.zst"), ("convert", "raw", "raw", "-f"),
                     ("convert", "raw", "no/such/dir.zst"), ("check", "."),
                     ("create", "new", "--size", "1M", "--format", "qcow2"),
                     ("create", "new"), ("create", "new", "--size", "x"),
                     ("create", "c.zst", "--size", "1M"), ("commit", "raw"),
                     ("create", "odd.zst", "--size", "1000"), ("convert", "raw"),
                     ("convert", "raw", "x", "--frame-size", "8K"), ("nonsense",),
                     ("convert", "raw", "x", "-j", "0"), ("info",),
                     ("info", "raw", "--nonsense"),
                     ("info", "c.zst", "--overlay", "nowhere")):
            before = sorted(os.listdir("."))
            run(*args, status=2)
            self.assertEqual(sorted(os.listdir(".")), before)

    def test_full_disk(self):
        make_raw("a.raw", SIZE, 4)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        self.assertIn("File too large", run("convert", "a.raw", "a.zst", status=2,
                                            preexec_fn=limit))
        self.assertEqual(os.listdir("."), ["a.raw"])
        if os.path.exists("/dev/full"):
            self.assertIn("exists", run("convert", "a.raw", "/dev/full", status=2))

    def test_interrupted(self):
        with open("a.raw", "wb") as f:
            f.write(os.urandom(64 << 20))
        for sig in (signal.SIGINT, signal.SIGTERM):
            p = subprocess.Popen([IMAGE, "convert", "a.raw", "a.zst", "--level", "19"],
                                 stderr=subprocess.PIPE)
            end = time.monotonic() + 20
            while not self.leftovers() and time.monotonic() < end:
                time.sleep(0.01)
            self.assertNotEqual(self.leftovers(), [])
            p.send_signal(sig)
            self.assertEqual(p.communicate(timeout=30)[1], b"")
            self.assertEqual(p.returncode, 128 + sig)
            self.assertEqual(os.listdir("."), ["a.raw"])

    def test_progress(self):
        make_raw("a.raw", 1 << 20, 6)
        p = subprocess.run([IMAGE, "convert", "a.raw", "a.zst"], stderr=subprocess.PIPE)
        self.assertEqual(p.stderr, b"")
        p = subprocess.run([IMAGE, "convert", "-f", "a.raw", "a.zst", "--progress"],
                           stderr=subprocess.PIPE)
        self.assertIn(b"100.0 %", p.stderr)


if __name__ == "__main__":
    unittest.main()
