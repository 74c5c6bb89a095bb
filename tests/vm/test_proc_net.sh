#!/bin/bash
# SPDX-License-Identifier: MIT
# The network of process domains where the guests run: the end-to-end test of
# transfers over taps and a switch, with fewer bytes. timeout: 240 s
NET_BYTES=$((2 << 20)) exec "$(dirname "$0")/../e2e/test_net_transfer.sh"
