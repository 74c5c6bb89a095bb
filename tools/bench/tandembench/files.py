# SPDX-License-Identifier: MIT
"""The files that the rows run on, made once a run and removed at its end."""
import os
import random
import shutil
import subprocess
import tempfile

from . import procs

_PAGE = 4096


class Files:
    """Lazily made: files.raw() is on a disk, files.tmpfs() in memory, both of the same
    size and fully written (a sparse file would be read without any disk)."""

    def __init__(self, scratch, size):
        self.size = size
        self._made = {}
        # short: unix socket names below it have 107 bytes
        self.run = tempfile.mkdtemp(prefix="tb-", dir=os.environ.get("TMPDIR", "/tmp"))
        self.disk = tempfile.mkdtemp(prefix="tandem-bench-", dir=scratch)
        self.shm = tempfile.mkdtemp(prefix="tandem-bench-", dir="/dev/shm")

    def close(self):
        for d in (self.disk, self.shm, self.run):
            shutil.rmtree(d, ignore_errors=True)

    def _once(self, key, make):
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def raw(self):
        return self._once("raw", lambda: self._write(f"{self.disk}/raw.img"))

    def tmpfs(self):
        return self._once("tmpfs", lambda: self._write(f"{self.shm}/tmpfs.img"))

    def _write(self, path):
        """Pages of which about 40 % are noise: they compress to roughly that."""
        rnd = random.Random(1)
        words = [rnd.randbytes(4).hex().encode() for _ in range(512)]
        with open(path, "wb") as f:
            for _ in range(0, self.size, 256 * _PAGE):
                chunk = bytearray()
                text = b" ".join(rnd.choices(words, k=40000))
                for _page in range(256):
                    at = rnd.randrange(len(text) - _PAGE)
                    chunk += rnd.randbytes(1600) + text[at:at + _PAGE - 1600]
                f.write(chunk)
            f.truncate(self.size)
            f.flush()
            os.fsync(f.fileno())
        return path

    def xz(self, block):
        def make():
            path = f"{self.disk}/raw-{block}.xz"
            self._compress(["xz", "-1", "-T0", f"--block-size={block}", "-kc", self.raw()],
                           path)
            return path
        return self._once(f"xz{block}", make)

    def gzip(self):
        def make():
            path = f"{self.disk}/raw.gz"
            self._compress(["gzip", "-1", "-kc", self.raw()], path)
            return path
        return self._once("gz", make)

    @staticmethod
    def _compress(cmd, path):
        if not shutil.which(cmd[0]):
            raise procs.Failed(f"{cmd[0]} is not installed")
        with open(path, "wb") as f:
            if subprocess.run(cmd, stdout=f, stdin=subprocess.DEVNULL).returncode:
                raise procs.Failed(f"{cmd[0]} failed")
