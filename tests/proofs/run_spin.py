#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks a spin model, and that each of its mutants fails.

usage: run_spin.py MODEL [--ltl NAME] [MUTANT...]

A mutant is a macro that takes a piece of the protocol away: a model that
cannot fail proves nothing. Exit status 77: spin is not installed.
"""
import re
import shutil
import subprocess
import sys
import tempfile


def run(cmd, cwd):
    p = subprocess.run(cmd, cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return p.returncode, p.stdout


def verify(model, macros, ltl, cwd):
    """(number of errors, states, output) of an exhaustive search."""
    defs = [f'-D{m}' for m in macros]
    code, out = run(['spin', *defs, '-a', model], cwd)
    if code:
        raise SystemExit(f'spin -a {model}:\n{out}')
    kind = [] if ltl else ['-DSAFETY', '-DNOCLAIM']
    code, out = run(['cc', '-O1', '-w', *kind, '-DNFAIR=6', '-DMEMLIM=1024', '-o', 'pan',
                     'pan.c'], cwd)
    if code:
        raise SystemExit(f'cc pan.c:\n{out}')
    args = ['-a', '-f'] if ltl else []
    code, out = run(['./pan', '-m1000000', *args], cwd)
    m = re.search(r'errors: (\d+)', out)
    if not m or 'search depth too small' in out or 'out of memory' in out:
        raise SystemExit(f'the search of {model} {macros} was not complete:\n{out}')
    states = re.search(r'(\d+) states, stored', out)
    return int(m.group(1)), states.group(1) if states else '?', out


def main():
    args = sys.argv[1:]
    model, ltl = args.pop(0), None
    if args and args[0] == '--ltl':
        ltl = args[1]
        args = args[2:]
    if not shutil.which('spin'):
        print('skipped: spin is not installed')
        return 77
    failed = 0
    checks = [((), None, False)]
    if ltl:
        checks.append(((), ltl, False))
    checks += [((m,), ltl, True) for m in args]
    with tempfile.TemporaryDirectory() as cwd:
        for macros, claim, want in checks:
            # a mutant may break the safety or the liveness claim
            errors, states, out = verify(model, macros, None if macros else claim, cwd)
            if macros and not errors and claim:
                errors, states, out = verify(model, macros, claim, cwd)
            ok = bool(errors) == want
            failed += not ok
            print('ok  ' if ok else 'FAIL', macros[0] if macros else claim or 'safety',
                  'fails, as it must' if errors else f'holds in {states} states')
            if not ok:
                print(out)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
