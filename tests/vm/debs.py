# SPDX-License-Identifier: MIT
"""Debian packages that are unpacked, not installed: kernels and a static busybox.

A package is kept in the user's cache, in a directory named after its version, and
looked up anew after a week. The machine's own package lists are asked first; where
they are absent or so old that the mirror no longer has what they name, lists of our
own are fetched beside them. A package of another architecture (NAME:i386) comes from
those alone: what the machine installs from stays as it is.
"""
import fcntl
import functools
import os
import re
import shutil
import subprocess
import tempfile
import time

CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
                     'tandem', 'vm')
FRESH_SECONDS = 7 * 86400


class Missing(Exception):
    """A package that can neither be fetched nor is in the cache."""


def _run(*cmd, cwd=None):
    p = subprocess.run(cmd, cwd=cwd, text=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                       env={**os.environ, 'LC_ALL': 'C'})
    return p.stdout if p.returncode == 0 else None


@functools.cache
def _own_lists(folder, *more):
    """Options for apt: lists in a directory of the cache, and whether they are all fresh."""
    lists = os.path.join(CACHE, folder)
    os.makedirs(os.path.join(lists, 'lists', 'partial'), exist_ok=True)
    os.makedirs(os.path.join(lists, 'cache', 'archives', 'partial'), exist_ok=True)
    opts = ['-o', f'Dir::State::Lists={lists}/lists', '-o', f'Dir::Cache={lists}/cache',
            '-o', 'APT::Sandbox::User=', '-o', 'Acquire::Retries=3', *more]
    return opts, _run('apt-get', *opts, '-qq', 'update') is not None


def _views(arch):
    """Options for apt: the machine's own lists, then fresh ones."""
    if arch:
        # what a mirror in the middle of an update has is enough
        yield _own_lists(f'apt-{arch}', '-o', f'APT::Architectures::={arch}',
                         '-o', f'APT::Architecture={arch}')[0]
        return
    yield []
    opts, fresh = _own_lists('apt')
    if fresh:
        yield opts


def _resolve(name, opts):
    """(package, version) behind `name`: a kernel's metapackage depends on its image."""
    out = _run('apt-cache', *opts, 'depends', '--no-recommends', name) or ''
    m = re.search(r'Depends: (linux-image-\d\S*)', out)
    package = m.group(1) if m else name
    out = _run('apt-cache', *opts, 'policy', package) or ''
    m = re.search(r'Candidate: (\S+)', out)
    return (package, m.group(1)) if m and m.group(1) != '(none)' else None


def _unpack(package, version, target, opts):
    work = tempfile.mkdtemp(dir=CACHE)
    try:
        if _run('apt-get', *opts, '-qq', 'download', f'{package}={version}', cwd=work) is None:
            return False
        deb = os.path.join(work, os.listdir(work)[0])
        tree = os.path.join(work, 'tree')
        if _run('dpkg', '-x', deb, tree) is None:
            return False
        os.rename(tree, target)
        return True
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _cached(latest):
    try:
        with open(latest, encoding='utf-8') as f:
            target = f.read()
    except OSError:
        return None
    return target if os.path.isdir(target) else None


def _fetch(name, say):
    latest = os.path.join(CACHE, name + '.latest')
    if _cached(latest) and time.time() - os.path.getmtime(latest) < FRESH_SECONDS:
        return _cached(latest)
    for opts in _views(name.partition(':')[2]):
        found = _resolve(name, opts)
        if not found:
            continue
        target = os.path.join(CACHE, '_'.join(found).replace(':', '~'))
        if not os.path.isdir(target):
            say(f'fetching {found[0]} {found[1]}')
            if not _unpack(*found, target, opts):
                continue
        old = _cached(latest)
        if old and old != target:
            shutil.rmtree(old, ignore_errors=True)
        with open(latest, 'w', encoding='utf-8') as f:
            f.write(target)
        return target
    if _cached(latest):
        say(f'{name} cannot be looked up: using {_cached(latest)}')
        return _cached(latest)
    raise Missing(f'cannot fetch the package {name}')


def unpacked(name, say):
    """The directory that holds what Debian's package `name` contains; fetched if
    it is not there. A kernel is named by its metapackage, a package of another
    architecture NAME:ARCH. Raises Missing."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _fetch(name, say)
