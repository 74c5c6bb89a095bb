# SPDX-License-Identifier: MIT
"""Two network namespaces of the benchmark's own, each held by a process that sleeps:
they are gone with it, however the benchmark ends. No root is needed."""
import os

from . import procs

LEFT, RIGHT = "10.77.0.1", "10.77.0.2"
_HOLD = ["sleep", "7200"]


class Pair:
    """left is the guest's, right the backend's; a side puts an interface into each."""

    def __init__(self):
        self.left = self.right = None
        self.left = self._hold(["unshare", "--user", "--map-root-user", "--net", *_HOLD],
                               os.getpid())
        self.right = self._hold([*self._into(self.left, net=False), "unshare", "--net",
                                 *_HOLD], self.left.pid)

    @staticmethod
    def _into(holder, net=True):
        return ["nsenter", "--preserve-credentials", "--user", *["--net"] * net,
                "-t", str(holder.pid)]

    @staticmethod
    def _hold(cmd, other):
        """Until its namespace is another than that of process `other`."""
        p = procs.spawn(cmd)
        try:
            procs.wait_for("a network namespace",
                           lambda: _settled(p.pid) and _net(p.pid) != _net(other), p)
        except BaseException:
            procs.end(p)
            raise
        return p

    def close(self):
        for p in (self.right, self.left):
            if p:
                procs.end(p)
        self.left = self.right = None

    def inside(self, end, cmd):
        """The command line that runs cmd in an end's namespace."""
        return [*self._into(end), *cmd]

    def ip(self, end, *words):
        procs.run(self.inside(end, ["ip", *words]), timeout=10)

    def up(self, left, right):
        """Addresses for the two interfaces."""
        for end, name, address in ((self.left, left, LEFT), (self.right, right, RIGHT)):
            self.ip(end, "address", "add", f"{address}/24", "dev", name)
            self.ip(end, "link", "set", name, "up")
            self.ip(end, "link", "set", "lo", "up")

    def has(self, end, name):
        """Is the interface there, and up?"""
        try:
            return "UP" in procs.run(self.inside(end, ["ip", "-o", "link", "show", name]),
                                     timeout=10)[0]
        except procs.Failed:
            return False


def _net(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def _settled(pid):
    """It is what it was to become, after fork, unshare and exec."""
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip() == _HOLD[0]
    except OSError:
        return False
