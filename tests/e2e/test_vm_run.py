#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/vm/run itself: what it counts, whom it ends, how it goes on after a loss.

usage: test_vm_run.py BUILD

The emulated machine is played by a script of a few lines here, so nothing is booted
and nothing fetched.
"""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

BUILD = os.path.abspath(sys.argv.pop(1))
VM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'vm')
sys.path.insert(0, VM)
import images  # noqa: E402
import machine  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader('vm_run', f'{VM}/run')
run = importlib.util.module_from_spec(importlib.util.spec_from_loader('vm_run', LOADER))
LOADER.exec_module(run)

# what the machine does at its n-th boot: lines of Python
PLAYER = '''#!/usr/bin/python3
import os, sys, time
state = {state!r}
n = int(open(state).read()) if os.path.exists(state) else 0
open(state, 'w').write(str(n + 1))
def say(text): print(text, flush=True)
def request(): return sys.stdin.readline().split()
exec({boots!r}[n])
'''
SERVE = "say('up 3')\nfor name, *_ in iter(request, []): say('done ' + name + ' 0')"


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as f:
            return f.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


class Folder(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(path, 0o755)
        return path


class Direct(Folder):
    """Real processes: what is a result, and what stays behind."""

    def command(self, *names):
        build = os.path.join(self.dir, 'b')
        return [f'{VM}/run', '--build', build, '--tests', self.dir, '--direct',
                '--no-images', *names]

    def setUp(self):
        super().setUp()
        os.makedirs(f'{self.dir}/b/tests/vm')
        os.symlink(f'{BUILD}/tests/vm/test_kvm', f'{self.dir}/b/tests/vm/test_kvm')
        self.write('test_good.sh', '#!/bin/sh\n[ -d "$VM_LOGS" ] && [ "$VM_NESTED" = 0 ]\n')
        self.write('test_bad.sh', '#!/bin/sh\necho "the reason"\nexit 3\n')
        self.write('test_none.sh', '#!/bin/sh\necho "ok lie (1.0 s)"\necho not here\nexit 77\n')
        self.write('test_late.sh', '#!/bin/sh\n# timeout: 1 s\ntrap "" TERM\n'
                   f'sleep 300 &\necho $! >{self.dir}/pid\nwait; wait\nsleep 300\n')

    def pid(self):
        for _ in range(500):
            with contextlib.suppress(OSError, ValueError):
                with open(f'{self.dir}/pid', encoding='utf-8') as f:
                    return int(f.read())
            time.sleep(0.02)
        self.fail('the test did not start')

    def run_it(self, *names):
        p = subprocess.run(self.command(*names), text=True, check=False, timeout=60,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return p.returncode, p.stdout

    def test_counts(self):
        status, out = self.run_it()
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r'(?m)^FAIL bad \(\d+\.\d s\): status 3$')
        self.assertIn('  the reason', out)
        self.assertRegex(out, r'(?m)^FAIL late .*: still running after 1 s$')
        self.assertRegex(out, r'(?m)^skip none .*: not here$')
        self.assertRegex(out, r'(?m)^ok   good ')
        self.assertIn('1 passed, 2 failed, 1 skipped', out)
        self.assertFalse(alive(self.pid()), 'a process of a test is left')
        self.assertTrue(os.path.exists(f'{self.dir}/b/vm/out/bad/log'))

    def test_chosen(self):
        self.assertEqual(self.run_it('good')[0], 0)
        status, out = self.run_it('good', 'other')
        self.assertEqual(status, 2)
        self.assertIn("no test 'other'", out)

    def test_limit(self):
        self.write('test_late.sh', '#!/bin/sh\n# timeout: 100 s\nsleep 90\n')
        status, out = self.run_it('--limit', '2', 'late', 'good')
        self.assertEqual(status, 1)
        self.assertRegex(out, r'(?m)^FAIL late ')
        self.assertRegex(out, r'(?m)^FAIL good .*: not done within the 2 s for all$')

    def test_interrupted(self):
        for sig, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            self.write('test_late.sh', f'#!/bin/sh\nsleep 300 &\necho $! >{self.dir}/pid\nwait\n')
            with subprocess.Popen(self.command('late'), stdout=subprocess.DEVNULL) as p:
                pid = self.pid()
                p.send_signal(sig)
                self.assertEqual(p.wait(30), status)
            self.assertFalse(alive(pid), f'signal {sig} leaves a process')
            os.unlink(f'{self.dir}/pid')


class Played(Folder):
    """The protocol with a machine that is played."""

    def play(self, boots, names=('one', 'two'), tried=True):
        """(counts, output) of a run of tests with these `boots`."""
        state = os.path.join(self.dir, 'state')
        qemu = self.write('qemu', PLAYER.format(state=state, boots=boots))
        tests, report, out = queue.Queue(), run.Report(), io.StringIO()
        for n in names:
            tests.put(mock.Mock(name=n, seconds=1, program='/bin/true', tried=tried))
            tests.queue[-1].name = n
        m = machine.Nested({'VM_DIR': self.dir}, f'{self.dir}/out',
                           {'kernel': 'k', 'initrd': 'i'})
        with mock.patch.multiple(machine, QEMU=qemu, BOOT_SECONDS=3, GRACE_SECONDS=1), \
                contextlib.redirect_stdout(out):
            run.work(m, tests, report, f'{self.dir}/out')
        self.assertIsNone(m.process)
        return report.count, out.getvalue()

    def test_all_well(self):
        count, out = self.play([SERVE])
        self.assertEqual(count, {'ok': 2, 'FAIL': 0, 'skip': 0})
        self.assertNotIn('once more', out)

    def test_second_boot(self):
        for first in ('sys.exit(1)', 'time.sleep(100)', "say('nonsense')"):
            with self.subTest(first):
                with contextlib.suppress(OSError):
                    os.unlink(f'{self.dir}/state')
                count, out = self.play([first, SERVE])
                self.assertEqual(count, {'ok': 2, 'FAIL': 0, 'skip': 0})
                self.assertIn('did not come up', out)

    def test_never_up(self):
        """No third boot: what is left is for other machines, or fails."""
        count, out = self.play(['sys.exit(1)'] * 2)
        self.assertEqual(count, {'ok': 0, 'FAIL': 1, 'skip': 0})
        self.assertIn('the machine ended', out)

    def test_lost_within(self):
        """The test that took the machine along fails, the next has a new one."""
        for lost in ("say('up'); request(); sys.exit()", "say('up'); request(); time.sleep(100)",
                     "say('up'); request(); say('done other 0'); time.sleep(100)",
                     "say('up'); request(); say('done one -'); time.sleep(100)"):
            with self.subTest(lost):
                with contextlib.suppress(OSError):
                    os.unlink(f'{self.dir}/state')
                count, out = self.play([lost, SERVE])
                self.assertEqual(count, {'ok': 1, 'FAIL': 1, 'skip': 0})
                self.assertIn('FAIL one', out)

    def test_second_try(self):
        """In a new machine, and said; the second failure is one."""
        fails = "say('up'); say(f'done {request()[0]} 1'); time.sleep(100)"
        count, out = self.play([fails, SERVE], tried=False)
        self.assertEqual(count, {'ok': 2, 'FAIL': 0, 'skip': 0})
        self.assertIn('one failed after', out)
        with contextlib.suppress(OSError):
            os.unlink(f'{self.dir}/state')
        count, out = self.play([fails, fails], names=('one',), tried=False)
        self.assertEqual(count, {'ok': 0, 'FAIL': 1, 'skip': 0})

    def test_statuses(self):
        count, _ = self.play(["say('up')\nfor s in (77, 124): say(f'done {request()[0]} {s}')"])
        self.assertEqual(count, {'ok': 0, 'FAIL': 1, 'skip': 1})


class Images(Folder):
    def test_archive(self):
        cpio = images.Cpio()
        cpio.console()
        cpio.file('a/b/text', b'hello', 0o644)
        cpio.file('a/odd', b'x' * 4097)
        p = subprocess.run(['cpio', '-itv', '--quiet'], input=cpio.end(), check=True,
                           stdout=subprocess.PIPE)
        lines = [line.split() for line in p.stdout.decode().splitlines()]
        self.assertEqual([line[-1] for line in lines],
                         ['dev', 'dev/console', 'a', 'a/b', 'a/b/text', 'a/odd'])
        self.assertEqual([line[0] for line in lines][-2:], ['-rw-r--r--', '-rwxr-xr-x'])
        self.assertEqual([line[4] for line in lines][-2:], ['5', '4097'])

    def test_kernel(self):
        elf = b'\x7fELF' + os.urandom(1000)
        for tool in (['xz', '--check=crc32'], ['zstd', '-q'], ['lz4', '-lq'], ['gzip']):
            with self.subTest(tool[0]):
                packed = subprocess.run([*tool, '-c'], input=elf, check=True,
                                        stdout=subprocess.PIPE).stdout + len(elf).to_bytes(4, 'little')
                head = bytearray(1024 + 512)
                head[0x1f1] = 2
                head[0x202:0x206] = b'HdrS'
                head[0x248:0x250] = (100).to_bytes(4, 'little') + len(packed).to_bytes(4, 'little')
                path = os.path.join(self.dir, 'bz')
                with open(path, 'wb') as f:
                    f.write(bytes(head) + b'\0' * 100 + packed)
                self.assertEqual(images.vmlinux_of(path), elf)

    def test_made_again(self):
        made, calls = images.Images(self.dir, None), []

        def make(_):
            calls.append(1)
            return b'%d' % len(calls)
        for inputs in ([1], [1], [2], [2], [1]):
            path = made._make('x', inputs, make)
        self.assertEqual(len(calls), 3)
        os.unlink(path)
        made._make('x', [1], make)
        self.assertEqual(len(calls), 4)


if __name__ == '__main__':
    unittest.main()
