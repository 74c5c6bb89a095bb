#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What every file of the tree keeps to.

An SPDX line and a sentence of purpose at the top; C files of 500 lines at most,
functions of 80 at most; no binaries but small test inputs; no tabs mixed into
Python, no trailing blanks, a newline at the end.
"""
import os
import re
import sys

import tree

MAX_FILE, MAX_FUNCTION = 500, 80
SOURCE = ('.c', '.h', '.py', '.sh', '.inc', '.pml')
# test inputs may be any bytes, but small
INPUTS = ('tests/fuzz/corpus/', 'tests/data/')
MAX_INPUT = 64 * 1024


def is_script(text):
    return text.startswith('#!')


def check_top(report, name, text):
    head = text.split('\n')[:6]
    at = next((i for i, l in enumerate(head) if 'SPDX-License-Identifier: MIT' in l), None)
    report.check(at is not None, f'{name}: no SPDX-License-Identifier: MIT at the top')
    if at is None or name.endswith('meson.build') or os.path.basename(name) == '__init__.py':
        return
    # a comment or docstring of some words right behind it
    rest = re.sub(r'^\s*#\s*shellcheck[^\n]*\n', '', '\n'.join(text.split('\n')[at + 1:at + 8]),
                  flags=re.M)
    m = re.match(r'\s*(/\*|#|//|"""|\'\'\')\s*(\*|#)?\s*(.*)', rest)
    report.check(bool(m) and len(re.findall(r'\w+', rest[:400])) >= 3,
                 f'{name}: no sentence of purpose behind the SPDX line')


def functions(text):
    """(first line, length) of each C function, as the house style writes them:
    its body opens with { alone in the first column and closes the same way."""
    start = None
    for i, line in enumerate(text.split('\n'), 1):
        if line == '{':
            start = i
        elif line == '}' and start is not None:
            yield start, i - start + 1
            start = None


def check_c(report, name, text):
    n = text.count('\n')
    report.check(n <= MAX_FILE, f'{name}: {n} lines, {MAX_FILE} at most')
    for at, length in functions(text):
        report.check(length <= MAX_FUNCTION,
                     f'{name}:{at}: a function of {length} lines, {MAX_FUNCTION} at most')
    if name.endswith('.h'):
        guard = re.search(r'#ifndef (TANDEM_\w+)\n#define \1\n', text)
        report.check(bool(guard), f'{name}: no TANDEM_..._H include guard')


def check_text(report, name, text):
    report.check(not text or text.endswith('\n'), f'{name}: no newline at the end')
    for i, line in enumerate(text.split('\n'), 1):
        report.check(line == line.rstrip() and '\r' not in line,
                     f'{name}:{i}: blanks at the end of the line')


def check_deps(report, name, text):
    for i, line in enumerate(text.split('\n'), 1):
        report.check(not line or re.match(r'#|[a-z0-9][a-z0-9.+-]+\s+# \S', line),
                     f'{name}:{i}: want "package  # why": {line}')


def main():
    report = tree.Report()
    sample = 'int f(void)\n{\n' + '\tx;\n' * 90 + '}\n'
    assert list(functions(sample)) == [(2, 92)]
    for name in tree.files():
        path = os.path.join(tree.ROOT, name)
        if name.startswith(INPUTS):
            size = os.path.getsize(path)
            report.check(size <= MAX_INPUT, f'{name}: {size} bytes, {MAX_INPUT} at most')
            continue
        with open(path, 'rb') as f:
            data = f.read()
        try:
            text = data.decode('utf-8')
        except UnicodeDecodeError:
            text = '\0'
        report.check('\0' not in text, f'{name}: a binary is tracked')
        if '\0' in text:
            continue
        check_text(report, name, text)
        script = is_script(text)
        if name.endswith(SOURCE) or name.endswith('meson.build') or script:
            check_top(report, name, text)
        if name.startswith('tools/deps.d/'):
            check_deps(report, name, text)
        if name.endswith(('.c', '.h')):
            check_c(report, name, text)
        if script:
            report.check(os.access(path, os.X_OK), f'{name}: a script that is not executable')
            report.check(not text.startswith('#!/usr/bin/env python'),
                         f'{name}: the z3 and matplotlib modules are Debian\'s: '
                         '#!/usr/bin/python3')
    report.done(1000)


if __name__ == '__main__':
    sys.exit(main())
