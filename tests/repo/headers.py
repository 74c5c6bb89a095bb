#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every header compiles alone, with gcc and with clang, and twice in one file.

usage: headers.py FIO_SOURCE [CFLAGS...]

ringproto is held to -Wshadow and -Wconversion too. Headers of the fio engine
need fio's source: without it they are passed over.
"""
import concurrent.futures
import os
import shutil
import subprocess
import sys

import tree

WARN = ['-Wall', '-Wextra', '-Werror', '-std=gnu11', '-D_GNU_SOURCE', '-fsyntax-only',
        '-x', 'c']
STRICT = ['-Wshadow', '-Wconversion']


def compile_alone(cc, header, flags):
    text = f'#include "{header}"\n' * 2
    p = subprocess.run([cc, *WARN, *flags, '-I', tree.ROOT, '-'], input=text, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return p.returncode, f'{cc} {header}:\n{p.stdout}'


def main():
    fio, flags = sys.argv[1], sys.argv[2:]
    compilers = [c for c in ('gcc', 'clang-14') if shutil.which(c)]
    report = tree.Report()
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header in tree.files():
            if not header.endswith('.h'):
                continue
            extra = list(flags)
            if header.startswith(('ringproto/', 'hv/')):
                extra += STRICT
            if header.startswith('frontends/fio/'):
                if not fio:
                    continue
                extra += ['-isystem', fio, '-include', f'{fio}/config-host.h']
            jobs += [pool.submit(compile_alone, cc, header, extra) for cc in compilers]
        for job in jobs:
            code, out = job.result()
            report.check(code == 0, out)
    report.done(40)


if __name__ == '__main__':
    sys.exit(main())
