#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Another configuration in a saved machine's file, with checksums that are right.

    forge.py FROM TO JQ-FILTER
"""
import json
import struct
import subprocess
import sys
import zlib

HEAD = struct.Struct("<8I")  # hv/kvm/save_stream.h, struct save_head
SUMMED = HEAD.size - 4  # of a head, all but its own sum
CONFIG, END = 1, 7


def head(kind, number, raw, data):
    """A chunk's head, with its sums."""
    part = struct.pack("<7I", 0x184D2A5D, HEAD.size - 8, kind, number, raw, len(data),
                       zlib.crc32(data))
    return part + struct.pack("<I", zlib.crc32(part))


def zstd(data, *options):
    """By the program of that name."""
    return subprocess.run(["zstd", "-cq", *options], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


def main(source, target, jq):
    """Chunk by chunk; the sums of all heads stand in the last."""
    with open(source, "rb") as f:
        old = f.read()
    new, at, chunks, total = old[:HEAD.size], HEAD.size, 1, zlib.crc32(old[:SUMMED])
    while at < len(old):
        _, _, kind, number, raw, stored, _, _ = HEAD.unpack_from(old, at)
        data = old[at + HEAD.size:at + HEAD.size + stored]
        at += HEAD.size + stored
        if kind == CONFIG:
            text = subprocess.run(["jq", "-c", jq], input=zstd(data, "-d"), check=True,
                                  stdout=subprocess.PIPE).stdout
            json.loads(text)
            raw, data = len(text), zstd(text)
        elif kind == END:
            data = zstd(struct.pack("<2I", chunks, total))
        h = head(kind, number, raw, data)
        total, chunks = zlib.crc32(h[:SUMMED], total), chunks + 1
        new += h + data
    with open(target, "wb") as f:
        f.write(new)


main(*sys.argv[1:])
