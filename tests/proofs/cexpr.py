# SPDX-License-Identifier: MIT
"""One-line C functions out of a header, as functions over z3's 32-bit words.

What is proved is the text of the header: a `static inline` function whose body
is one return of +, -, &, |, <<, >>, comparisons and && over unsigned words, and
calls of other such functions. Anything else is refused.
"""
import re

import z3

BITS = 32


class Word:
    """An unsigned word: C's operators over a z3 bit vector."""

    def __init__(self, v):
        self.v = z3.BitVecVal(v, BITS) if isinstance(v, int) else v

    def _op(self, other, f):
        return Word(f(self.v, other.v if isinstance(other, Word)
                      else z3.BitVecVal(other, BITS)))

    def _cmp(self, other, f):
        return self._op(other, f).v

    def __sub__(self, o): return self._op(o, lambda a, b: a - b)
    def __add__(self, o): return self._op(o, lambda a, b: a + b)
    def __and__(self, o): return self._op(o, lambda a, b: a & b)
    def __or__(self, o): return self._op(o, lambda a, b: a | b)
    def __lshift__(self, o): return self._op(o, lambda a, b: a << b)
    def __rshift__(self, o): return self._op(o, z3.LShR)
    def __lt__(self, o): return self._cmp(o, z3.ULT)
    def __le__(self, o): return self._cmp(o, z3.ULE)
    def __gt__(self, o): return self._cmp(o, z3.UGT)
    def __ge__(self, o): return self._cmp(o, z3.UGE)


FUNCTION = re.compile(
    r'static inline (?P<type>\w+) (?P<name>\w+)\((?P<args>[^)]*)\)\s*\{\s*'
    r'return (?P<expr>[^;{}]*);\s*\}')
DEFINE = re.compile(r'^#define\s+(\w+)\s+(.+?)\s*$', re.M)
ALLOWED = re.compile(r'^[\w\s()+\-&|<>=,]*$')


def python_of(expr):
    """C to Python: no casts to the word type, && as a call, no suffixes."""
    expr = re.sub(r'/\*.*?\*/', ' ', expr, flags=re.S)
    expr = re.sub(r'\((ring_idx_t|uint32_t)\)', '', expr)
    expr = re.sub(r'\b(0x[0-9a-fA-F]+|\d+)u\b', r'\1', expr)
    if not ALLOWED.match(expr) or re.search(r'\|\||(?<!&)&(?=&&)', expr):
        raise ValueError(f'not understood: {expr}')
    parts = [' '.join(p.split()) for p in expr.split('&&')]
    for p in parts:
        if p.count('(') != p.count(')'):
            raise ValueError(f'&& below the top: {expr}')
    return parts[0] if len(parts) == 1 else f"z3.And({', '.join(parts)})"


def load(*paths):
    """{name: function of Words} of every one-line function in the headers."""
    env = {'z3': z3}
    for path in paths:
        with open(path, encoding='utf-8') as f:
            text = f.read()
        for name, value in DEFINE.findall(text):
            value = re.sub(r'/\*.*', '', value).strip()
            try:
                env[name] = eval(python_of(value), {}, env)  # pylint: disable=eval-used
            except (ValueError, SyntaxError, NameError, TypeError):
                pass  # no number: nothing that an expression here can use
        for m in FUNCTION.finditer(text):
            args = [a.split()[-1] for a in m['args'].split(',')]
            src = f"lambda {', '.join(args)}: {python_of(m['expr'])}"
            env[m['name']] = eval(src, env)  # pylint: disable=eval-used
    return env
