#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The control socket of tandem-vm, with a microguest that reads its console.

usage: control.py TANDEM_VM GUEST_CONSOLE
"""
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

VM, GUEST = sys.argv[1:3]
CALL, REPLY = 'IIIIQ', 'iIIIQQ'
INFO, PAUSE, UNPAUSE, VCPU, WAIT, END, RINGS, DUMP, EXITS, RESIDENT = range(10)
SEND, PIO, NR_EXITS = 0, 8, 14  # hv/kvm/exits.h
PAUSED, STOPPED = 1, 2
ENOENT, ESRCH, EINVAL, ENOSYS, EPROTO, EOPNOTSUPP = -2, -3, -22, -38, -71, -95
MAY_UNSHARE = subprocess.run(['unshare', '--user', '--mount', 'true'], check=False,
                             stderr=subprocess.DEVNULL).returncode == 0


class Control(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.path = tmp.name + '/s'
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self.path)
            listener.listen(64)
            fd = listener.fileno()
            # the sandbox stays on: what is served here works within it
            self.vm = subprocess.Popen(
                [VM, '--memory', '16', '--kernel', GUEST, '--cmdline', 'p', '--call-port',
                 '--control', str(fd), '--paused'], pass_fds=[fd],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end)
        self.conn = self.connect()
        self.call(INFO)  # it is up

    def end(self):
        self.vm.kill()
        self.vm.communicate()

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(30)
        s.connect(self.path)
        self.addCleanup(s.close)
        return s

    def send(self, conn, op, number=0, version=1, flags=0, value=0):
        conn.send(struct.pack(CALL, op, version, number, flags, value))

    def receive(self, conn):
        reply = conn.recv(64)
        return struct.unpack(REPLY, reply) if reply else None

    def call(self, op, **more):
        self.send(self.conn, op, **more)
        return self.receive(self.conn)

    def test_requests(self):
        status, version, vcpus, flags, memory, _ = self.call(INFO)
        self.assertEqual((status, version, vcpus, flags, memory), (0, 1, 1, PAUSED, 16 << 20))
        self.assertEqual(self.call(VCPU, number=1)[0], ENOENT)
        self.assertEqual(self.call(99)[0], ENOSYS)
        self.assertEqual(self.call(INFO, version=2)[:2], (EPROTO, 1))
        for field in ('number', 'flags', 'value'):
            self.assertEqual(self.call(PAUSE, **{field: 1})[0], EINVAL)
        # a console of its own page, and no xenstore for nobody's domain
        _, _, port, store_port, frame, store = self.call(RINGS)
        self.assertTrue(port and frame)
        self.assertEqual((store_port, store), (0, 0))

    def test_no_pc(self):
        """What a PC alone has."""
        for op, nfds, more in ((10, 1, {}), (11, 1, {}), (12, 0, {'number': 1, 'flags': 1}),
                               (13, 0, {}), (14, 0, {}), (15, 2, {}), (16, 0, {'flags': 1})):
            self.assertEqual(self.call(op, **more)[0], EINVAL if nfds else EOPNOTSUPP)
            if nfds:
                with tempfile.TemporaryFile() as f:
                    socket.send_fds(self.conn, [struct.pack(CALL, op, 1, 0, 0, 0)],
                                    [f.fileno()] * nfds)
                    self.assertEqual(self.receive(self.conn)[0], EOPNOTSUPP)
        self.assertEqual(self.call(12, number=1, flags=2)[0], EINVAL)
        self.assertEqual(self.call(13, number=1)[0], EINVAL)

    def test_descriptor(self):
        """One that no operation wants is refused, and closed."""
        before = len(os.listdir(f'/proc/{self.vm.pid}/fd'))
        for _ in range(20):
            socket.send_fds(self.conn, [struct.pack(CALL, INFO, 1, 0, 0, 0)], [0])
            self.assertEqual(self.receive(self.conn)[0], EINVAL)
        self.assertEqual(len(os.listdir(f'/proc/{self.vm.pid}/fd')), before)

    @unittest.skipUnless(MAY_UNSHARE, 'this system gives nobody namespaces')
    def test_namespaces(self):
        """No file system, network or name of the host's, and nothing to come back by."""
        for space in ('mnt', 'net', 'ipc', 'uts', 'cgroup'):
            self.assertNotEqual(os.readlink(f'/proc/{self.vm.pid}/ns/{space}'),
                                os.readlink(f'/proc/self/ns/{space}'))
        root = f'/proc/{self.vm.pid}/root'
        self.assertEqual(os.listdir(root), [])
        with self.assertRaises(OSError):
            os.mkdir(f'{root}/x')
        with open(f'/proc/{self.vm.pid}/mountinfo', encoding='ascii') as f:
            self.assertEqual(len(f.readlines()), 1)

    def exits(self):
        return [self.call(EXITS, value=i)[4] for i in range(NR_EXITS)]

    def test_counters(self):
        self.assertEqual(self.call(EXITS, number=1)[0], ENOENT)
        self.assertEqual(self.call(EXITS, value=NR_EXITS)[0], ENOENT)
        self.assertEqual(self.call(EXITS, value=1 << 63)[0], ENOENT)
        self.assertEqual(self.exits(), [0] * NR_EXITS)
        self.assertEqual(self.call(RESIDENT, number=1)[0], EINVAL)
        resident = self.call(RESIDENT)[4]
        # its kernel is there, most of its RAM was never touched
        self.assertTrue(0 < resident < 8 << 20, resident)
        self.call(UNPAUSE)
        self.vm.stdout.readline()
        exits = self.exits()
        # it says that it wrote; and a call by the port is a call, no access to a port
        self.assertGreater(exits[SEND], 0)
        self.assertEqual(exits[PIO], 0)

    def test_malformed(self):
        other = self.connect()
        other.send(b'short')
        self.assertIsNone(self.receive(other))
        other = self.connect()
        self.send(other, WAIT)
        self.send(other, INFO)  # before the answer
        self.assertIsNone(self.receive(other))
        self.assertEqual(self.call(INFO)[0], 0)

    def test_many(self):
        for _ in range(40):
            self.connect()
        self.assertEqual(self.call(INFO)[0], 0)

    def test_life(self):
        waiter = self.connect()
        self.send(waiter, WAIT)
        self.assertEqual(self.call(UNPAUSE)[0], 0)
        self.assertEqual(self.vm.stdout.readline(), b'what?\n')
        self.assertEqual(self.call(PAUSE)[0], 0)
        first = self.call(VCPU)[4]
        self.vm.stdin.write(b'hello\n')
        self.vm.stdin.flush()
        time.sleep(0.3)
        # the guest polls: running it would have used all of this
        self.assertLess(self.call(VCPU)[4] - first, 50_000_000)
        self.assertEqual(self.call(INFO)[3], PAUSED)
        self.assertEqual(self.call(UNPAUSE)[0], 0)
        self.assertEqual(self.receive(waiter)[4], 0)
        self.assertEqual(self.vm.stdout.readline(), b'HELLO\n')
        # stopped, and still there
        self.assertEqual(self.call(INFO)[3:], (STOPPED, 16 << 20, 0))
        self.assertEqual(self.call(WAIT)[::4], (0, 0))
        self.assertEqual(self.call(PAUSE)[0], ESRCH)
        self.assertIsNone(self.vm.poll())
        self.assertEqual(self.call(END)[0], 0)
        self.assertEqual(self.vm.wait(30), 0)


if not os.access('/dev/kvm', os.R_OK | os.W_OK):
    print('no /dev/kvm here, or none for this user')
    sys.exit(77)
unittest.main(argv=sys.argv[:1])
