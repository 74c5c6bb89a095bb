# SPDX-License-Identifier: MIT
"""What the repository tests share: the files of the tree, and complaints."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files():
    """Tracked files, and those not added yet; without git, all but builds."""
    # a tree that another user owns is still the tree to test
    cmd = ['git', '-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others',
           '--exclude-standard']
    try:
        out = subprocess.run(cmd, cwd=ROOT, check=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        names = os.fsdecode(out).split('\0')
    except (OSError, subprocess.CalledProcessError):
        names = []
        for d, subdirs, fs in os.walk(ROOT):
            subdirs[:] = [s for s in subdirs if not s.startswith(('build', '.git'))]
            names += [os.path.relpath(os.path.join(d, f), ROOT) for f in fs]
    return sorted(n for n in set(names)
                  if n and os.path.isfile(os.path.join(ROOT, n)))


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8') as f:
        return f.read()


class Report:
    """Collects complaints; done() says them all and ends the test."""

    def __init__(self):
        self.complaints, self.checked = [], 0

    def check(self, ok, complaint):
        self.checked += 1
        if not ok:
            self.complaints.append(complaint)

    def done(self, least):
        for c in self.complaints:
            print(c)
        print(f'{self.checked} checks, {len(self.complaints)} complaints')
        if self.checked < least:
            print(f'too few: this test looked at less than it is for ({least})')
        sys.exit(1 if self.complaints or self.checked < least else 0)
