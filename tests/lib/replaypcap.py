# SPDX-License-Identifier: MIT
"""Writes captures of numbered frames, and reads which of them another one holds.

    replaypcap.py make FILE COUNT [MICROSECONDS [SIZE [LINKTYPE]]]
    replaypcap.py numbers FILE

A frame is 02:00:00:00:00:01 to 00:16:3e:01:02:03 of Ethernet type 0x88b5, its
number and bytes that follow from it; SIZE 0: lengths from 60 to 1514 that do.
"""
import struct
import sys

PATTERN = bytes(range(251)) * 64
HEAD = bytes.fromhex('00163e010203' '020000000001' '88b5')


def frame(number, size):
    size = size or 60 + number * 7919 % 1455
    body = PATTERN[number % 251:number % 251 + size]
    return (HEAD + struct.pack('>I', number) + body)[:size]


def make(path, count, gap=0, size=0, link=1):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, link))
        for n in range(count):
            at, data = n * gap, frame(n, size)
            f.write(struct.pack('<IIII', 1000000000 + at // 1000000, at % 1000000,
                                len(data), len(data)) + data)


def numbers(path):
    with open(path, 'rb') as f:
        f.read(24)
        while len(head := f.read(16)) == 16:
            length = struct.unpack('<IIII', head)[2]
            data = f.read(length)
            if len(data) < length:  # still being written
                return
            if data[12:14] != HEAD[12:14]:
                continue
            number = struct.unpack('>I', data[14:18])[0]
            whole = data in (frame(number, 0), frame(number, len(data)))
            print(number, '' if whole else 'damaged')


if sys.argv[1] == 'make':
    make(sys.argv[2], *map(int, sys.argv[3:]))
else:
    numbers(sys.argv[2])
