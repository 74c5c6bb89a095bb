#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The arrows of the design: which part may include which.

usage: includes.py [--self-test]

Reads every #include "..." of the tree. A part is the longest prefix in ALLOWED
that a file stands under; what it may include is listed there, besides its own
files. tools and tests may include anything.
"""
import os
import re
import sys

import tree

RING_HV = ('ringproto/grant.h', 'ringproto/grant_use.h', 'ringproto/evtchn.h',
           'ringproto/xs_wire.h', 'ringproto/xenbus.h')
PEER = ('ringproto/', 'hv/base/', 'hv/plat/plat.h')
ALLOWED = {
    'ringproto/': (),
    'hv/base/': (),
    'hv/core/': ('hv/base/',) + RING_HV,
    # the broker serves its xenstore and its domains over the socket
    'hv/proc/': ('hv/base/', 'hv/core/', 'hv/xenstore/') + RING_HV,
    'hv/xenstore/': ('hv/base/',) + RING_HV,
    'hv/kvm/': ('hv/base/',) + RING_HV,
    # plat_proc wraps the client of the control socket
    'hv/plat/': ('hv/base/', 'ringproto/', 'hv/proc/hvcall.h', 'hv/proc/hvclient.h'),
    'backends/': PEER,
    # the PC of a VM's process: its exits, and the drivers of its disks and cards
    'backends/pc/': ('hv/base/', 'hv/kvm/', 'backends/', 'ringproto/'),
    'frontends/': PEER,
}
ANYTHING = ('tools/', 'tests/')
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
# what a driver may link besides libc and io_uring: one library each
LIBRARY = re.compile(r'^(libaio|zstd|xxhash|jansson|seccomp|libnbd|nbdkit|pcap)')


def part_of(name):
    return max((p for p in ALLOWED if name.startswith(p)), key=len, default=None)


def complaint(name, included):
    """Why `name` may not include `included`, or None."""
    if name.startswith(ANYTHING):
        return None
    part = part_of(name)
    if part is None:
        return f'{name}: stands in no part that includes.py knows'
    if included.startswith((part,) + ALLOWED[part]):
        return None
    return f'{name}: includes "{included}", which {part} may not'


def check_file(report, name, text):
    libraries = set()
    for kind, included in INCLUDE.findall(text):
        if kind == '<':
            m = LIBRARY.match(included)
            if m:
                libraries.add(m.group(1))
            report.check(not (name.startswith('ringproto/') and '/' in included),
                         f'{name}: <{included}>: ringproto is freestanding C11')
            continue
        report.check(os.path.exists(os.path.join(tree.ROOT, included)),
                     f'{name}: "{included}": includes are written from the root')
        why = complaint(name, included)
        report.check(why is None, why)
    base = os.path.basename(name)
    if base.startswith('drv_'):
        report.check(len(libraries) <= 1,
                     f'{name}: a driver has one outside library at most: {libraries}')


def self_test():
    bad = [('backends/block/x.c', 'hv/core/domain.h'),
           ('backends/block/x.c', 'frontends/blkfront.h'),
           ('frontends/x.c', 'backends/xenbus.h'), ('frontends/x.c', 'hv/plat/plat_ops.h'),
           ('hv/core/x.c', 'ringproto/blkif.h'), ('hv/base/x.c', 'ringproto/ring.h'),
           ('ringproto/ring.h', 'hv/base/log.h'), ('hv/xenstore/x.c', 'hv/core/domain.h'),
           ('hv/kvm/x.c', 'hv/core/domain.h'), ('elsewhere/x.c', 'hv/base/log.h')]
    good = [('backends/block/x.c', 'hv/plat/plat.h'), ('tests/unit/x.c', 'hv/core/domain.h'),
            ('frontends/x.c', 'ringproto/blkif.h'), ('hv/core/x.c', 'hv/base/log.h')]
    assert all(complaint(*b) for b in bad)
    assert not any(complaint(*g) for g in good)


def main():
    self_test()
    report = tree.Report()
    for name in tree.files():
        if name.endswith(('.c', '.h')):
            check_file(report, name, tree.read(name))
    report.done(100)


if __name__ == '__main__':
    sys.exit(main())
