# SPDX-License-Identifier: MIT
"""Where tests run: on this machine, or in one that QEMU emulates.

Both have start(), run(test), stop() and, for other threads, close(): stop for ever.
run() returns the test's exit status, or raises Lost if the machine went away or does
not answer; it must be started again.
"""
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
import time

QEMU = 'qemu-system-x86_64'
BOOT_SECONDS = 90
# an answer is late by more than the test's own bound
GRACE_SECONDS = 30


class Lost(Exception):
    pass


def end(process):
    """Ends a process that we started, politely first; its group too."""
    for sig, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 10)):
        if process.poll() is None:
            try:
                os.killpg(process.pid, sig)
                process.wait(seconds)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Machine:
    """What both have: one process at a time."""

    def __init__(self):
        self.lock, self.closed, self.process = threading.Lock(), False, None

    def spawn(self, command, **options):
        # setpriv: the process ends with us, whatever ends us
        command = ['setpriv', '--pdeathsig', 'TERM', *command]
        with self.lock:
            if self.closed:
                raise Lost('interrupted')
            self.process = subprocess.Popen(command, **options)
            return self.process

    def _end(self):
        process, self.process = self.process, None
        if process:
            end(process)

    def stop(self):
        self._end()

    def close(self):
        with self.lock:
            self.closed = True
            self._end()


class Direct(Machine):
    """This machine: /dev/kvm has what the hypervisor needs."""
    where = 'on this machine'

    def __init__(self, env, out):
        super().__init__()
        self.env, self.out = env, out

    def start(self):
        pass

    def run(self, test):
        folder = os.path.join(self.out, test.name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, 'log'), 'wb') as log:
            process = self.spawn(
                [test.program], env={**os.environ, **self.env, 'VM_LOGS': folder},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.env['VM_DIR'])
            try:
                status = process.wait(test.seconds)
            except subprocess.TimeoutExpired:
                status = 124
            self.stop()
        return status if status >= 0 else 128 - status


class Nested(Machine):
    """KVM inside QEMU's software emulation of AMD's SVM. `inside` runs there."""
    where = 'nested, in a machine that QEMU emulates'

    def __init__(self, env, out, images, cpus=1, memory='3G', index=0,
                 shell=False):
        super().__init__()
        self.env = {**env, 'VM_OUT': out, 'VM_SHELL': '1' if shell else '0', 'VM_NESTED': '1'}
        self.out, self.images, self.shell = out, images, shell
        self.cpus, self.memory, self.buffer = cpus, memory, b''
        self.pipes = ()
        self.index, self.boots = index, 0

    def _command(self):
        share = 'local,security_model=none,multidevs=remap'
        # ^C goes to the shell inside
        serial = ['-chardev', 'stdio,id=tty,signal=off', '-serial', 'chardev:tty']
        if not self.shell:
            serial = ['-serial', f'file:{self.console}', '-serial', 'stdio']
        # XSAVE: the emulation does not intercept XSETBV, so guests must not see it
        return [QEMU, '-M', 'q35', '-accel', 'tcg,thread=multi,tb-size=512',
                '-cpu', 'max,-xsave',
                '-smp', str(self.cpus), '-m', self.memory,
                '-kernel', self.images['kernel'], '-initrd', self.images['initrd'],
                '-append', 'console=ttyS0 panic=-1 nokaslr quiet mitigations=off nowatchdog',
                '-virtfs', f'{share},path=/,mount_tag=root,readonly=on',
                '-virtfs', f'{share},path={self.out.replace(",", ",,")},mount_tag=out',
                '-nodefaults', '-display', 'none', '-monitor', 'none', '-no-reboot', *serial]

    @property
    def console(self):
        return os.path.join(self.out, f'host-console-{self.index}.{self.boots}')

    def start(self):
        """Boots; raises Lost if the machine does not come up. A machine with a shell
        has ended when this returns."""
        self.boots += 1
        os.makedirs(self.out, exist_ok=True)
        with open(os.path.join(self.out, 'env'), 'w', encoding='utf-8') as f:
            for k, v in self.env.items():
                f.write(f'{k}={shlex.quote(v)}\n')
        if self.shell:
            self.spawn(self._command()).wait()
            return
        with open(os.path.join(self.out, f'qemu-{self.index}.log'), 'wb') as log:
            process = self.spawn(self._command(), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=log, start_new_session=True,
                                 bufsize=0)
        self.buffer, self.pipes = b'', (process.stdin, process.stdout)
        self._answer('up', BOOT_SECONDS)

    def _answer(self, word, seconds):
        """The rest of the next line that begins with `word`."""
        until, fd = time.monotonic() + seconds, self.pipes[1]
        with selectors.DefaultSelector() as sel:
            sel.register(fd, selectors.EVENT_READ)
            while True:
                line, sep, rest = self.buffer.partition(b'\n')
                if sep:
                    self.buffer = rest
                    text = line.decode(errors='replace').strip()
                    if text.split(' ')[0] == word:
                        return text[len(word):].strip()
                    continue
                if not sel.select(max(0, until - time.monotonic())):
                    raise Lost(f'no answer within {seconds} s')
                got = fd.read(4096)
                if not got:
                    raise Lost('the machine ended')
                self.buffer += got

    def run(self, test):
        try:
            self.pipes[0].write(f'{test.name} {test.seconds} {test.program}\n'.encode())
        except OSError as e:
            raise Lost('the machine ended') from e
        answer = self._answer('done', test.seconds + GRACE_SECONDS)
        name, _, status = answer.rpartition(' ')
        if name != test.name or not status.isdigit():
            raise Lost(f'an answer that fits no request: {answer!r}')
        return int(status)

    def stop(self):
        self._end()
        for p in self.pipes:
            p.close()
        self.pipes = ()


def available():
    return shutil.which(QEMU) is not None
