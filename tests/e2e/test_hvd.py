#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tandem-hvd as a person meets it: instances, directories, signals, bad input."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

HVD = sys.argv.pop(1)


class Hvd(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="tandem-hvd-")
        self.procs = []
        self.env = dict(os.environ, TANDEM_LOG="warn")
        self.env.pop("TANDEM_DIR", None)

    def tearDown(self):
        for p in self.procs:
            if p.poll() is None:
                p.kill()
            p.wait()
            p.stderr.close()
        pid = self.pid()
        if pid and not self.procs:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.dir)

    def pid(self):
        """Of a daemonized instance, from its lock file."""
        try:
            with open(os.path.join(self.dir, "lock"), encoding="ascii") as f:
                return int(f.read() or 0) if self.answers() else 0
        except FileNotFoundError:
            return 0

    def answers(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            s.connect(os.path.join(self.dir, "hv.sock"))
            return True
        except OSError:
            return False
        finally:
            s.close()

    def start(self, *args, ready=True):
        p = subprocess.Popen([HVD, "--dir", self.dir, *args], stderr=subprocess.PIPE,
                             env=self.env, text=True)
        self.procs.append(p)
        for _ in range(500):
            if not ready or self.answers():
                break
            time.sleep(0.01)
        return p

    def run_hvd(self, *args, **kwargs):
        return subprocess.run([HVD, *args], capture_output=True, text=True,
                              timeout=20, env=dict(self.env, **kwargs))

    def sockets(self):
        return [os.path.exists(os.path.join(self.dir, n))
                for n in ("hv.sock", "xenstored/socket")]

    def assert_one_line(self, r, *words):
        self.assertEqual(r.returncode, 2, r)
        self.assertEqual(r.stdout, "")
        self.assertEqual(r.stderr.count("\n"), 1, r.stderr)
        for w in words:
            self.assertIn(w, r.stderr)

    def test_signals_end_it_cleanly(self):
        for sig in signal.SIGTERM, signal.SIGINT:
            p = self.start()
            self.assertEqual(self.sockets(), [True, True])
            p.send_signal(sig)
            self.assertEqual(p.wait(timeout=10), 0)
            self.assertEqual(p.stderr.read(), "")
            self.assertEqual(self.sockets(), [False, False])

    def test_second_instance(self):
        p = self.start()
        r = self.run_hvd("--dir", self.dir)
        self.assert_one_line(r, self.dir, "another instance", str(p.pid))
        r = self.run_hvd("--daemonize", "--dir", self.dir)
        self.assert_one_line(r, self.dir)
        self.assertTrue(self.answers())

    def test_stale_sockets(self):
        p = self.start()
        p.kill()
        p.wait()
        self.assertEqual(self.sockets(), [True, True])
        self.start()
        self.assertTrue(self.answers())

    def test_daemonize(self):
        r = self.run_hvd("--daemonize", "--dir", self.dir)
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, "", ""))
        self.assertTrue(self.answers())
        pid = self.pid()
        os.kill(pid, signal.SIGTERM)
        for _ in range(500):
            if self.sockets() == [False, False]:
                break
            time.sleep(0.01)
        self.assertEqual(self.sockets(), [False, False])

    def test_directories(self):
        sub = os.path.join(self.dir, "sub")
        self.assert_one_line(self.run_hvd("--dir", self.dir + "/no/such"), "no/such")
        os.mkdir(sub, 0o755)
        self.assert_one_line(self.run_hvd("--dir", sub), sub, "0700")
        os.symlink(self.dir, self.dir + "/link")
        self.assert_one_line(self.run_hvd("--dir", self.dir + "/link"), "link")
        with open(self.dir + "/file", "w", encoding="ascii"):
            self.assert_one_line(self.run_hvd("--dir", self.dir + "/file"), "file")
        self.assert_one_line(self.run_hvd("--dir", "/tmp/" + "x" * 200), "too long")
        os.rmdir(sub)
        # a missing one is made, for its user alone
        p = subprocess.Popen([HVD, "--dir", sub], stderr=subprocess.PIPE, env=self.env)
        self.procs.append(p)
        for _ in range(500):
            if os.path.exists(sub + "/hv.sock"):
                break
            time.sleep(0.01)
        self.assertEqual(stat.S_IMODE(os.stat(sub).st_mode), 0o700)

    def test_directory_from_environment(self):
        p = subprocess.Popen([HVD], stderr=subprocess.PIPE,
                             env=dict(self.env, TANDEM_DIR=self.dir))
        self.procs.append(p)
        for _ in range(500):
            if self.answers():
                break
            time.sleep(0.01)
        self.assertTrue(self.answers())

    def test_usage(self):
        r = self.run_hvd("--version")
        self.assertEqual(r.returncode, 0)
        self.assertTrue(r.stdout.startswith("tandem-hvd "))
        for bad in (["--no-such"], ["--dir"], ["word"]):
            r = self.run_hvd(*bad)
            self.assertEqual(r.returncode, 2)
            self.assertNotEqual(r.stderr, "")

    def test_idle_costs_nothing(self):
        p = self.start()

        def ticks():
            with open(f"/proc/{p.pid}/stat", encoding="ascii") as f:
                return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        before = ticks()
        time.sleep(1)
        self.assertLessEqual(ticks() - before, 1)

    def test_connections_without_end(self):
        """Out of descriptors it neither spins nor dies, and it recovers."""
        p = self.start()
        subprocess.run(["prlimit", f"--pid={p.pid}", "--nofile=64"], check=True)
        held = []
        for _ in range(100):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(os.path.join(self.dir, "hv.sock"))
            held.append(s)
        time.sleep(0.2)
        for s in held:
            s.close()
        time.sleep(0.1)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(5)
        s.connect(os.path.join(self.dir, "hv.sock"))
        # HELLO: op 0, version 1, all else zero
        s.send(bytes([0, 0, 0, 0, 1]) + bytes(3 + 16 + 192))
        reply = s.recv(200)
        self.assertEqual(reply[:4], bytes(4))
        self.assertIn(b"Domain-0", reply)
        s.close()
        self.assertIsNone(p.poll())


if __name__ == "__main__":
    unittest.main()
