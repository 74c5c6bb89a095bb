#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random bytes over one TCP connection: tcpsum.py recv, or send HOST PORT BYTES.

Both ends print the number and the SHA-256 of their bytes. The receiver prints its
port first and takes one connection.
"""
import hashlib
import os
import socket
import sys

CHUNK = 1 << 20


def receive():
    """What comes is counted and summed; 60 s without any is an error."""
    with socket.create_server(("::", 0), family=socket.AF_INET6,
                              dualstack_ipv6=True) as server:
        server.settimeout(60)
        print(server.getsockname()[1], flush=True)
        conn, _ = server.accept()
    total, digest, room = 0, hashlib.sha256(), bytearray(CHUNK)
    with conn:
        conn.settimeout(60)
        while n := conn.recv_into(room):
            digest.update(memoryview(room)[:n])
            total += n
        conn.sendall(b"done")
    print(total, digest.hexdigest(), flush=True)


def send(host, port, left):
    """The other end says when it has all."""
    total, digest = left, hashlib.sha256()
    with socket.create_connection((host, port), timeout=60) as conn:
        while left:
            data = os.urandom(min(left, CHUNK))
            digest.update(data)
            conn.sendall(data)
            left -= len(data)
        conn.shutdown(socket.SHUT_WR)
        if conn.recv(4) != b"done":
            sys.exit("the other end closed early")
    print(total, digest.hexdigest(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "recv":
        receive()
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
