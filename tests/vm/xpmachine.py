# SPDX-License-Identifier: MIT
"""A PC of tandem's as a person uses it: by the verbs of `tandem`, in a hypervisor of its own."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

NAME = 'xp'
CALL_SECONDS = 60
START_SECONDS = 30


class Failed(Exception):
    """A program of tandem's has not done what it was asked for."""


class Machine:
    """A context: the hypervisor runs within."""

    def __init__(self, build):
        self.tandem = os.environ.get('TANDEM', f'{build}/tools/tandem')
        self.hvd = os.environ.get('TANDEM_HVD', f'{build}/tools/tandem-hvd')
        for program in (self.tandem, self.hvd):
            if not os.access(program, os.X_OK):
                raise Failed(f'no program {program}: ninja -C {build} would be right')
        self.dir, self.process, self.env = None, None, None

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix='tandem-xp.')
        self.env = {k: v for k, v in os.environ.items() if k != 'XP_KEY'}
        self.env['TANDEM_DIR'] = f'{self.dir}/hv'
        try:
            # not with the terminal's ^C: the domain goes first
            self.process = subprocess.Popen([self.hvd, '--dir', f'{self.dir}/hv'], env=self.env,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
            end = time.monotonic() + START_SECONDS
            while self.call('info').returncode:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Failed('tandem-hvd does not start')
                time.sleep(0.05)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            with contextlib.suppress(Failed):
                self.call('destroy', NAME)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def call(self, *args):
        try:
            return subprocess.run([self.tandem, *args], env=self.env, check=False, text=True,
                                  errors='replace', stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=CALL_SECONDS)
        except subprocess.TimeoutExpired as e:
            raise Failed(f'tandem {args[0]} does not end') from e

    def create(self, config):
        path = f'{self.dir}/{NAME}.cfg'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(config)
        p = self.call('create', path)
        if p.returncode:
            raise Failed(p.stderr.strip() or f'tandem create: status {p.returncode}')
        return p.stderr.strip()

    def domid(self):
        """None: it is not there, or not yet again."""
        p = self.call('domid', NAME)
        return None if p.returncode else p.stdout.strip()

    def text(self):
        """What stands on the screen in a text mode; None in others."""
        p = self.call('screen-text', NAME)
        return None if p.returncode else p.stdout

    def shot(self, path):
        return self.call('screenshot', NAME, path).returncode == 0

    def key(self, name):
        return self.call('send-key', NAME, name).returncode == 0

    def viewer(self):
        p = self.call('vncviewer', NAME)
        return None if p.returncode else p.stdout.strip()

    def console(self):
        """All that the guest has written to COM1, or the last MiB of it"""
        try:
            with open(f'{self.dir}/hv/log/{NAME}.console', encoding='ascii',
                      errors='replace') as f:
                return f.read()
        except OSError:
            return ''

    def power_button(self, seconds):
        """Did it go away by itself?"""
        if self.call('trigger', NAME, 'power').returncode:
            return False
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.domid() is None:
                return True
            time.sleep(min(1, seconds / 10))
        return False
