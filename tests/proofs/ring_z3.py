#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The ring arithmetic and the grant references, proved in full 32 bits.

usage: ring_z3.py SOURCE_ROOT LIBRARY

The functions are read out of ringproto/ring_idx.h and grant.h (cexpr.py), and
the reading is checked against the compiled headers (LIBRARY) on random and
boundary values. The models count with 64-bit indexes that never wrap; a word
in the ring is the low half of one.
"""
import ctypes
import itertools
import random
import sys

try:
    import z3
except ImportError:
    print('skipped: python3-z3 is not installed')
    sys.exit(77)

import cexpr
from cexpr import Word

failures = 0


def report(what, ok, detail=''):
    global failures  # pylint: disable=global-statement
    failures += not ok
    print('ok  ' if ok else 'FAIL', what, detail)


def prove(what, claim, *given):
    s = z3.Solver()
    s.set('timeout', 120000)
    s.add(*given, z3.Not(claim))
    r = s.check()
    report(what, r == z3.unsat, '' if r == z3.unsat else s.model() if r == z3.sat else r)


def exists(what, *given):
    """A proof that cannot fail is none: shows that there is such a case."""
    s = z3.Solver()
    s.add(*given)
    r = s.check()
    m = s.model() if r == z3.sat else None
    report(what, r == z3.sat, ', '.join(f'{d}={m[d]}' for d in m.decls()) if m else r)


def low(x):
    return Word(z3.Extract(31, 0, x))


def wide(word):
    return z3.ZeroExt(32, word.v)


def cross_check(f, lib):
    """The translation against the compiler, value by value."""
    rnd = random.Random(1)
    edge = [0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0xfffff,
            0x100000]
    for name, n in (('ring_idx_diff', 2), ('ring_idx_prod_ok', 4), ('ring_idx_notify', 3),
                    ('gref_make', 2), ('gref_arena', 1), ('gref_entry', 1)):
        c = getattr(lib, 'c_' + name)
        c.restype = ctypes.c_uint32
        args = [z3.BitVec(f'a{i}', 32) for i in range(n)]
        term = f[name](*map(Word, args))
        term = term.v if isinstance(term, Word) else term
        cases = list(itertools.islice(itertools.product(edge, repeat=n), 500))
        cases += [[rnd.getrandbits(32) for _ in range(n)] for _ in range(200)]
        base = [rnd.getrandbits(32) for _ in range(200)]
        cases += [[(b + rnd.randint(-40, 40)) & 0xffffffff for _ in range(n)] for b in base]
        wrong = 0
        for case in cases:
            subst = [(a, z3.BitVecVal(v, 32)) for a, v in zip(args, case)]
            v = z3.simplify(z3.substitute(term, *subst))
            got = int(z3.is_true(v)) if z3.is_bool(v) else v.as_long()
            wrong += got != c(*case)
        report(f'{name}: the reading agrees with the compiler in {len(cases)} cases',
               not wrong)


def prove_producer(f):
    """What ring_idx_prod_ok() accepts is exactly what an honest peer may show."""
    ok = lambda *a: f['ring_idx_prod_ok'](*a)  # noqa: E731
    base, seen, prod = z3.BitVecs('base seen prod', 64)
    size, word, cons = z3.BitVecs('size word cons', 32)
    s64 = z3.ZeroExt(32, size)
    world = [z3.ULE(base, 1 << 60), z3.ULE(base, seen), z3.ULE(seen, base + s64)]
    args = (low(seen), low(base), Word(size))

    prove('producer: every honest move is accepted', ok(low(prod), *args), *world,
          z3.ULE(seen, prod), z3.ULE(prod, base + s64))
    # what is accepted stands for an index of the window: this one
    there = base + wide(Word(word) - low(base))
    prove('producer: what is accepted is an honest move',
          z3.And(low(there).v == word, z3.ULE(seen, there), z3.ULE(there, base + s64)),
          *world, ok(Word(word), *args))
    prove('producer: work is at most the ring, from any place that was consumed',
          z3.ULE(word - cons, size),
          *world, ok(Word(word), *args),
          z3.ULE(cons - low(base).v, low(seen).v - low(base).v))
    # size 0 is a window too: a frontend that published nothing
    prove('producer: nothing published, nothing accepted but standing still',
          word == low(seen).v, *world, size == 0, ok(Word(word), *args))

    classic = z3.ULE(word - low(base).v, size)
    exists('counter-example: the overflow test alone accepts a backward move', *world,
           size == 32, classic, z3.Not(ok(Word(word), *args)),
           z3.ULT(word - low(base).v, low(seen).v - low(base).v),
           base == 100)
    exists('counter-example: and then prod - cons is nearly 2^32', *world, size == 32,
           classic, z3.UGT(word - low(seen).v, 0xffffff00), base == 100)


def prove_notify(f):
    notify = lambda *a: f['ring_idx_notify'](*a)  # noqa: E731
    old, mid, prod, event = z3.BitVecs('old mid prod event', 64)
    word = z3.BitVec('word', 32)
    one_window = z3.ULT(prod - old, 1 << 32)
    world = [z3.ULE(old, 1 << 60), z3.ULE(old, prod), one_window]

    prove('notify: the event index was passed, so it notifies',
          notify(low(prod), low(old), low(event)), *world, z3.ULT(old, event),
          z3.ULE(event, prod))
    passed = old + 1 + z3.ZeroExt(32, word - low(old).v - 1)
    prove('notify: it notifies, so the event index was passed',
          z3.And(z3.ULT(old, passed), z3.ULE(passed, prod)), *world,
          notify(low(prod), low(old), Word(word)))
    split = [z3.ULE(old, mid), z3.ULE(mid, prod)]
    first = notify(low(mid), low(old), low(event))
    second = notify(low(prod), low(mid), low(event))
    prove('notify: in one window exactly one of two pushes notifies, or none',
          z3.And(z3.Not(z3.And(first, second)),
                 z3.Or(first, second) == notify(low(prod), low(old), low(event))),
          *world, *split)
    prove('notify: no move, no event', z3.Not(notify(low(old), low(old), low(event))))
    exists('there is a push that notifies', *world, first)
    exists('there is a push that does not', *world, old != mid, z3.Not(first), *split)


def prove_arm(f):
    """An armed sleeper (event = cons + 1) is told of the first thing behind cons."""
    cons, prod = z3.BitVecs('cons prod', 64)
    notify = f['ring_idx_notify'](low(prod), low(cons), low(cons + 1))
    prove('arm: whatever is published after cons notifies', notify,
          z3.ULE(cons, 1 << 60), z3.ULT(cons, prod), z3.ULT(prod - cons, 1 << 32))


def prove_gref(f):
    arena, entry, ref = z3.BitVecs('arena entry ref', 32)
    make = lambda a, e: f['gref_make'](Word(a), Word(e))  # noqa: E731
    legal = [z3.ULT(arena, f['GREF_ARENAS']), z3.ULE(entry, f['GREF_ENTRY_MASK'])]
    prove('gref: arena and entry come back', z3.And(
        f['gref_arena'](make(arena, entry)).v == arena,
        f['gref_entry'](make(arena, entry)).v == entry), *legal)
    prove('gref: every reference is made of its own parts',
          make(f['gref_arena'](Word(ref)).v, f['gref_entry'](Word(ref)).v).v == ref)
    prove('gref: an entry too large does not reach another arena',
          f['gref_arena'](make(arena, ref)).v == arena, z3.ULT(arena, f['GREF_ARENAS']))
    prove('gref: parts are in bounds', z3.And(
        z3.ULT(f['gref_arena'](Word(ref)).v, f['GREF_ARENAS']),
        z3.ULE(f['gref_entry'](Word(ref)).v, f['GREF_ENTRY_MASK'])))
    prove('gref: only arena 0, entry 0 is the invalid one',
          z3.And(arena == 0, entry == 0), make(arena, entry).v == f['GREF_INVALID'],
          *legal)


def main():
    root, lib = sys.argv[1:3]
    f = cexpr.load(f'{root}/ringproto/ring_idx.h', f'{root}/ringproto/grant.h')
    cross_check(f, ctypes.CDLL(lib))
    prove_producer(f)
    prove_notify(f)
    prove_arm(f)
    prove_gref(f)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
