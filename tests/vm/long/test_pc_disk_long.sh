#!/bin/bash
# SPDX-License-Identifier: MIT
# test_pc_disk, with 2 GiB that are copied and checked, 256 MiB over each card each way, and
# all rates of the RTC that Windows uses. images: pc, timeout: 14400 s
# a PC in an emulated machine does not come to more: each interrupt is 2 ms there
rates='64/10 128/9'
[ "${VM_NESTED-}" = 1 ] || rates="$rates 256/8 512/7 1024/6"
DISK_MIB=2048 NET_MIB=256 RATES=$rates PC_SECONDS=14000
# shellcheck source=tests/vm/test_pc_disk.sh
. "$(dirname "$0")/../test_pc_disk.sh"
