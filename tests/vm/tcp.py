#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One TCP connection.  tcp.py ADDRESS PORT send FILE | tcp.py ADDRESS PORT receive"""
import shutil
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as s:
    if sys.argv[3] == 'send':
        with open(sys.argv[4], 'rb') as f:
            s.sendfile(f)
    else:
        with s.makefile('rb') as f:
            shutil.copyfileobj(f, sys.stdout.buffer)
